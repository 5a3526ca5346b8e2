"""``data/run.json``: what the running node was started with, so that no tool contradicts it (spec 10, 1).

Written whole or not at all when the node starts, readable by its user alone, and removed at its end.  What a
killed node left is told by the process: its id may be another's by now, but not with the same start.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Final

from hypernode.config.settings import DATA_NAME, Flags, Settings, resolve_home
from hypernode.files.own_files import read_own, replacing

RUN_NAME: Final = "run.json"
MAX_BYTES: Final = 1_000_000
"""A command line has at most some hundred kilobytes."""
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")
_START_FIELD: Final = 19
"""Of the fields behind the name in ``/proc/PID/stat``: when it began, in ticks since the boot."""


@dataclass(frozen=True, slots=True)
class RunFacts:
    """One life of a node.  Paths are absolute; ``network``: a built-in name or the path of its file;
    ``ledger``: ours, ``pow_ledger``: the companion's; ``start``: when the process began."""

    pid: int
    start: str
    version: str
    home: str
    config: str
    network: str
    wallet: str
    ledger: str
    pow_ledger: str
    ip: str
    port: int
    argv: tuple[str, ...] = ()


def read_run(data: Path) -> RunFacts | None:
    """Of the node that runs on this data folder; None where none runs, or says nothing of itself."""
    try:
        raw = read_own(data / RUN_NAME, MAX_BYTES)
        facts = _parse(json.loads(raw)) if raw is not None else None
    except (OSError, ValueError, RecursionError):
        return None
    if facts is None or facts.start != read_start(facts.pid):
        return None
    return facts


def _parse(found: object) -> RunFacts | None:
    if not isinstance(found, Mapping):
        return None
    values = {field.name: found.get(field.name) for field in fields(RunFacts)}
    argv = values.pop("argv")
    if not isinstance(argv, Sequence) or not all(isinstance(word, str) for word in argv):
        return None
    pid, port = values["pid"], values["port"]
    if type(pid) is not int or type(port) is not int or not (pid > 0 and 0 < port < 1 << 16):
        return None
    if not all(isinstance(value, str) for name, value in values.items() if name not in ("pid", "port")):
        return None
    return RunFacts(**values, argv=tuple(argv))  # type: ignore[arg-type]


def read_start(pid: int) -> str:
    """When a process began, as a text that no other of this id ever has; empty where there is none."""
    try:
        fields_ = (
            Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        )
        return f"{_BOOT.read_text(encoding='ascii').strip()} {fields_[_START_FIELD]}"
    except FileNotFoundError:
        if Path("/proc/self").exists():
            return ""
    except (OSError, IndexError):
        return ""
    import psutil

    try:
        return str(psutil.Process(pid).create_time())
    except psutil.Error:
        return ""


@contextlib.contextmanager
def keep_run_file(data: Path, facts: RunFacts) -> Iterator[str]:
    """Write the file, and remove it at the end of the block.  Yields why it cannot be written, or an empty
    text: a node runs without it."""
    problem = ""
    try:
        with replacing(data / RUN_NAME) as file:
            file.write(json.dumps(asdict(facts), indent=1).encode())
    except OSError as error:
        problem = f"{data / RUN_NAME} cannot be written: tools need the flags of this node ({error})"
    try:
        yield problem
    finally:
        with contextlib.suppress(OSError):
            if (left := read_run(data)) is not None and left.pid == facts.pid:
                (data / RUN_NAME).unlink()


def follow_running(flags: Flags, folder: Path) -> Flags:
    """The flags, and what they leave open as the node that runs on this folder was started with; as the last
    one was, where that was killed and nobody changed its configuration since."""
    home = resolve_home(flags, folder)
    run = read_run(home / DATA_NAME) or _read_last(home / DATA_NAME)
    if run is None:
        return flags
    config = Path(run.config)
    return Flags(
        home=home,
        config=flags.config or (config if config.exists() else None),
        network=flags.network or run.network,
        wallet=flags.wallet or Path(run.wallet),
        pow_ledger=flags.pow_ledger or Path(run.pow_ledger),
        ip=flags.ip if flags.ip is not None else run.ip,
        port=flags.port if flags.port is not None else run.port,
    )


def _read_last(data: Path) -> RunFacts | None:
    """Of a node that was killed: its file stayed.  None where its configuration is newer, and in a
    copy of its folder."""
    try:
        raw = read_own(data / RUN_NAME, MAX_BYTES)
        facts = _parse(json.loads(raw)) if raw is not None else None
        if facts is None:
            return None
        if Path(facts.home) != data.parent:
            return None  # a copy of the folder, made somewhere else
        config, written = Path(facts.config), (data / RUN_NAME).stat().st_mtime
        return facts if config.exists() and config.stat().st_mtime <= written else None
    except (OSError, ValueError, RecursionError):
        return None


def describe_run(settings: Settings, pid: int, version: str, argv: Sequence[str]) -> RunFacts:
    """What a node that starts with these settings tells of itself."""
    return RunFacts(
        pid=pid,
        start=read_start(pid),
        version=version,
        home=str(settings.home),
        config=str(settings.config_path),
        network=settings.network_name,
        wallet=str(settings.wallet_path),
        ledger=str(settings.ledger_path),
        pow_ledger=str(settings.pow_ledger_path),
        ip=settings.listen_ip,
        port=settings.port,
        argv=tuple(argv),
    )
