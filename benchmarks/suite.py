"""The benchmarks by name, and how large each is in a full run, with ``--large``, and in the short form."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import Any, Final

from benchmarks import (
    answering,
    catching_up,
    conversing,
    digesting,
    growing,
    pow_ledger,
    pushing,
    registering,
    simulating,
    spreading,
    starting,
    verifying,
)
from benchmarks.chains import SENDERS, Party
from benchmarks.figures import Row


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of everything; the fields of a full run are its defaults."""

    senders: int = SENDERS
    verify_messages: int = 1_500
    verify_runs: int = 15
    digest_blocks: int = 10
    digest_messages: int = 1_500
    answer_blocks: int = 6
    answer_messages: int = 3_000
    catch_up_blocks: int = 400
    catch_up_messages: int = 200
    catch_up_runs: int = 5
    growth_blocks: int = 200_000
    growth_runs: int = 60
    disk_blocks: int = starting.DISK_BLOCKS
    disk_messages: int = starting.DISK_MESSAGES
    start_blocks: int = 20_000
    start_messages: int = 20
    idle_s: float = 10.0
    questions: int = 10_000
    sessions: int = 300
    push_peers: int = 40
    push_messages: int = 1_500
    push_runs: int = 9
    spread_nodes: int = 50
    spread_connect: int = 40
    spread_messages: int = 12
    pow_rows: int = 5_000_000
    pow_addresses: int = 100_000
    pow_registrants: int = 500
    registry_rows: int = 100_000
    sim_nodes: int = 20
    sim_hours: float = 2.0
    sim_registered: int = 0
    """Of which ``sim_running`` run for ``sim_long_hours``; 0: not measured."""
    sim_running: int = 100
    sim_long_hours: float = 3.0


FULL: Final = Sizes()
LARGE: Final = Sizes(start_blocks=200_000, sim_registered=1_000)
SHORT: Final = Sizes(
    senders=6,
    verify_messages=30,
    verify_runs=1,
    digest_blocks=2,
    digest_messages=12,
    answer_blocks=1,
    answer_messages=12,
    catch_up_blocks=25,
    catch_up_messages=6,
    catch_up_runs=1,
    growth_blocks=40,
    growth_runs=2,
    disk_blocks=10,
    disk_messages=20,
    start_blocks=20,
    start_messages=6,
    idle_s=0.0,
    questions=50,
    sessions=12,
    push_peers=3,
    push_messages=6,
    push_runs=1,
    spread_nodes=4,
    spread_connect=3,
    spread_messages=1,
    pow_rows=4_000,
    pow_addresses=50,
    pow_registrants=5,
    registry_rows=20,
    sim_nodes=4,
    sim_hours=0.05,
    sim_registered=20,
    sim_running=4,
    sim_long_hours=0.05,
)


async def _verify(party: Party, sizes: Sizes) -> list[Row]:
    return verifying.measure_one_core(party, sizes.verify_messages, sizes.verify_runs)


async def _cores(party: Party, sizes: Sizes) -> list[Row]:
    return await verifying.measure_cores(party, sizes.verify_messages, sizes.verify_runs)


async def _digest(party: Party, sizes: Sizes) -> list[Row]:
    return await digesting.measure(party, sizes.digest_blocks, sizes.digest_messages)


async def _answer(party: Party, sizes: Sizes) -> list[Row]:
    return await answering.measure(party, sizes.answer_blocks, sizes.answer_messages)


async def _catch_up(party: Party, sizes: Sizes) -> list[Row]:
    return await catching_up.measure(
        party, sizes.catch_up_blocks, sizes.catch_up_messages, sizes.catch_up_runs
    )


async def _growth(party: Party, sizes: Sizes) -> list[Row]:
    return await growing.measure(party, sizes.growth_blocks, sizes.growth_runs)


async def _disk(party: Party, sizes: Sizes) -> list[Row]:
    return await starting.measure_disk(party, sizes.disk_blocks, sizes.disk_messages)


async def _start(party: Party, sizes: Sizes) -> list[Row]:
    return await starting.measure_start(party, sizes.start_blocks, sizes.start_messages, sizes.idle_s)


async def _pow(party: Party, sizes: Sizes) -> list[Row]:
    shape = pow_ledger.Shape(sizes.pow_rows, sizes.pow_addresses, sizes.pow_registrants)
    return await asyncio.to_thread(pow_ledger.measure, shape)


async def _registry(party: Party, sizes: Sizes) -> list[Row]:
    return await asyncio.to_thread(registering.measure, sizes.registry_rows)


async def _converse(party: Party, sizes: Sizes) -> list[Row]:
    return [
        *await conversing.measure_answers(party, sizes.questions),
        *await conversing.measure_sessions(party, sizes.sessions),
    ]


async def _push(party: Party, sizes: Sizes) -> list[Row]:
    return await pushing.measure(party, sizes.push_peers, sizes.push_messages, sizes.push_runs)


async def _spread(party: Party, sizes: Sizes) -> list[Row]:
    return await asyncio.to_thread(
        spreading.measure, sizes.spread_nodes, sizes.spread_connect, sizes.spread_messages
    )


async def _simulate(party: Party, sizes: Sizes) -> list[Row]:
    rows = await simulating.measure_speed(sizes.sim_nodes, sizes.sim_hours)
    if sizes.sim_registered:
        rows += await simulating.measure_scale(sizes.sim_registered, sizes.sim_running, sizes.sim_long_hours)
    return rows


BENCHMARKS: Final[Mapping[str, Callable[[Party, Sizes], Coroutine[Any, Any, list[Row]]]]] = {
    "verify": _verify,
    "cores": _cores,
    "digest": _digest,
    "answer": _answer,
    "catch-up": _catch_up,
    "growth": _growth,
    "disk": _disk,
    "start": _start,
    "converse": _converse,
    "push": _push,
    "spread": _spread,
    "pow": _pow,
    "registry": _registry,
    "simulate": _simulate,
}
