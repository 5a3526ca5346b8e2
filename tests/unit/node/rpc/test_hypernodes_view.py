"""gethypernodes, line by line of spec 6: the three forms, over a chain with every kind of message."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypernode.core.counting import NOBODY
from hypernode.core.types import Message
from tests.unit.node.beds import ROUND, Bed, play, store

SPAN = f"1,{ROUND - 1},{ROUND}"


def make_messages(bed: Bed, when: float) -> list[Message]:
    """Of hypernodes 0 to 2, about each other: every kind that KPIs count, and one that they do not."""
    kinds = [
        (0, 1, 202, "START"),
        (0, 1, 201, "NO_TEST:1"),
        (0, 1, 202, "TEST:3"),
        (0, 1, 204, "TEST:3"),
        (1, 0, 203, "TEST:3"),
        (1, 0, 200, "R.SYNC:1.2.3.4:06969"),
        (1, 0, 101, "P.FAIL:1.2.3.4:06969"),
        (2, 0, 101, "P.FAIL:1.2.3.4:06969"),
    ]
    return [
        bed.message(sender, when, recipient=bed.address(to), what=what, params=params)
        for sender, to, what, params in kinds
    ]


async def make_node(bed: Bed) -> Any:
    """Of a node with such a block in each of two rounds."""
    bed.go_to(ROUND, 2)
    node = await bed.node()
    for round_ in (ROUND - 1, ROUND):
        when = bed.clock.now() - (ROUND - round_) * bed.params.round_s
        await store(bed, node.ports.ledger, (round_, 1), messages=make_messages(bed, when))
    return node


def test_the_list_has_six_values_each_in_list_order() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        for text in (None, ""):
            assert await node.views.get_hypernodes(text, node.ports.ledger) == [
                [entry.pos, entry.ip, entry.port, entry.weight, entry.collateral, entry.reward]
                for entry in map(bed.entry, range(bed.size))
            ]

    play(scenario())


def test_kpis_of_a_span_are_the_nonzero_ones_with_forged_and_sources() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        blocks = await node.ports.ledger.get_blocks(1, 9)
        shown = await node.views.get_hypernodes(SPAN, node.ports.ledger)
        forged = [sum(block.forger == bed.address(n) for block in blocks) for n in range(3)]
        assert shown[bed.address(0)]["kpis"] == {
            "forged": forged[0],
            "sources": 8,
            "start_count": 2,
            "no_tests_sent": 2,
            "ok_tests_sent": 2,
            "ko_tests_sent": 2,
            "ok_actions_received": 2,
            # two accusers, each counted once in the span
            "ko_actions_received": 2,
            "active": True,
        }
        assert shown[bed.address(2)]["kpis"] == {
            "forged": forged[2],
            "sources": 2,
            "ko_actions_received": 1,
            "active": True,
        }

    play(scenario())


def test_without_numbers_it_is_this_round() -> None:
    async def scenario() -> None:
        node = await make_node(Bed())
        assert await node.views.get_hypernodes("1", node.ports.ledger) == await node.views.get_hypernodes(
            f"1,{ROUND},{ROUND}", node.ports.ledger
        )
        assert await node.views.get_hypernodes("1", node.ports.ledger) != await node.views.get_hypernodes(
            SPAN, node.ports.ledger
        )
        assert await node.views.get_hypernodes("2", node.ports.ledger) == await node.views.get_hypernodes(
            f"2,0,{ROUND}", node.ports.ledger
        )

    play(scenario())


def test_who_did_nothing_has_the_seven_zeros_of_legacy_nodes() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        blocks = await node.ports.ledger.get_blocks(1, 9)
        idle = next(n for n in range(3, bed.size) if bed.address(n) not in {b.forger for b in blocks})
        names = ("success", "errors", "failed_pings", "ok_pings", "warnings", "rounds", "sources")
        assert (await node.views.get_hypernodes(SPAN, node.ports.ledger))[bed.address(idle)]["kpis"] == {
            **dict.fromkeys(names, 0),
            "active": False,
        }
        # a span without blocks: nobody did anything
        empty = await node.views.get_hypernodes("1,0,0", node.ports.ledger)
        assert all(entry["kpis"]["active"] is False for entry in empty.values())

    play(scenario())


def test_form_0_has_everything_but_kpis() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        with_kpis, without = (
            await node.views.get_hypernodes("1", node.ports.ledger),
            await node.views.get_hypernodes("0", node.ports.ledger),
        )
        assert without == {pos: {**entry, "kpis": {}} for pos, entry in with_kpis.items()}
        entry = bed.entry(4)
        assert without[entry.pos] == {
            "ip": entry.ip,
            "port": "6969",
            "weight": 1,
            "registrar": entry.collateral,
            "recipient": entry.reward,
            "kpis": {},
        }

    play(scenario())


def test_ports_are_the_text_that_was_registered() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await make_node(bed)
        plan = node.views.node_state.plan
        odd = (replace(plan.registered[0], port="06969 "), *plan.registered[1:])
        node.views.node_state.set_plan(replace(plan, registered=odd), NOBODY, ())
        assert (await node.views.get_hypernodes(None, node.ports.ledger))[0][2] == "06969 "
        assert (await node.views.get_hypernodes("1", node.ports.ledger))[odd[0].pos]["port"] == "06969 "
        assert (await node.views.get_hypernodes("2", node.ports.ledger))[odd[0].collateral] == {
            "ip": odd[0].ip,
            "port": "06969 ",
            "pos": odd[0].pos,
            "reward": odd[0].reward,
            "weight": 1,
            "timestamp": 0.0,
            "active": True,
        }

    play(scenario())
