"""What a node tells of itself (spec 6, status)."""

from __future__ import annotations

import asyncio
import json
import sys
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from hypernode.app.metrics import ProcessMetrics
from hypernode.core.counting import NOBODY
from hypernode.core.params.chain_params import Delays
from hypernode.core.types import ChainHeight
from hypernode.net.tornado_connections import Traffic
from hypernode.node.base.node_state import NodeState
from hypernode.node.owner.runtime import Node
from hypernode.pow.scripted_source import ScriptedPowSource
from tests.unit.node.beds import ROUND, Bed, list_heard, note_height, play, store

HEX_HASH = 64

STATUS: dict[str, dict[str, type | tuple[type, ...]]] = {
    "config": {"address": str, "ip": str, "port": int, "verbose": int, "outip": str, "posnet": str},
    "instance": {
        "version": str,
        "hn_version": str,
        "python_version": str,
        "statustime": int,
        "localtime": float,
    },
    "chain": {
        "block_height": int,
        "Genesis": str,
        "height": int,
        "round": int,
        "sir": int,
        "block_hash": str,
        "uniques": int,
        "uniques_round": int,
        "forgers": int,
        "forgers_round": int,
    },
    "mempool": {"NB": int, "SENDERS": int, "RECIPIENTS": int},
    "peers": {"connected_count": int, "outbound": list, "inbound": list, "net_height": dict},
    "state": {"state": str, "round": int, "sir": int, "forger": str},
    "tasks": {"total": int, "detail": dict},
    "extra": {
        "forged_count": int,
        "open_files": int,
        "connections": int,
        "num_fd": int,
        "start_time": int,
        "uptime": int,
        "bytes_sent": int,
        "bytes_received": int,
        "cpu_percent": dict,
        "memory": int,
        "disk": dict,
        "chains": list,
    },
    "meta": {
        "round": int,
        "sir": int,
        "all_hns_count": int,
        "all_hns_hash": str,
        "inactive_hns_count": int,
        "inactive_hns_hash": str,
        "powchain_regs_count": int,
        "powchain_regs": str,
        "active_regs_count": int,
        "counted_hns_count": int,
        "uncounted_hns_count": int,
        "uncounted_why": dict,
        "uncounted_hns": dict,
        "active_regs": str,
        "slots": str,
    },
    "pow": {"source": str, "height": int, "timestamp": (int, float), "block_hash": str, "problem": str},
}


async def get_status(node: Node) -> Any:
    """As a client reads it."""
    return json.loads(json.dumps(await node.views.get_status(), allow_nan=False))


def reported(height: int, name: bytes, **measures: int) -> ChainHeight:
    return ChainHeight(height, ROUND, 0, name * 20, **measures)


def test_a_status_has_every_key_that_is_read_by_others(tmp_path: Path) -> None:
    config = {"address": "a", "ip": "i", "port": 6969, "verbose": 0, "outip": "o", "posnet": "p"}

    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(metrics=ProcessMetrics(Traffic(), config, tmp_path))
        node.node_state.pow_status = await node.ports.pow_source.get_status(bed.clock.now())
        note_height(bed, node, 1, reported(5, b"a"))
        await node.intake.submit([bed.message(3)])
        status = await get_status(node)
        assert set(status) == {*STATUS, "PID", "duty", "findings"}
        assert isinstance(status["PID"], int)
        for key, names in STATUS.items():
            for name, kind in names.items():
                assert isinstance(status[key][name], kind), (key, name)
        assert status["mempool"] == {"NB": 1, "SENDERS": 1, "RECIPIENTS": 1}
        assert status["instance"]["python_version"] == str(tuple(sys.version_info[:3]))
        assert status["chain"]["Genesis"] == bed.params.control_pos
        assert status["config"]["outip"] == bed.ip(0) != "o"
        slots = [(juror.address, juror.ticket) for juror in node.node_state.plan.jurors]  # type: ignore[union-attr]
        assert status["meta"]["slots"] == sha256(str(slots).encode()).hexdigest()
        assert sum(status["tasks"]["detail"].values()) == status["tasks"]["total"]
        for name in ("all_hns_hash", "inactive_hns_hash", "powchain_regs", "active_regs", "slots"):
            assert len(status["meta"][name]) == HEX_HASH

    play(scenario())


