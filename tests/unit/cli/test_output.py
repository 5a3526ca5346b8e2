"""What becomes of our commands when what they print on is closed, full, gone, or has few characters."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest
from rich.table import Table

from hypernode.__main__ import SUBCOMMANDS
from hypernode.cli.exit_codes import Exit
from hypernode.cli.output import Words, describe_fault, make_console
from hypernode.cli.sync_bar import SyncBar
from hypernode.node.sync.sync_progress import SyncProgress

ROOT: Final = Path(__file__).parents[3]
SCRIPT: Final = """
import sys
from hypernode.cli.output import need_reader, run_command
def main():
    {body}
    return 3
sys.exit(run_command("tool", main))
"""
ANSWER: Final = 'print("x" * 200_000); print("words", file=sys.stderr, flush=True)'
HALF: Final = SyncProgress(100, 300, 200, messages=5_000, seconds=2.0, peers=("10.0.0.1:06969",))


def play(body: str, redirect: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A command that would end with 3, run by a shell with a redirection."""
    shell = f'"$0" -c "$1" {redirect}'
    return subprocess.run(
        ["bash", "-c", shell, sys.executable, SCRIPT.format(body=body)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        timeout=30,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("body", [ANSWER, 'print("short")', "print('x'); sys.exit(0)"])
@pytest.mark.parametrize(
    ("redirect", "words"),
    [
        (">/dev/full", "standard output cannot be written: No space left on device"),
        (">&-", "standard output is closed"),
        ("1</dev/null", "standard output cannot be written: Bad file descriptor"),
    ],
)
def test_an_answer_that_is_lost_has_words_and_a_status_of_its_own(
    body: str, redirect: str, words: str
) -> None:
    ended = play(body, redirect)
    assert (ended.returncode, ended.stderr.splitlines()[-1]) == (Exit.OUTPUT, f"tool: {words}")
    assert "Traceback" not in ended.stderr


def test_a_command_that_prints_nothing_needs_no_output() -> None:
    assert play("pass", ">&-").returncode == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [(ANSWER, 3), ("print('x'); sys.exit(4)", 4), (f"need_reader(); {ANSWER}", Exit.READER_GONE)],
)
def test_a_reader_that_leaves_changes_no_status_but_ends_endless_output(body: str, status: int) -> None:
    ended = play(body, "| true; exit ${PIPESTATUS[0]}")
    assert ended.returncode == status
    assert ended.stderr in ("", "words\n")


@pytest.mark.parametrize(("body", "status"), [("pass", 3), ("need_reader()", Exit.READER_GONE)])
def test_a_terminal_that_hangs_up_is_a_reader_that_goes_away(body: str, status: int) -> None:
    master, slave = pty.openpty()
    wait = 'print("x", flush=True); sys.stdin.readline(); print("y" * 100_000)'
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT.format(body=f"{body}; {wait}")],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=slave,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        os.close(slave)
        assert os.read(master, 10) == b"x\r\n"
        os.close(master)
        _, said = process.communicate(b"\n", timeout=30)
    assert (process.returncode, said) == (status, b"")


@pytest.mark.parametrize("redirect", ["2>&-", "2>/dev/full", "2> >(true)", "0<&- 2>&-"])
def test_words_that_nobody_can_hear_change_nothing(redirect: str) -> None:
    body = 'print("w" * 100_000, file=sys.stderr, flush=True); print("more", file=sys.stderr); print("a")'
    ended = play(body, redirect)
    assert (ended.returncode, ended.stdout, ended.stderr) == (3, "a\n", "")


def test_a_descriptor_that_was_closed_is_not_given_to_a_file_of_ours(tmp_path: Path) -> None:
    body = f'f = open({str(tmp_path / "file")!r}, "w"); print(f.fileno(), file=sys.stderr)'
    assert int(play(body, "0<&- >&-").stderr) > 2


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [
        ("ascii", "a...b->\\xe9\\ud800\\u20ac\n"),
        ("latin-1", "a...b->\\xe9\\ud800\\u20ac\n"),
        ("utf-8", "a…b→é\\ud800€\n"),
    ],
)
def test_characters_that_a_terminal_has_not_are_replaced(encoding: str, shown: str) -> None:
    body = 'print("a…b→é\\ud800€"); print("→é€", file=sys.stderr)'
    ended = play(body, "", PYTHONIOENCODING=encoding)
    assert (ended.returncode, ended.stdout) == (3, shown)
    assert "Error" not in ended.stderr


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        ("raise ValueError('a\\nb')", Exit.OUR_FAULT, "a fault of ours: ValueError: a b (at <string>:5 main"),
        ("raise KeyboardInterrupt", Exit.INTERRUPTED, "interrupted"),
        ("raise MemoryError", Exit.TEMPORARY, "out of memory"),
        ("import hypernode.nosuch", Exit.CONFIGURATION, "a package is missing"),
    ],
)
def test_whatever_ends_a_command_is_one_line_and_a_status_of_no_answer(
    body: str, status: Exit, words: str
) -> None:
    ended = play(body, "")
    assert ended.returncode == status
    assert ended.stderr.startswith(f"tool: {words}")
    assert len(ended.stderr.splitlines()) == 1


def test_a_fault_without_words_has_a_name_and_a_place() -> None:
    assert describe_fault(RecursionError()).startswith("a fault of ours: RecursionError (at ")


@pytest.mark.parametrize("name", [name for name, known in SUBCOMMANDS.items() if known.script])
def test_every_script_prints_on_these_streams(name: str) -> None:
    script = SUBCOMMANDS[name].script
    with open("/dev/full", "w") as full:
        ended = subprocess.run(
            [sys.executable, f"{script}.py", "--help"],
            cwd=ROOT,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            timeout=30,
        )
    assert ended.returncode == Exit.OUTPUT
    assert ended.stderr == f"{script}: standard output cannot be written: No space left on device\n"


def _close_master(master: int) -> None:
    os.close(master)


def _do_nothing(master: int) -> None:
    """The terminal stays."""


@pytest.mark.parametrize("end", [_close_master, _do_nothing])
def test_a_terminal_that_vanishes_in_the_middle_of_a_bar_is_accepted(
    end: Callable[[int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        bar = SyncBar(terminal)
        bar(HALF)
        end(master)
        for _ in range(3):
            bar(HALF)
        bar(None)
    if end is _do_nothing:
        assert b"catching up" in os.read(master, 65_536)
        os.close(master)


def test_a_bar_needs_no_standard_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    bar = SyncBar()
    bar(HALF)
    bar(None)


def test_words_on_a_stream_that_is_closed_are_swallowed() -> None:
    closed = io.StringIO()
    closed.close()
    words = Words(closed)
    assert not words.isatty()
    assert words.write("hear me") == 7
    words.flush()


def test_a_table_keeps_to_the_characters_of_its_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, "ascii", "strict", write_through=True))
    table = Table("ip")
    table.add_row("10.0.0.1")
    make_console().print(table)
    assert b"| 10.0.0.1 |" in raw.getvalue()
