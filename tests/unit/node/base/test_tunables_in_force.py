"""Other values are put in force in mid-run, and whoever uses one of them follows.

``USERS`` has uses of every tunable parameter: what a node does under the values that it begins with, and what
the same node does once a round with others has begun.  A part that keeps a value of before fails here.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

import hypernode
from hypernode.core.kinds import format_config
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import TUNABLES, Tunables, list_values
from hypernode.core.types import Endpoint
from hypernode.machine.decide import Decision, NodeView, Rest
from hypernode.machine.state import State
from hypernode.net.caller import Caller
from hypernode.net.client_session import HelloRefused
from hypernode.node.owner import owner_loop
from hypernode.node.owner.runtime import Node
from hypernode.ports.connections import TransportClosed
from hypernode.sim.cluster import PORT
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.base.test_tunables import Written
from tests.unit.node.beds import ROUND, STRANGER, Bed, FakeCaller, ask, play, serve, store

RAINBOW: Final = (
    "POSNET_ALLOW=devnet0001;devnet0002,MAX_CONNECT_TO=3,BLOCK_SYNC_COUNT=2,ALLOW_UPDATES_FROM=9.9.9.9,"
    "TESTS_PER_SLOT=3,PING_DELAY=7,MIN_FORGE_CONSENSUS=50,MAX_TXS_TO_SYNC=5,MAX_TXS_PER_BLOCK=9"
)
PACKAGE: Final = Path(hypernode.__file__).parent


async def count_connections(world: Written, node: Node) -> object:
    return len(node.node_state.connect_to)


async def count_tests(world: Written, node: Node) -> object:
    plan = node.node_state.plan
    assert plan is not None
    return {len(tests) for tests in plan.tests}


async def count_served_blocks(world: Written, node: Node) -> object:
    answer = await serve(node, FakeCaller("10.9.9.9"), ask(CommandId.BLOCKSYNC, int32=1))
    assert answer is not None
    return len(answer.blocks)


async def answer_update(world: Written, node: Node) -> object:
    node.serving.take_settings((), takes_updates=True)
    answer = await serve(node, FakeCaller("9.9.9.9"), ask(CommandId.UPDATE, string=""))
    assert answer is not None
    return answer.id


async def count_offered(world: Written, node: Node) -> object:
    answer = await serve(node, FakeCaller("10.9.9.9"), ask(CommandId.MEMPOOL))
    assert answer is not None
    return len(answer.messages)


async def count_sealed(world: Written, node: Node) -> object:
    senders = frozenset(world.bed.address(n) for n in range(6))
    return len(node.forger.select(senders))


async def measure_wait(world: Written, node: Node) -> object:
    """Seconds until the next look at a quiet line."""
    clock = asyncio.get_running_loop()
    begun = clock.time()
    await node.connector._wait_until(node.connector.clock.monotonic() + 1_000, asyncio.Event())
    return round(clock.time() - begun)


async def meet_another_posnet(world: Written, node: Node) -> object:
    """Whether a hello of devnet0002 is taken: from who comes to us, and from whom we dial."""
    foreign = Bed(posnet="devnet0002", posnet_allow=("devnet0001", "devnet0002"))
    foreign.memory = world.bed.memory
    entry, taken = world.bed.entry(2), []
    for connecting in (foreign.open(STRANGER, 0), node.dialler.open_standing(entry)):
        try:
            (await connecting).close()
        except (HelloRefused, TransportClosed):
            taken.append(False)
        else:
            taken.append(True)
    return taken


async def find_bar(world: Written, node: Node) -> object:
    """The percentage that the owner decides by."""
    bars = []

    def note_bar(params: ChainParams, tunables: Tunables, view: NodeView) -> Decision:
        bars.append(tunables.min_forge_consensus)
        return Rest(State.SYNCING)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner_loop, "decide", note_bar)
        await node.owner._decide_once()
    return bars


async def check_config(world: Written, node: Node) -> object:
    """Whether the hash that we publish is that of what is in force."""
    await node.reporter.publish_config()
    said = [m for m in node.mempool.get_all() if m.what == 120]
    return said[-1].params == format_config(list_values(world.params.default_tunables))


USERS: Final[tuple[tuple[str, Callable[[Written, Node], Awaitable[object]], object, object], ...]] = (
    ("MAX_CONNECT_TO", count_connections, 5, 3),
    ("TESTS_PER_SLOT", count_tests, {8}, {3}),
    ("BLOCK_SYNC_COUNT", count_served_blocks, 4, 2),
    ("ALLOW_UPDATES_FROM", answer_update, CommandId.KO, CommandId.OK),
    ("MAX_TXS_TO_SYNC", count_offered, 24, 5),
    ("MAX_TXS_PER_BLOCK", count_sealed, 24, 9),
    ("PING_DELAY", measure_wait, 30, 7),
    ("POSNET_ALLOW", meet_another_posnet, [False, False], [True, True]),
    ("MIN_FORGE_CONSENSUS", find_bar, [18], [50]),
    ("PING_DELAY", check_config, True, False),
)


@pytest.mark.parametrize(
    ("key", "use", "before", "after"), USERS, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_user_follows_what_is_put_in_force_in_mid_run(
    key: str, use: Callable[[Written, Node], Awaitable[object]], before: object, after: object
) -> None:
    async def scenario() -> None:
        world = Written()
        world.write(ROUND + 1, "color:rainbow", RAINBOW)
        node = await world.node()
        await store(world.bed, node.ports.ledger, *((ROUND, sir) for sir in range(4)))
        await node.entry.enter(ROUND)
        await node.listening.start(Endpoint(world.bed.ip(0), PORT))
        foreign = Bed(posnet="devnet0002", posnet_allow=("devnet0001", "devnet0002"))
        foreign.memory = world.bed.memory
        await foreign.script(2, answer_nothing)
        await offer(world, node)
        assert await use(world, node) == before
        world.bed.go_to(ROUND + 1, 0)
        await node.entry.enter(ROUND + 1)
        await asyncio.sleep(2)  # answers are kept for a second
        await offer(world, node)
        assert await use(world, node) == after, f"{key} of the round before is still used"

    play(scenario())


async def answer_nothing(caller: Caller, command: Command) -> Command | None:
    return None


async def offer(world: Written, node: Node) -> None:
    """Just 24 messages in the mempool, from now."""
    node.mempool.expire(world.bed.clock.now() + 100_000)
    now = world.bed.clock.now() - 30
    messages = [world.bed.message(n, now) for n in range(6) for _ in range(4)]
    assert await node.intake.submit(messages) == [None] * 24


def test_every_tunable_parameter_has_a_user_here() -> None:
    assert {key for key, *_ in USERS} == {row.key for row in TUNABLES}


def test_nobody_in_the_node_reads_values_but_those_in_force() -> None:
    """What the network begins with is read where the values in force are made, and for a round's plan."""
    readers = {
        str(path.relative_to(PACKAGE))
        for path in (PACKAGE / "node").rglob("*.py")
        if {"default_tunables", "apply_rainbow"}
        & {getattr(n, "attr", getattr(n, "id", "")) for n in ast.walk(ast.parse(path.read_text()))}
    }
    assert readers == {"node/base/tunables.py", "node/chain/rounds.py"}


def test_no_part_of_the_node_keeps_what_it_was_told_is_in_force() -> None:
    for path in (PACKAGE / "node").rglob("*.py"):
        for found in ast.walk(ast.parse(path.read_text())):
            if isinstance(found, ast.Assign | ast.AnnAssign) and found.value is not None:
                targets = found.targets if isinstance(found, ast.Assign) else [found.target]
                if any(isinstance(part, ast.Attribute) for part in targets):
                    assert ".current()" not in ast.unparse(found.value), f"{path}:{found.lineno}"
