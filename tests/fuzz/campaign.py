"""One target's share of a campaign: its process, what it says, and whether its memory grew."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.fuzz import corpus
from tests.fuzz.reach import minimise
from tests.fuzz.targets import KEY, TARGETS

MAX_INPUT_BYTES: Final = 1_024
MAX_GROWTH_MB: Final = 40
"""From a quarter of the executions to the end; libFuzzer itself keeps what reaches new code."""
INPUT_TIMEOUT_S: Final = 10
RSS_LIMIT_MB: Final = 800

_PULSE: Final = re.compile(r"^#(\d+)\s.*\brss: (\d+)Mb")
_DONE: Final = re.compile(r"^stat::number_of_executed_units:\s*(\d+)")
_COVERED: Final = re.compile(r"^#\d+\s.*\bcov: (\d+)")


@dataclass(slots=True)
class Result:
    """What became of a target."""

    name: str
    executions: int = 0
    seconds: float = 0.0
    covered: int = 0
    status: int = 0
    memory: list[tuple[int, int]] = field(default_factory=list)
    """After so many executions, so many MB."""
    last_words: list[str] = field(default_factory=list)

    @property
    def growth_mb(self) -> int:
        """From a quarter of the executions to the end."""
        early = [mb for count, mb in self.memory if count <= max(self.executions // 4, self.memory[0][0])]
        return self.memory[-1][1] - early[-1] if early else 0

    @property
    def fault(self) -> str:
        """What is wrong; empty when nothing is."""
        if self.status:
            return f"ended with status {self.status}"
        if not self.executions:
            return "nothing was executed"
        return f"grew by {self.growth_mb} MB" if self.growth_mb > MAX_GROWTH_MB else ""


def run_target(name: str, folder: Path, *, executions: int, seconds: float) -> Result:
    """Fuzz one target in ``folder`` (its corpus, and what it found) until either limit."""
    inputs = folder / name
    inputs.mkdir(parents=True, exist_ok=True)
    for number, item in enumerate([*corpus.load(name), *corpus.make_seeds(name, KEY)]):
        (inputs / f"seed{number}").write_bytes(item)
    command = [
        *(sys.executable, "-m", "tests.fuzz.engine", name),
        *(f"-runs={executions}", f"-max_total_time={max(1, int(seconds))}", f"-max_len={MAX_INPUT_BYTES}"),
        *(f"-timeout={INPUT_TIMEOUT_S}", f"-rss_limit_mb={RSS_LIMIT_MB}", "-print_final_stats=1"),
        *(f"-artifact_prefix={folder}/found-{name}-", str(inputs)),
    ]
    return _follow(Result(name), command)


def _follow(result: Result, command: list[str]) -> Result:
    with subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace"
    ) as process:
        if process.stderr is None:
            raise RuntimeError("a process without the pipe that was asked for")
        for line in process.stderr:
            result.last_words = [*result.last_words[-39:], line.rstrip()]
            if (pulse := _PULSE.match(line)) is not None:
                result.executions = int(pulse[1])
                result.memory.append((int(pulse[1]), int(pulse[2])))
            if (covered := _COVERED.match(line)) is not None:
                result.covered = int(covered[1])
            if (done := _DONE.match(line)) is not None:
                result.executions = int(done[1])
    result.status = process.returncode
    return result


def keep_corpus(name: str, folder: Path) -> int:
    """Save what reaches code that nothing shorter reaches; how many inputs."""
    inputs = [path.read_bytes() for path in (folder / name).iterdir()]
    with TARGETS[name].open() as run:
        return corpus.save(name, minimise(run, inputs))
