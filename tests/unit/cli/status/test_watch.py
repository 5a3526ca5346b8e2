"""``status --watch`` has no end of its own: it ends with its reader."""

from __future__ import annotations

import os
import sys
import time

import pytest

from hypernode.cli.output import Answers, ReaderGone
from hypernode.cli.status import command


def test_a_watch_ends_when_its_reader_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    def show(args: object) -> int:
        print("DUTY", flush=True)
        return 0

    def sleep(seconds: float) -> None:
        pytest.fail("it goes on without a reader")

    read_end, write_end = os.pipe()
    os.close(read_end)
    monkeypatch.setattr(sys, "stdout", Answers(write_end, "utf-8"))
    monkeypatch.setattr(command, "_show_once", show)
    monkeypatch.setattr(time, "sleep", sleep)
    with pytest.raises(ReaderGone):
        command.main(["--watch"])
    os.close(write_end)