def test_a_node_that_knows_nothing_yet_has_a_status() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        node.views.node_state = NodeState(bed.params, bed.clock, bed.clock.now())
        status = await get_status(node)
        assert status["state"] == {
            **status["state"],
            "state": "START",
            "round": ROUND,
            "sir": 0,
            "forger": None,
        }
        assert status["meta"]["round"] is None
        assert status["peers"]["net_height"] is None
        assert status["pow"] is None
        assert node.views.get_round() == {
            "start": 0,
            "previous": None,
            "connect_to": [],
            "slots": [],
            "test_slots": [],
            "active": [],
            "inactive": [],
            "voided": [],
            "uncounted": {},
        }

    play(scenario())


def test_the_forger_is_the_slots_juror_and_nobody_in_the_closing_slot() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        assert node.node_state.plan is not None
        for sir in (0, 7, 18, 19):
            bed.go_to(ROUND, sir)
            state = (await get_status(node))["state"]
            assert (state["sir"], state["forger"]) == (sir, node.node_state.plan.juror_of(sir))
        assert state["forger"] is None
        bed.go_to(ROUND + 1, 0)
        assert (await get_status(node))["state"]["forger"] is None

    play(scenario())


def test_equal_nodes_share_their_fingerprints() -> None:
    async def scenario() -> None:
        bed = Bed()
        metas = [(await get_status(await bed.node(n)))["meta"] for n in (0, 1)]
        assert metas[0] == metas[1]
        other = await bed.node(2)
        bed.go_to(ROUND + 1, 0)
        await store(bed, other.ports.ledger, (ROUND, 0))
        other.node_state.set_plan(await other.chain.derive_plan(ROUND + 1), NOBODY, ())
        changed = (await get_status(other))["meta"]
        assert changed["all_hns_hash"] == metas[0]["all_hns_hash"]
        assert changed["slots"] != metas[0]["slots"]
        assert changed["inactive_hns_count"] > 0
        assert changed["active_regs_count"] + changed["inactive_hns_count"] == bed.size

    play(scenario())


def test_the_nets_height_is_the_best_that_peers_tell_with_who_tells_it() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        for number, height in ((1, reported(5, b"a")), (2, reported(6, b"b")), (3, reported(5, b"a"))):
            note_height(bed, node, number, height)
        peers = (await get_status(node))["peers"]
        assert peers["connected_count"] == 3
        assert peers["outbound"] == ["10.2.0.1:06969", "10.3.0.1:06969", "10.4.0.1:06969"]
        assert peers["inbound"] == []
        net = peers["net_height"]
        assert (net["height"], net["count"], net["peers"]) == (6, 1, ["10.3.0.1:06969"])
        chains = (await get_status(node))["extra"]["chains"]
        assert [(chain["height"], chain["count"], chain["ours"]) for chain in chains] == [
            (5, 2, False),
            (6, 1, False),
        ]

    play(scenario())


@pytest.mark.parametrize("slot_s", [180, 6])
def test_what_a_silent_peer_said_counts_for_three_exchanges_on_any_slot(slot_s: int) -> None:
    async def scenario() -> None:
        bed = Bed(slot_s=slot_s, delays=Delays().scaled(slot_s))
        node = await bed.node()
        own = node.chain.height
        for number in range(1, 5):
            note_height(bed, node, number, own)
        last_s = 90.0 * slot_s / 180
        for wait_s, seen in ((last_s - 0.01, 4), (0.011, 0)):
            await asyncio.sleep(wait_s)
            view = await node.view_builder.look()
            assert len(view.peers) == seen
            consensus = node.node_state.consensus
            assert consensus is not None
            assert (consensus.percent > 0) is bool(seen)
            status = await get_status(node)
            assert sum(chain["count"] for chain in status["extra"]["chains"]) == seen
            assert (status["peers"]["net_height"] is None) is not bool(seen)
            assert {reported["counts"] for reported in status["peers"]["told"].values()} == {bool(seen)}
        assert status["peers"]["connected_count"] == 4
        assert status["peers"]["oldest_word"] == round(last_s, 1)
        assert {reported["age"] for reported in status["peers"]["told"].values()} == {round(last_s, 1)}

    play(scenario())


