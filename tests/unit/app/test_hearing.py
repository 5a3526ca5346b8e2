"""The thread that hears signals: real ones, sent to this process."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from hypernode.app.signals import END_HUNG, END_TOLD, SAME_S, Reactions, Signals, Stopped, has_terminal


class Heard:
    """What the loop was told, and how the process was ended."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.ends: list[int] = []

    def attach(self, signals: Signals) -> None:
        signals.attach(
            Reactions(self.told.append, lambda: self.told.append("reload"), lambda: self.told.append("dump"))
        )


async def wait_until(holds: object) -> None:
    assert callable(holds)
    async with asyncio.timeout(5):
        while not holds():
            await asyncio.sleep(0.005)


def hang(seconds: float) -> None:
    """The loop does nothing meanwhile."""
    time.sleep(seconds)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


def test_a_signal_that_came_twice_stops_once_and_a_hang_is_ended(tmp_path: Path) -> None:
    heard = Heard()

    async def live() -> None:
        with Signals(tmp_path / "log", had_terminal=False, end=heard.ends.append, stop_s=0.1) as signals:
            heard.attach(signals)
            send(signal.SIGTERM)
            await wait_until(lambda: heard.told)
            send(signal.SIGTERM)
            await wait_until(lambda: heard.ends)

    asyncio.run(live())
    assert (heard.told, heard.ends[0]) == (["SIGTERM"], END_HUNG)
    log = (tmp_path / "log").read_text(encoding="utf-8")
    assert "SIGTERM: the node did not end in 0.1 s: stopping at once; this is where it hangs" in log
    assert "test_hearing.py" in log


def test_what_ends_by_itself_has_no_more_time_than_what_was_told(tmp_path: Path) -> None:
    heard = Heard()

    async def live() -> None:
        with Signals(tmp_path / "log", had_terminal=False, end=heard.ends.append, stop_s=0.05) as signals:
            signals.expect_end("a fault")
            signals.expect_end("the end")
            await wait_until(lambda: heard.ends)
            await asyncio.sleep(0.1)

    asyncio.run(live())
    assert heard.ends == [END_HUNG]
    assert "a fault: the node did not end in 0.05 s" in (tmp_path / "log").read_text(encoding="utf-8")


def test_a_second_signal_ends_at_once(tmp_path: Path) -> None:
    heard = Heard()

    async def live() -> None:
        with Signals(tmp_path / "log", had_terminal=False, end=heard.ends.append, stop_s=60) as signals:
            heard.attach(signals)
            send(signal.SIGINT)
            while not heard.ends:
                hang(SAME_S + 0.05)
                send(signal.SIGTERM)
            await wait_until(lambda: heard.ends)

    asyncio.run(live())
    assert heard.ends[0] == END_TOLD


@pytest.mark.parametrize(("had_terminal", "told"), [(True, "SIGHUP"), (False, "reload")])
def test_a_hangup_stops_what_had_a_terminal_and_reloads_the_rest(
    tmp_path: Path, had_terminal: bool, told: str
) -> None:
    heard = Heard()

    async def live() -> None:
        with Signals(
            tmp_path / "log", had_terminal=had_terminal, end=heard.ends.append, stop_s=0.01
        ) as signals:
            heard.attach(signals)
            for number in (signal.SIGUSR2, signal.SIGALRM, signal.SIGUSR1, signal.SIGHUP):
                send(number)
                await asyncio.sleep(0.01)
            await wait_until(lambda: told in heard.told)

    asyncio.run(live())
    assert heard.told == ["dump", told]


def test_before_there_is_a_loop_a_signal_ends_what_goes_on(tmp_path: Path) -> None:
    def begin() -> None:
        with Signals(tmp_path / "log", had_terminal=False, end=Heard().ends.append, stop_s=0.01):
            send(signal.SIGQUIT)
            hang(5)

    with pytest.raises(Stopped, match="SIGQUIT"):
        begin()


def test_the_handlers_of_before_come_back(tmp_path: Path) -> None:
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
    before = [signal.getsignal(number) for number in numbers]
    with Signals(tmp_path / "log", had_terminal=False):
        assert signal.getsignal(signal.SIGTERM) not in before
    assert [signal.getsignal(number) for number in numbers] == before


def test_who_is_to_outlive_his_terminal_has_none() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert not has_terminal()
    finally:
        signal.signal(signal.SIGHUP, before)
