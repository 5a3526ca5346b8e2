"""What is cheap to see is seen first: how many signatures are verified for what nobody takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from hypernode.core.errors import Reject
from hypernode.core.signing import compute_twin
from hypernode.core.types import Message
from hypernode.mempool import pool
from hypernode.mempool.screening import PROBE
from hypernode.node.runtime import Node
from hypernode.ports import SignatureCheck
from hypernode.sim.adapters import InlineVerifier
from tests.unit.node.worlds import ROUND, Bed, play, store

MANY = 400
"""Messages of a batch: more than the quota of a sender, and than are verified to see that most are forged."""


class CountingVerifier(InlineVerifier):
    """Verifies, and counts the signatures."""

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        self.count += len(checks)
        return await super().verify(checks, allow_long_ids=allow_long_ids)


async def count_verified(bed: Bed, node: Node, messages: Sequence[Message]) -> int:
    verifier = node.world.verifier
    assert isinstance(verifier, CountingVerifier)
    before = verifier.count
    verdicts = await node.intake.digest(messages)
    assert len(verdicts) == len(messages)
    return verifier.count - before


def make_many(bed: Bed, index: int = 1, **changes: object) -> list[Message]:
    """Messages of one hypernode that nobody signed, all unlike each other."""
    one = bed.message(index)
    return [
        replace(one, txid=number.to_bytes(64, "big"), value=number, **changes)  # type: ignore[arg-type]
        for number in range(1, MANY + 1)
    ]


Make = Callable[[Bed], list[Message]]
REFUSED_UNSEEN: dict[str, Make] = {
    "of nobody on the list": lambda bed: make_many(bed, sender="B" * 34),
    "too old": lambda bed: make_many(bed, timestamp=int(bed.clock.now()) - 100_000),
    "of the future": lambda bed: make_many(bed, timestamp=int(bed.clock.now()) + 1_000),
    "params that nobody takes": lambda bed: make_many(bed, params="'"),
    "a recipient that is none": lambda bed: make_many(bed, recipient="nobody", params="x"),
    "with another's key": lambda bed: make_many(bed, pubkey=bed.message(2).pubkey),
    "an id of another length": lambda bed: [replace(m, txid=m.txid[1:]) for m in make_many(bed)],
}


@pytest.mark.parametrize("make", REFUSED_UNSEEN.values(), ids=REFUSED_UNSEEN.keys())
def test_no_signature_is_verified_of_what_something_cheaper_keeps_out(make: Make) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        assert await count_verified(bed, node, make(bed)) == 0
        assert len(node.mempool) == 0

    play(scenario())


def test_neither_the_chain_nor_an_address_is_asked_for_who_is_not_registered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        messages = make_many(bed, sender="B" * 34)
        with monkeypatch.context() as patch:
            for place in (
                "hypernode.mempool.screening.normalise_cut",
                "hypernode.mempool.pool.list_twin_ids",
            ):
                patch.setattr(place, None)
            verdicts = await node.intake.digest(messages)
        assert {str(verdict) for verdict in verdicts} == {
            str(Reject("M6", "the sender is not registered for this or the previous round"))
        }

    play(scenario())


def test_what_is_known_or_in_the_chain_is_not_verified_again() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        [block] = await store(bed, node.world.ledger, (ROUND, 0))
        bed.go_to(ROUND, 1)
        held = bed.messages(bed.clock.now())
        assert await count_verified(bed, node, held) == len(held)
        twins = [replace(m, txid=compute_twin(m.txid)) for m in held]
        assert await count_verified(bed, node, [*held, *twins, *block.messages]) == 0
        assert len(node.mempool) == len(held)
        # one and the same, again and again
        assert await count_verified(bed, node, [bed.message(2)] * MANY) == 1

    play(scenario())


@pytest.mark.parametrize("is_own", [False, True])
def test_no_more_of_a_sender_is_verified_than_may_come_in(is_own: bool) -> None:
    async def scenario() -> None:
        bed = Bed()
        bed.network = replace(bed.network, sender_quota=20)
        node = await bed.node(verifier=CountingVerifier())
        index = 0 if is_own else 1
        assert await count_verified(bed, node, [bed.message(index) for _ in range(30)]) == 20
        assert len(node.mempool) == 20
        left = 20 if is_own else 0
        assert await count_verified(bed, node, [bed.message(index) for _ in range(30)]) == left
        reasons = node.mempool.get_refusals()
        assert reasons[f"mempool: {pool.OVER_QUOTA}"] == 30 - 20 + 30 - left

    play(scenario())


def test_where_most_signatures_are_forged_the_rest_is_not_verified() -> None:
    async def scenario() -> None:
        bed = Bed()
        node = await bed.node(verifier=CountingVerifier())
        forged = [m for index in (1, 2) for m in make_many(bed, index)[: MANY // 2]]
        assert await count_verified(bed, node, forged) == PROBE
        # who sends some that are not good beside good ones is heard to the end
        few = [*(bed.message(1) for _ in range(PROBE)), *make_many(bed, 2)[: PROBE // 2], bed.message(3)]
        assert await count_verified(bed, node, few) == len(few)
        assert len(node.mempool) == PROBE + 1

    play(scenario())
