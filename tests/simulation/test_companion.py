"""A node beside a companion's real ledger file: from rows of the control address to jurors and tests."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import UNVOID, VOID
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import Endpoint, RoundPlan
from hypernode.devnet.companion_ledger import append_block, append_until, prepare_ledger
from hypernode.devnet.pow_blocks import Transaction
from hypernode.devnet.pow_keys import create_pow_key
from hypernode.machine.state import State
from hypernode.node.owner.runtime import Node
from hypernode.pow.failover_source import FailoverPowSource
from hypernode.pow.ledger.registry import RegistryOptions
from hypernode.pow.ledger.source import LedgerPowSource
from hypernode.pow.node_source import NodePowSource
from hypernode.pow.scripted_source import PowScript
from hypernode.sim.memory.loop import run
from tests.unit.node.beds import ROUND, Bed
from tests.unit.pow.fake_companion import FakeCompanion

CONTROL = create_pow_key(b"\x05" * 32)


class Place:
    """A node, its companion's ledger file, and the control address's key."""

    def __init__(self, path: Path) -> None:
        self.bed = Bed(pow_synced_s=900)
        self.path = path
        self.params: ChainParams = replace(self.bed.params, control_pow=CONTROL.address, hypernodes=())
        self.listed = [(h.pos, h.ip, h.port, h.weight) for h in self.bed.params.hypernodes]
        self.mine(compute_reference_time(self.params, ROUND) - 3_600)

    def mine(self, until: float) -> None:
        """Blocks up to a moment."""
        if not self.path.exists():
            prepare_ledger(self.path, self.params, self.listed, CONTROL, until)
        append_until(self.path, self.params, until)

    def write(self, round_: int, *rows: tuple[str, str]) -> None:
        """Rows of the control address, right before the reference time of a round."""
        time = compute_reference_time(self.params, round_) - 2 * self.params.pow_block_s
        self.mine(time - self.params.pow_block_s)
        own = CONTROL.address
        transactions = [Transaction(CONTROL, own, operation=op, openfield=text) for op, text in rows]
        append_block(self.path, self.params, time, transactions)

    def text_of(self, index: int) -> str:
        pos, ip, port, _ = self.listed[index]
        return f"{ip}:{port}:{pos},reason=test"

    def open(self) -> LedgerPowSource:
        return LedgerPowSource(self.path, self.params, inline=True, options=RegistryOptions(verify=True))


def play(path: Path, scenario: Callable[[Place], Awaitable[None]]) -> None:
    async def whole() -> None:
        await scenario(Place(path))

    run(whole())


def get_plan(node: Node) -> RoundPlan:
    assert node.node_state.plan is not None
    return node.node_state.plan


def get_state(node: Node) -> State:
    return node.activities.shown.state


async def enter(place: Place, node: Node, round_: int) -> RoundPlan:
    place.bed.go_to(round_, 0)
    place.mine(place.bed.clock.now())
    await node.entry.enter(round_)
    return get_plan(node)


def test_voids_and_rainbow_of_a_real_ledger_take_hold_and_end(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        rainbow = ("color:rainbow", "TESTS_PER_SLOT=2,MAX_CONNECT_TO=3")
        place.write(ROUND + 1, (VOID, place.text_of(1)), rainbow)
        place.write(ROUND + 2, (UNVOID, place.text_of(1)), ("color:rainbow", "PING_DELAY=9"))
        place.mine(place.bed.clock.now())
        source = place.open()
        node = await place.bed.node(pow_source=source, params=place.params)
        voided = place.listed[1][0]
        plans = [await enter(place, node, ROUND + n) for n in range(3)]
        assert [plan.voided for plan in plans] == [(), (voided,), ()]
        assert [{len(tests) for tests in plan.tests} for plan in plans] == [{8}, {2}, {8}]
        assert voided not in {juror.address for juror in plans[1].jurors}
        assert voided not in {a for slot in plans[1].tests for t in slot for a in (t.tester, t.tested)}
        assert [len(plan.registered) for plan in plans] == [6, 6, 6]
        assert await node.ports.ledger.get_plan(ROUND + 1) == plans[1]
        assert node.views.get_config()["PING_DELAY"] == 9
        await source.close()

    play(tmp_path / "ledger.db", scenario)


def test_without_a_companion_the_node_waits_and_says_why(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        place.mine(place.bed.clock.now())
        source = place.open()
        node = await place.bed.node(pow_source=source, params=place.params)
        moved = place.path.with_name("elsewhere.db")
        place.path.rename(moved)
        stop = asyncio.Event()
        task = asyncio.create_task(node.run(stop))
        await asyncio.sleep(1)
        assert get_state(node) is State.POW_NOT_SYNC
        assert "there is no such file" in node.activities.shown.reason
        await asyncio.sleep(300)
        warned = [line for line in place.bed.warnings if line.startswith("companion: ")]
        assert 4 <= len(warned) <= 6
        moved.rename(place.path)
        place.mine(place.bed.clock.now())
        await asyncio.sleep(60)
        assert get_state(node) is not State.POW_NOT_SYNC
        assert any("companion: over after" in line for line in place.bed.log)
        stop.set()
        await task
        await source.close()

    play(tmp_path / "ledger.db", scenario)


def test_the_port_stands_in_for_a_ledger_that_goes_and_comes_back(tmp_path: Path) -> None:
    async def scenario(place: Place) -> None:
        place.mine(place.bed.clock.now())
        script = PowScript.of(place.params, place.listed)
        companion = FakeCompanion(script, place.bed.clock.now)
        connections = place.bed.memory.get_connections("10.9.0.1")
        endpoint = await companion.listen(connections, Endpoint("10.9.0.1", 5658))
        node_source = NodePowSource(place.params, connections, endpoint, place.bed.clock.monotonic)
        said: list[str] = []
        source = FailoverPowSource(place.open(), node_source, log=said.append, warn=said.append)
        node = await place.bed.node(pow_source=source, params=place.params)
        by_ledger = get_plan(node)
        moved = place.path.with_name("elsewhere.db")
        place.path.rename(moved)
        await node.companion.check(())
        status = node.node_state.pow_status
        assert status is not None
        assert (status.source, status.problem) == ("10.9.0.1:5658", "")
        await node.entry.enter(ROUND)
        by_port = get_plan(node)
        assert [entry.pos for entry in by_port.registered] == [entry.pos for entry in by_ledger.registered]
        assert by_port.jurors == by_ledger.jurors
        moved.rename(place.path)
        place.mine(place.bed.clock.now())
        await asyncio.sleep(40)
        await node.companion.check(())
        assert len(said) == 2
        assert "there is no such file" in said[0]
        assert "answers again" in said[1]
        await source.close()
        await companion.close()

    play(tmp_path / "ledger.db", scenario)
