"""What one flood did to the node, measured from outside while it lasted."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from statistics import median
from typing import Final

from hypernode.app.system_clock import SystemClock
from hypernode.core.timeline import compute_round_slot
from hypernode.devnet.verdict import SlotKey
from tests.floods.arena import MIB, Arena, Exchange
from tests.floods.attacks import FLOODS
from tests.floods.trials import TRIALS

ATTACKS: Final = {**FLOODS, **TRIALS}
MAX_DISK_MIB: Final = 10.0
"""More of the ledger: some blocks of its own, and one case of evidence."""
LOOK_S: Final = 0.1
MAX_WAIT_S: Final = 1.0
MAX_MEDIAN_S: Final = 0.25
MAX_GROWTH_MIB: Final = 50.0
MAX_WAITING_MIB: Final = 64.0
"""More, where answers wait to be read (spec 2, budgets)."""
MAX_LEFT_MIB: Final = 25.0
"""Above what it had before, once the flood is over and settled."""
MAX_LINES: Final = 60
"""A node's own lines for some slots, and a few words about the flood ..."""
LINES_S: Final = 15.0
"""... in so many seconds, five slots: a long one has more slots."""


@dataclass(frozen=True, slots=True)
class Report:
    """One flood."""

    name: str
    seconds: float
    exchanges: int
    wait_median_s: float
    wait_most_s: float
    broken: int
    """Sessions of the legitimate peer that the node ended."""
    growth_mib: float
    left_mib: float
    disk_mib: float
    """More of the ledger's files."""
    lines: int
    is_alive: bool
    slots: int
    """Slots of the attacked node's that began and ended during the flood."""
    forged: int
    """Blocks that it forged in them."""
    reasons: tuple[str, ...] = ()
    """What its log says of those that it did not forge in."""
    seen: tuple[str, ...] = ()
    """What the flood itself saw go wrong."""

    def find_faults(self, *, with_clocks: bool) -> list[str]:
        """What is not as it must be; ``with_clocks``: times and slots too, which busy hosts spoil."""
        faults = [*self.seen] if self.is_alive else ["it ended"]
        allowed = MAX_GROWTH_MIB + (MAX_WAITING_MIB if self.name == "unread_answers" else 0.0)
        if not self.exchanges or self.broken:
            faults.append(f"{self.exchanges} height exchanges, {self.broken} sessions broken")
        if with_clocks and self.forged < self.slots:
            faults += [f"it forged in {self.forged} of its {self.slots} slots", *self.reasons]
        if self.disk_mib > MAX_DISK_MIB:
            faults.append(f"{self.disk_mib:.1f} MiB more on the disk")
        if self.lines > MAX_LINES * max(1.0, self.seconds / LINES_S):
            faults.append(f"{self.lines} lines in the log")
        if self.growth_mib > allowed or self.left_mib > MAX_LEFT_MIB:
            faults.append(f"{self.growth_mib:.0f} MiB more, {self.left_mib:.0f} left")
        if with_clocks and (self.wait_most_s > MAX_WAIT_S or self.wait_median_s > MAX_MEDIAN_S):
            faults.append(f"a height took {self.wait_median_s:.2f} s, {self.wait_most_s:.2f} s at most")
        return faults


async def run_flood(arena: Arena, name: str, scale: float, settle_s: float, least_s: float = 0.0) -> Report:
    """One flood, with the legitimate peer asking before, during and after it; again and again until
    ``least_s`` are over, so that the node has a slot meanwhile."""
    loop, clock = asyncio.get_running_loop(), SystemClock()
    arena.begin_flood()
    await arena.ask_jurors()
    before, lines, disk = arena.get_rss(), arena.count_log_lines(), arena.get_disk_bytes()
    exchange = Exchange(arena, LOOK_S)
    peaks = [before]
    helpers = [
        asyncio.create_task(exchange.run()),
        asyncio.create_task(_watch_rss(arena, peaks)),
        asyncio.create_task(_learn_jurors(arena)),
    ]
    first_slot = compute_round_slot(arena.params, clock.now())
    start = loop.time()
    try:
        while (took := loop.time() - start) <= least_s:
            await ATTACKS[name](arena, scale)
        last_slot = compute_round_slot(arena.params, clock.now())
        await asyncio.sleep(settle_s)
    finally:
        for task in helpers:
            task.cancel()
        ends = await asyncio.gather(*helpers, return_exceptions=True)
    for end in ends:
        if isinstance(end, Exception):
            raise end
    await arena.ask_jurors()
    slots, missed = await arena.find_slots(first_slot, last_slot)
    return Report(
        name=name,
        seconds=took,
        exchanges=len(exchange.waits),
        wait_median_s=median(exchange.waits or [0.0]),
        wait_most_s=max(exchange.waits, default=0.0),
        broken=len(exchange.faults),
        growth_mib=(max(peaks) - before) / MIB,
        left_mib=(arena.get_rss() - before) / MIB,
        disk_mib=(arena.get_disk_bytes() - disk) / MIB,
        lines=arena.count_log_lines() - lines,
        is_alive=arena.process.is_running(),
        slots=len(slots),
        forged=len(slots) - len(missed),
        reasons=tuple(arena.find_slot_lines(missed)),
        seen=tuple(arena.faults),
    )


async def _watch_rss(arena: Arena, seen: list[int]) -> None:
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            seen.append(arena.get_rss())
            await asyncio.sleep(LOOK_S)


async def _learn_jurors(arena: Arena) -> None:
    """Of every round that a flood lasts into: a long one has whole rounds in its middle."""
    while True:
        await asyncio.sleep(arena.params.round_s / 4)
        await arena.ask_jurors()


async def wait_for_own_block(arena: Arena, after: SlotKey) -> SlotKey:
    """The slot of the first block that the attacked node forged after a slot, however long that takes."""
    talking = asyncio.create_task(Exchange(arena, LOOK_S).run())
    try:
        while True:
            for round_, sir, forger in await arena.ask_chain():
                if forger == arena.target_address and (round_, sir) > after:
                    return round_, sir
            await asyncio.sleep(LOOK_S)
    finally:
        talking.cancel()
        await asyncio.gather(talking, return_exceptions=True)
