"""Catching up on a terminal: a bar from the first progress to the last; elsewhere nothing."""

from __future__ import annotations

import io

from hypernode.cli.sync_bar import SyncBar
from hypernode.node.sync.sync_progress import SyncProgress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


HALF = SyncProgress(100, 300, 200, messages=5_000, seconds=2.0, peers=("10.0.0.1:06969",))


def test_a_terminal_gets_a_bar_with_blocks_messages_and_percent() -> None:
    terminal = Terminal()
    bar = SyncBar(terminal)
    for _ in range(2):
        bar(HALF)
        bar(SyncProgress(100, 300, 300, messages=10_000, seconds=4.0))
        bar(None)
    shown = terminal.getvalue()
    assert "catching up" in shown
    assert shown.count("300/300 blocks 100 % 10000 messages") >= 2


def test_without_a_terminal_nothing_is_shown() -> None:
    plain = io.StringIO()
    bar = SyncBar(plain)
    bar(HALF)
    bar(None)
    assert plain.getvalue() == ""


def test_the_end_may_come_before_any_progress() -> None:
    terminal = Terminal()
    SyncBar(terminal)(None)
    assert terminal.getvalue() == ""