def test_what_peers_tell_does_not_break_the_status() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        most = 2**32 - 1
        peer = note_height(bed, node, 1, None)
        node.views.note_height(
            peer, ChainHeight(most, most, most, b"\0" * 20, most, most, most, most), "\0\ud800"
        )
        status = await get_status(node)
        assert status["peers"]["net_height"]["height"] == most
        assert json.loads(json.dumps(node.views.get_heights()))["10.2.0.1:06969"]["round"] == most

    play(scenario())


def test_a_height_wakes_the_node_when_it_is_news() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        peer = note_height(bed, node, 1, None)
        for height in (reported(5, b"a"), reported(5, b"a"), reported(6, b"b")):
            node.views.note_height(peer, height, None)
        assert len(list_heard(node, "height")) == 2
        assert peer.reported_at == bed.clock.monotonic()

    play(scenario())


def test_getround_has_the_lists_of_the_round() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        shown = json.loads(json.dumps(node.views.get_round()))
        plan = node.node_state.plan
        assert plan is not None
        assert shown["start"] == int(bed.clock.now())
        assert shown["previous"] == ROUND
        address = bed.address
        assert sorted(entry[0] for entry in shown["connect_to"]) == sorted(
            address(n) for n in range(1, bed.size)
        )
        pos, ip, port, weight, collateral, reward = shown["connect_to"][0]
        number = bed.index_of(pos)
        assert (ip, port, weight, collateral, reward) == (bed.ip(number), "6969", 1, pos, pos)
        assert shown["slots"] == [[juror.address, juror.ticket] for juror in plan.jurors]
        assert len(shown["test_slots"]) == bed.params.slots
        assert all(len(tests) == bed.params.default_tunables.tests_per_slot for tests in shown["test_slots"])
        assert {len(test) for tests in shown["test_slots"] for test in tests} == {3}
        assert (shown["active"], shown["inactive"]) == ([address(n) for n in range(bed.size)], [])

    play(scenario())


def test_voided_ones_are_neither_active_nor_inactive() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        assert node.node_state.plan is not None
        node.node_state.plan = replace(node.node_state.plan, voided=(bed.address(2),))
        shown = node.views.get_round()
        assert shown["voided"] == [bed.address(2)]
        assert bed.address(2) not in shown["active"]  # type: ignore[operator]
        meta = (await get_status(node))["meta"]
        assert (meta["active_regs_count"], meta["voided_hns_count"]) == (bed.size - 1, 1)

    play(scenario())


def test_the_companions_trouble_is_shown() -> None:
    async def scenario() -> None:
        bed = Bed()
        source: ScriptedPowSource = bed.scripted_pow()
        node = await bed.node(pow_source=source)
        source.is_down = True
        node.node_state.pow_status = await source.get_status(bed.clock.now())
        assert "down" in (await get_status(node))["pow"]["problem"]

    play(scenario())


def test_what_hangs_on_tip_or_plan_is_made_when_they_change(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        counts: list[int] = []

        async def count_findings() -> dict[str, int]:
            counts.append(len(counts))
            return {"9": len(counts)}

        monkeypatch.setattr(node.ports.ledger, "count_findings", count_findings)
        first, again = [await node.views.get_status() for _ in range(2)]
        assert first["extra"]["findings"] == again["extra"]["findings"] == {"9": 1}  # type: ignore[index]
        bed.go_to(3, 0)
        await store(bed, node.ports.ledger, (3, 0))
        assert (await node.views.get_status())["extra"]["findings"] == {"9": 2}  # type: ignore[index]
        bed.go_to(3, 1)
        plan = await node.chain.derive_plan(3)
        for inactive in ((), ("somebody",)):
            node.node_state.plan = replace(plan, inactive=inactive)
            meta = (await node.views.get_status())["meta"]
            assert meta["inactive_hns"] == list(inactive)  # type: ignore[index]
            assert list(meta)[:2] == ["round", "sir"]  # type: ignore[call-overload]
            assert meta["sir"] == 1  # type: ignore[index]

    play(scenario())
