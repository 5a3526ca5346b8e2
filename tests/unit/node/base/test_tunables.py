"""What the control address tunes and voids takes hold at the start of a round, and is shown."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core import kinds
from hypernode.core.params.networks import mainnet
from hypernode.core.params.tunables import list_values
from hypernode.core.registrations.registry import UNVOID, VOID, PowRow
from hypernode.core.timeline import compute_reference_time
from hypernode.node.base.tunables import TunablesInForce
from hypernode.node.owner.runtime import Node
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource
from tests.unit.node.beds import ROUND, Bed, play

RAINBOW = "MAX_CONNECT_TO=2,TESTS_PER_SLOT=3,PING_DELAY=7,MAX_TXS_PER_BLOCK=9,MIN_FORGE_CONSENSUS=50,X=1"


def is_stale(node: Node) -> bool:
    return node.companion.is_list_stale


class Written:
    """A bed whose PoW chain has rows of the control address, each right before the reference of a round."""

    def __init__(self, **fields: object) -> None:
        self.bed = Bed(pow_synced_s=900, **fields)  # type: ignore[arg-type]
        params = self.bed.params
        listed = [(h.pos, h.ip, h.port, h.weight) for h in params.hypernodes]
        # the fixed list is what a network without a companion has
        self.params = replace(params, hypernodes=())
        self.script = PowScript.of(self.params, listed)
        self.source = ScriptedPowSource(self.script, self.bed.clock.now)

    def write(self, round_: int, operation: str, openfield: str) -> None:
        height = self.script.height_at(compute_reference_time(self.params, round_))
        time = self.script.timestamp_of(height)
        control = self.params.control_pow
        self.script.add([PowRow(height, time, control, control, 0, 0, 0, operation, openfield)])

    def void(self, round_: int, index: int, operation: str = VOID) -> None:
        entry = self.bed.entry(index)
        self.write(round_, operation, f"{entry.ip}:{entry.port}:{entry.pos},reason=test")

    async def node(self, **options: Any) -> Node:
        return await self.bed.node(pow_source=self.source, params=self.params, **options)


def test_a_rainbow_holds_from_its_round_on_for_every_part() -> None:
    async def scenario() -> None:
        ports = Written()
        ports.write(ROUND + 1, "color:rainbow", RAINBOW)
        node = await ports.node()
        await node.entry.enter(ROUND)
        assert node.views.get_config()["PING_DELAY"] == 30
        ports.bed.go_to(ROUND + 1, 0)
        await node.entry.enter(ROUND + 1)
        assert node.tunables.current().ping_delay_s == 7
        assert node.params.default_tunables.ping_delay_s == 30
        assert len(node.node_state.connect_to) == 2
        plan = node.node_state.plan
        assert plan is not None
        assert {len(tests) for tests in plan.tests} == {3}
        assert any(line.startswith("rainbow: MAX_CONNECT_TO 40 → 2") for line in ports.bed.log)

    play(scenario())


def test_without_the_rainbow_everything_is_again_as_configured() -> None:
    async def scenario() -> None:
        ports = Written()
        ports.write(ROUND, "color:rainbow", RAINBOW)
        ports.write(ROUND + 1, "color:rainbow", "")
        node = await ports.node()
        await node.entry.enter(ROUND)
        assert node.tunables.current().ping_delay_s == 7
        ports.bed.go_to(ROUND + 1, 0)
        await node.entry.enter(ROUND + 1)
        assert node.tunables.current() == node.params.default_tunables

    play(scenario())


def test_origins_and_refusals_are_shown() -> None:
    async def scenario() -> None:
        ports = Written()
        ports.write(ROUND, "color:rainbow", RAINBOW)
        ports.write(ROUND, "color:white", "1.1.1.1,2.2.2.2")
        ports.write(ROUND, "color:bootstrap", "https://a.example/hn.tar.gz, https://b.example/")
        node = await ports.node(configured={"PING_DELAY": 9, "BLOCK_SYNC_COUNT": 7})
        await node.entry.enter(ROUND)
        await node.companion.check(node.tunables.colours)
        config = node.views.get_config()
        assert config["origins"] == {
            "POSNET_ALLOW": "network",
            "MAX_CONNECT_TO": "rainbow",
            "BLOCK_SYNC_COUNT": "operator",
            "ALLOW_UPDATES_FROM": "network",
            "TESTS_PER_SLOT": "rainbow",
            "PING_DELAY": "rainbow",
            "MIN_FORGE_CONSENSUS": "rainbow",
            "MAX_TXS_TO_SYNC": "network",
            "MAX_TXS_PER_BLOCK": "rainbow",
        }
        status = await node.views.get_status()
        extra, companion = status["extra"], status["pow"]
        assert isinstance(extra, dict)
        assert isinstance(companion, dict)
        assert extra["tunables"]["PING_DELAY"] == 7
        assert extra["tunables"]["refused"] == ["rainbow 'X=1': no tunable parameter"]
        assert companion["colours"] == {"bootstrap": 2, "rainbow": 6, "white": 2}
        assert companion["bootstrap"] == ["https://a.example/hn.tar.gz", "https://b.example/"]
        assert extra["tunables"]["peers"]["own"] == node.tunables.format_config()

    play(scenario())


def test_a_rainbow_that_comes_after_all_makes_the_list_stale() -> None:
    async def scenario() -> None:
        ports = Written()
        node = await ports.node()
        await node.entry.enter(ROUND)
        await node.companion.check(node.tunables.colours)
        assert not is_stale(node)
        ports.write(ROUND, "color:rainbow", RAINBOW)
        await asyncio.sleep(31)
        await node.companion.check(node.tunables.colours)
        assert is_stale(node)
        await node.entry.enter(ROUND)
        assert not is_stale(node)

    play(scenario())


@pytest.mark.parametrize("mixed", [False, True])
def test_a_voided_hypernode_is_left_out_where_the_network_knows_voids(mixed: bool) -> None:
    async def scenario() -> None:
        ports = Written(mixed=mixed)
        ports.void(ROUND, 2)
        ports.void(ROUND + 1, 2, UNVOID)
        node = await ports.node()
        await node.entry.enter(ROUND)
        plan = node.node_state.plan
        assert plan is not None
        voided = ports.bed.address(2)
        assert plan.voided == (voided,)
        assert len(plan.registered) == 6
        drawn = {juror.address for juror in plan.jurors}
        tested = {a for slot in plan.tests for test in slot for a in (test.tester, test.tested)}
        assert (voided in drawn, voided in tested) == (mixed, mixed)
        assert voided not in node.node_state.connect_to
        shown = node.views.get_round()
        assert shown["voided"] == [voided]
        assert len(shown["active"]) == 5  # type: ignore[arg-type]
        kept = await node.ports.ledger.get_plan(ROUND)
        assert kept == plan
        meta = (await node.views.get_status())["meta"]
        assert isinstance(meta, dict)
        counts = [meta[name] for name in ("active_regs_count", "inactive_hns_count", "voided_hns_count")]
        assert counts == [5, 0, 1]
        assert sum(counts) == meta["powchain_regs_count"]
        assert (meta["inactive_hns"], meta["voided_hns"]) == ([], [voided])
        ports.bed.go_to(ROUND + 1, 0)
        await node.entry.enter(ROUND + 1)
        assert node.node_state.plan is not None
        assert node.node_state.plan.voided == ()
        assert voided in node.node_state.connect_to

    play(scenario())


OTHER = kinds.format_config({"PING_DELAY": 1})


def test_our_own_hash_follows_the_rainbow() -> None:
    async def scenario() -> None:
        ports = Written()
        ports.write(ROUND, "color:rainbow", RAINBOW)
        node = await ports.node()
        await node.entry.enter(ROUND)
        await node.reporter.publish_config()
        (message,) = node.mempool.get_all()
        assert (message.what, message.params) == (120, node.tunables.format_config())
        assert message.params != kinds.format_config(list_values(node.params.default_tunables))

    play(scenario())


def test_what_is_out_of_bounds_is_told_once() -> None:
    said: list[str] = []
    tunables = TunablesInForce(mainnet(), {}, said.append)
    for _ in range(3):
        tunables.enter_round((("rainbow", "PING_DELAY=0"),))
    assert len(said) == 1
