"""Spec 3: all that follows for a round from the lists of it and of the round before, and from a chain."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from tests.oracle import drawing
from tests.oracle.parameters import Parameters


@dataclass(frozen=True)
class Round:
    """Addresses are of PoS, in the order of the list."""

    reference: bytes
    registered: list[str]
    active: list[str]
    inactive: list[str]
    jurors: list[tuple[str, int]]
    tests: list[list[tuple[str, str, int]]]


def find_reference(chain: Sequence[Any], round_: int) -> bytes:
    """Hash of the last block of any round before; a chain begins with genesis."""
    before = [b for b in chain if b.round < round_]
    return bytes((before or chain[:1])[-1].block_hash)


def find_seen(chain: Sequence[Any], round_: int) -> set[str]:
    """Everybody who forged a block of a round, or sent a message that is in one, registered or not."""
    seen = set()
    for b in chain:
        if b.round == round_:
            seen.add(b.forger)
            seen.update(m.sender for m in b.messages)
    return seen


def keep_collateral(p: Parameters, round_: int, listed: Sequence[Any], weights: Sequence[int]) -> list[Any]:
    """Own networks: (address, weight) with the lesser of two weights, without those below 1, from a round on.
    ``listed`` are (address, weight at registration), ``weights`` those at the reference height."""
    if p.mixed or p.collateral_from_round is None or round_ < p.collateral_from_round:
        return list(listed)
    lesser = [(address, min(weight, now)) for (address, weight), now in zip(listed, weights, strict=True)]
    return [(address, weight) for address, weight in lesser if weight >= 1]


def find_counted(listed: Sequence[tuple[str, int]], weights: Sequence[int] | None) -> set[str]:
    """Registered with collateral, and still with it where that can be had."""
    now = weights if weights is not None else [weight for _, weight in listed]
    return {address for (address, then), at in zip(listed, now, strict=True) if then >= 1 and at >= 1}


def derive_round(
    p: Parameters,
    round_: int,
    listed: Sequence[tuple[str, int]],
    listed_before: Sequence[tuple[str, int]],
    chain: Sequence[Any],
    voided: Collection[str] = (),
) -> Round:
    """By (address, weight) of both rounds' lists, and by a chain from genesis, later blocks or none."""
    reference = find_reference(chain, round_)
    seen = find_seen(chain, round_ - 1)
    silent = drawing.find_silent([address for address, _ in listed_before], seen, p.min_active)
    excluded = set() if p.mixed else set(voided)
    present = [(address, weight) for address, weight in listed if address not in excluded]
    active = [(address, weight) for address, weight in present if address not in silent]
    jurors = drawing.draw_jurors(drawing.list_tickets(active, p.slots), reference, p.slots)
    tests = drawing.plan_tests(
        [address for address, _ in present],
        [address for address, _ in jurors],
        reference,
        p.tests_per_slot,
        p.test_types,
    )
    return Round(
        reference,
        [address for address, _ in listed],
        [address for address, _ in active],
        [address for address, _ in present if address in silent],
        jurors,
        tests,
    )
