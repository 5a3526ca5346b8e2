"""Messages on their way into the mempool."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.message import encode_signed_buffer
from hypernode.core.rules import Rule, Violation
from hypernode.core.signing import compute_twin
from hypernode.core.types import Message
from hypernode.node.owner.runtime import Node
from tests.unit.node.beds import ROUND, Bed, play, store


async def digest(node: Node, message: Message) -> Violation | None:
    (verdict,) = await node.intake.submit([message])
    return verdict


def test_a_valid_message_is_taken_once() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        message = bed.message(3)
        assert await digest(node, message) is None
        assert await digest(node, message) == Violation(Rule.KNOWN, "known")
        assert len(node.mempool) == 1

    play(scenario())


def test_equal_messages_of_one_batch_are_one() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        message = bed.message(3)
        twin = replace(message, txid=compute_twin(message.txid))
        verdicts = await node.intake.submit([message, message, replace(message), twin])
        assert [v is None for v in verdicts] == [True, False, False, False]
        assert len(node.mempool) == 1

    play(scenario())


def test_one_bad_message_does_not_spoil_the_rest_of_a_batch() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        bad = replace(bed.message(1), value=7_000)
        verdicts = await node.intake.submit([bed.message(2), bad, bed.message(3)])
        assert [None if v is None else v.rule for v in verdicts] == [None, Rule.M3, None]

    play(scenario())


def test_a_message_that_is_in_the_chain_is_known_also_as_its_twin() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        (block,) = await store(bed, node.ports.ledger, (ROUND, 0))
        sealed = replace(block.messages[0], block_height=0)
        for message in (sealed, replace(sealed, txid=compute_twin(sealed.txid))):
            verdict = await digest(node, message)
            assert verdict == Violation(Rule.SEALED, "in the chain already")

    play(scenario())


def test_a_message_sealed_while_others_are_checked_does_not_return() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        held, other = bed.message(2), bed.message(3)
        assert await digest(node, held) is None
        find_sealed = node.intake._find_sealed

        async def seal_meanwhile(messages: Sequence[Message]) -> set[int]:
            sealed = await find_sealed(messages)
            node.mempool.remove([held])
            return sealed

        node.intake._find_sealed = seal_meanwhile  # type: ignore[method-assign]
        verdicts = await node.intake.submit([held, other])
        assert [str(v) for v in verdicts] == ["mempool: known", "None"]
        assert [m.txid for m in node.mempool.get_all()] == [other.txid]

    play(scenario())


def test_a_message_that_is_cut_elsewhere_is_taken_with_the_right_cut() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        message = bed.message(3, what=int.from_bytes(b"ABCD", "big"), params="EFGH")
        cut = replace(
            message,
            recipient=message.recipient + "ABCD",
            what=int.from_bytes(b"EFGH", "big"),
            params="",
        )
        assert encode_signed_buffer(cut) == encode_signed_buffer(message)
        assert await digest(node, cut) is None
        (held,) = node.mempool.get_all()
        assert held == replace(message, received=held.received)

    play(scenario())


ODD: list[dict[str, Any]] = [
    {"txid": b""},
    {"txid": b"\0" * 64},
    {"txid": b"\xff" * 64},
    {"txid": b"x" * 63},
    {"txid": b"x" * 65},
    {"txid": b"x" * 96},
    {"txid": b"x" * 200},
    {"pubkey": b""},
    {"pubkey": b"\0" * 64},
    {"pubkey": b"x" * 33},
    {"pubkey": b"x" * 65},
    {"sender": ""},
    {"sender": "x" * 34},
    {"sender": "\0" * 34},
    {"sender": "é" * 34},
    {"recipient": ""},
    {"recipient": "\0"},
    {"recipient": "x" * 5_000},
    {"params": "\0"},
    {"params": "é"},
    {"params": "'"},
    {"params": "123"},
    {"params": "x" * 257},
    {"params": "x" * 100_000},
    {"timestamp": 0},
    {"timestamp": 2**32 - 1},
    {"timestamp": 2**40},
    {"timestamp": -1},
    {"what": 2**32 - 1},
    {"what": 2**64},
    {"value": -1},
    {"value": 2**32 - 1},
    {"block_height": 2**32 - 1},
]


@pytest.mark.parametrize("spoil", ODD, ids=[f"{next(iter(s))}-{i}" for i, s in enumerate(ODD)])
def test_whatever_comes_is_judged_and_breaks_nothing(spoil: dict[str, Any]) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        good, odd = bed.message(2), replace(bed.message(3), **spoil)
        verdicts = await node.intake.submit([odd, good], "10.3.0.1:06969")
        assert verdicts[1] is None
        if "block_height" not in spoil:
            assert isinstance(verdicts[0], Violation)
        assert all(message.block_height == 0 for message in node.mempool.get_all())

    play(scenario())


def test_what_a_peer_sent_is_not_sent_back_to_it() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        theirs, ours = bed.message(2), bed.message(3)
        await node.intake.submit([theirs], "10.3.0.1:06969")
        await node.intake.submit([ours])
        sent = node.mempool.take_new_for("10.3.0.1:06969", 10, bed.clock.now())
        assert [m.txid for m in sent] == [ours.txid]
        assert len(node.mempool.take_new_for("10.4.0.1:06969", 10, bed.clock.now())) == 2

    play(scenario())


def test_only_senders_of_this_and_the_previous_round_count() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node()
        allowed = frozenset({bed.address(2)})
        node.intake.set_senders(allowed, allowed)
        assert await digest(node, bed.message(2)) is None
        verdict = await digest(node, bed.message(3))
        assert verdict is not None
        assert verdict.rule == Rule.M6

    play(scenario())


def test_what_we_say_is_signed_and_in_the_mempool_whatever_the_quota() -> None:
    async def scenario() -> None:
        bed = Bed(sender_quota=1)
        node = await bed.node()
        said = [await node.intake.publish(202, bed.address(1), "TEST:0", value) for value in range(3)]
        assert None not in said
        assert [m.value for m in node.mempool.get_all()] == [0, 1, 2]
        assert await node.intake.publish(202, bed.address(1), "TEST:0", 2) is None
        assert await digest(node, bed.message(3)) is None
        over = await digest(node, bed.message(3))
        assert over is not None
        assert over.rule is Rule.QUOTA

    play(scenario())
