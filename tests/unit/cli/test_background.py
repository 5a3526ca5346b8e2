"""A terminal that takes nothing holds nobody up."""

from __future__ import annotations

import io
import os

from hypernode.cli.background import MAX_PIECES, Background
from hypernode.cli.output import Words


def test_what_is_written_is_shown_in_order() -> None:
    shown = io.StringIO()
    stream = Background(Words(shown))
    for number in range(50):
        stream.write(f"{number}\n")
    stream.drain(5.0)
    assert shown.getvalue().splitlines() == [str(n) for n in range(50)]


def test_nobody_waits_for_a_terminal_that_takes_nothing() -> None:
    reader, writer = os.pipe()
    stream = Background(Words(os.fdopen(writer, "w", closefd=False)))
    for _ in range(MAX_PIECES + 100):
        assert stream.write("x" * 1_000) == 1_000
    stream.flush()
    stream.drain(0.01)
    # The thread that shows it must not outlive the test in a write.
    os.close(reader)


def test_without_anything_to_show_nothing_is_waited_for() -> None:
    Background(Words(None)).drain(60.0)


def test_it_is_a_terminal_where_its_stream_is_one() -> None:
    stream = Background(Words(None))
    assert not stream.isatty()
    assert stream.encoding == "utf-8"
