"""A hypernode's process that lives through slots: digests blocks, takes better branches, forges its own.

The node is put together as the daemon's is, ledger and journal are real files through the daemon's database;
the slots follow each other as fast as they can.  What it says on the pipe: ``("storing", hash)`` and
``("stored", hash)`` before and after the chain goes on with somebody's block, and ``("left", round, sir,
hash)`` when one of its own may leave it.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any, Final

from hypernode.core.errors import Ignore
from hypernode.core.types import Block, RoundPlan
from hypernode.machine.peers import Support
from hypernode.net.caller import Caller
from hypernode.node.owner.runtime import Node
from hypernode.ports.journal import AlreadySigned
from hypernode.storage.database import open_database
from hypernode.storage.journal import open_journal
from hypernode.storage.ledger import open_ledger
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from tests.unit.node.beds import ROUND, Bed, Branch, enter_round, note_height

SIZE: Final = 4
"""Hypernodes of the network; few, so that every fourth slot is ours."""
OWN: Final = 0
NOW: Final = 1_700_000_000
KILLED: Final = 9
"""Exit status of a process that ends itself at a step."""
EVERYBODY: Final = Support(behind=SIZE, connected=SIZE)

OnStep = Callable[[str], None]


class _Stepping:
    """A port that tells of each call before and after it: ``ledger.append``, ``ledger.append done``."""

    def __init__(self, name: str, port: object, on_step: OnStep) -> None:
        self._name, self._port, self._on_step = name, port, on_step

    def __getattr__(self, method: str) -> Any:
        attribute = getattr(self._port, method)
        if asyncio.iscoroutinefunction(attribute):
            return self._step_async(f"{self._name}.{method}", attribute)
        if method == "sign":
            return self._step(f"{self._name}.{method}", attribute)
        return attribute

    def _step_async(self, step: str, call: Callable[..., Awaitable[Any]]) -> Any:
        async def stepping(*arguments: Any, **named: Any) -> Any:
            self._on_step(step)
            result = await call(*arguments, **named)
            self._on_step(f"{step} done")
            return result

        return stepping

    def _step(self, step: str, call: Callable[..., Any]) -> Any:
        def stepping(*arguments: Any) -> Any:
            self._on_step(step)
            result = call(*arguments)
            self._on_step(f"{step} done")
            return result

        return stepping


async def open_node(bed: Bed, folder: Path, on_step: OnStep | None = None) -> Node:
    """The node whose files are in ``folder``; its ports tell of their steps."""
    ledger = await open_ledger(await open_database(folder / "ledger.db"), bed.params)
    ports: dict[str, Any] = {
        "ledger": ledger,
        "journal": await open_journal(folder / "signed.db", NOW),
        "signer": bed.signer(OWN),
        "connections": bed.memory.get_connections(bed.ip(OWN)),
    }
    if on_step is not None:
        ports = {name: _Stepping(name, port, on_step) for name, port in ports.items()}
    return await bed.node(OWN, **ports)


def live(pipe: Connection, folder: Path, seed: int) -> None:
    """Live through slots until killed."""
    asyncio.run(_live(pipe, folder, Random(seed)))


async def _live(pipe: Connection, folder: Path, random: Random) -> None:
    pipe.send(("up",))
    bed = Bed(SIZE)
    node = await open_node(bed, folder)
    round_, sir = max((ROUND, 0), (node.chain.height.round, node.chain.height.sir + 1))
    while True:
        for slot in range(sir, bed.params.slots):
            bed.go_to(round_, slot)
            plan = await enter_round(node)
            if plan.juror_of(slot) == node.ports.signer.address:
                await _forge(pipe, bed, node, plan, slot)
            elif random.random() < 0.2 and node.chain.height.height > 1:
                await _swap(pipe, bed, node, round_, slot)
            else:
                await _digest(pipe, bed, node, round_, slot)
        round_, sir = round_ + 1, 0


async def _digest(pipe: Connection, bed: Bed, node: Node, round_: int, sir: int) -> None:
    branch = await Branch.on(bed, node.ports.ledger)
    block = await branch.make(round_, sir)
    pipe.send(("storing", block.block_hash))
    await node.chain.accept_pushed(block)
    pipe.send(("stored", block.block_hash))


async def _swap(pipe: Connection, bed: Bed, node: Node, round_: int, sir: int) -> None:
    """The branch leaves out our tip, and has a block for this slot of more senders."""
    common = node.chain.height.height - 1
    branch = await Branch.on(bed, node.ports.ledger, common)
    if (await branch.plan(round_)).juror_of(sir) == node.ports.signer.address:
        return  # by the branch's history it would be ours to forge
    block = await branch.add(round_, sir, senders=range(SIZE))
    pipe.send(("storing", block.block_hash))
    outcome = await node.chain.adopt(common, branch.blocks, None, EVERYBODY)
    if outcome.adopted:
        pipe.send(("stored", block.block_hash))


async def _forge(pipe: Connection, bed: Bed, node: Node, plan: RoundPlan, sir: int) -> None:
    block = await seal(bed, node, plan, sir)
    if block is not None:
        pipe.send(("left", block.round, block.sir, block.block_hash))


async def seal(bed: Bed, node: Node, plan: RoundPlan, sir: int) -> Block | None:
    """Forge for a slot, of messages that no other life seals; None when the slot was signed for before."""
    nonce = int.from_bytes(os.urandom(3), "big")
    now = int(bed.clock.now())
    messages = [bed.message(n, now - 1, value=nonce + n) for n in range(SIZE)]
    await node.intake.submit(messages)
    try:
        return await node.forger.forge(plan, sir)
    except (AlreadySigned, Ignore):
        return None


# --- one slot, step by step ---------------------------------------------------------------------------


def forge_once(pipe: Connection, folder: Path, last_step: int | None) -> None:
    """Forge and send in the first slot that is ours, and end at step ``last_step`` as a kill would end it;
    None: go through with it.  Says ``("step", name)``, and what peers got: ``("left", round, sir, hash)``."""
    asyncio.run(_forge_once(pipe, folder, last_step))


async def _forge_once(pipe: Connection, folder: Path, last_step: int | None) -> None:
    steps: list[str] = []
    is_forging = False

    def on_step(step: str) -> None:
        if is_forging:
            pipe.send(("step", step))
            if len(steps) == last_step:
                os._exit(KILLED)
            steps.append(step)

    bed = Bed(SIZE)
    bed.go_to(ROUND, 0)
    node = await open_node(bed, folder, on_step)
    plan = await enter_round(node)
    sir = [juror.address for juror in plan.jurors].index(node.ports.signer.address)
    bed.go_to(ROUND, sir)
    await _let_peers_listen(pipe, bed, node)
    is_forging = True
    block = await seal(bed, node, plan, sir)
    if block is not None:
        await node.forger.send(block, plan)
    is_forging = False
    await node.ports.ledger.close()
    await node.ports.journal.close()  # type: ignore[attr-defined]  # of a SqliteJournal


async def _let_peers_listen(pipe: Connection, bed: Bed, node: Node) -> None:
    async def handle(caller: Caller, command: Command) -> Command | None:
        for block in command.blocks if command.id is CommandId.BLOCK else ():
            pipe.send(("left", block.round, block.sir, block.block_hash))
        return None

    for index in range(SIZE):
        if index != OWN:
            await bed.script(index, handle)
            note_height(bed, node, index, node.chain.height)
