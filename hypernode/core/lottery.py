"""What a round draws from its reference hash: jurors, tests and connections (spec 3).

All chance here is that of Python's Mersenne Twister, used through ``getrandbits`` alone, which is
promised not to change: every node must draw the same.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hashlib import sha512
from random import Random
from typing import Final, TypeVar

from hypernode.core.hashing import h20
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Juror, PeerTest, PowHeight, Registration, Round, RoundPlan

T = TypeVar("T")

_POOL_LIMIT: Final = 21
"""Lists up to this long are drawn from a working copy (spec 3, two of a list)."""


class Draws:
    """The generator of spec 3, seeded with bytes, or with text as its UTF-8."""

    def __init__(self, seed: bytes | str) -> None:
        data = seed.encode() if isinstance(seed, str) else seed
        self._random = Random(int.from_bytes(data + sha512(data).digest(), "big"))

    def getrandbits(self, bits: int) -> int:
        """A number of ``bits`` random bits."""
        return self._random.getrandbits(bits)

    def below(self, limit: int) -> int:
        """A number from 0 to ``limit`` - 1.  Raises ValueError for a limit below 1."""
        if limit < 1:
            raise ValueError(f"no number is below {limit}")
        bits = limit.bit_length()
        drawn = self.getrandbits(bits)
        while drawn >= limit:
            drawn = self.getrandbits(bits)
        return drawn

    def one_of(self, items: Sequence[T]) -> T:
        """One of a list."""
        return items[self.below(len(items))]

    def two_of(self, items: Sequence[T]) -> tuple[T, T]:
        """Two different indices of a list of at least two."""
        count = len(items)
        first = self.below(count)
        if count <= _POOL_LIMIT:
            pool = list(items)
            pool[first] = pool[-1]
            return items[first], pool[self.below(count - 1)]
        second = self.below(count)
        while second == first:
            second = self.below(count)
        return items[first], items[second]

    def shuffle(self, items: list[T]) -> None:
        """Shuffle in place."""
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


def compute_silent(
    params: ChainParams, registered_before: Iterable[Registration], seen: Collection[str]
) -> frozenset[str]:
    """PoS addresses that are silent in round R: on the list of R - 1, and not ``seen`` (forger of a block
    of R - 1, or sender of a message in one).  Nobody is, when fewer than ``min_active`` were seen."""
    if len(seen) < params.min_active:
        return frozenset()
    return frozenset(r.pos for r in registered_before) - frozenset(seen)


def compute_tickets(active: Sequence[tuple[str, int]], slots: int) -> list[Juror]:
    """Tickets of (address, weight) in order: as many as the weight, and the whole list again while there
    are fewer than ``slots``.  None where no weight is positive."""
    once = [address for address, weight in active for _ in range(weight)]
    if not once:
        return []
    times = max(1, -(-slots // len(once)))
    return [Juror(address, ticket) for ticket, address in enumerate(once * times)]


def compute_jurors(tickets: Iterable[Juror], reference_hash: bytes, slots: int) -> tuple[Juror, ...]:
    """The ``slots`` tickets whose hashes are nearest to the reference hash, nearest first; equal distances
    keep ticket order."""
    return tuple(sorted(tickets, key=lambda ticket: compute_distance(ticket, reference_hash))[:slots])


def hash_ticket(ticket: Juror) -> bytes:
    """H20 of the address and the decimal number of the ticket."""
    return h20(f"{ticket.address}{ticket.ticket}".encode())


def compute_distance(ticket: Juror, reference_hash: bytes) -> int:
    """Sum over the bytes of |ticket's - reference's|."""
    return sum(abs(a - b) for a, b in zip(hash_ticket(ticket), reference_hash, strict=True))


def compute_tests(
    kinds: Sequence[int],
    tests_per_slot: int,
    candidates: Sequence[str],
    jurors: Sequence[Juror],
    reference_hash: bytes,
) -> tuple[tuple[PeerTest, ...], ...]:
    """The test plan: ``tests_per_slot`` tests for each slot with a juror, among the candidates other than the
    juror; none if fewer than two are left.  One generator runs through all slots."""
    draws = Draws(reference_hash)
    plan = []
    for juror in jurors:
        others = [address for address in candidates if address != juror.address]
        count = tests_per_slot if len(others) > 1 else 0
        plan.append(tuple(_draw_test(draws, others, kinds) for _ in range(count)))
    return tuple(plan)


def _draw_test(draws: Draws, others: Sequence[str], kinds: Sequence[int]) -> PeerTest:
    tester, tested = draws.two_of(others)
    return PeerTest(tester, tested, draws.one_of(kinds))


def compute_connect_to(
    max_connect_to: int,
    registered: Iterable[Registration],
    own_address: str,
    round_: Round,
    left_out: Collection[str] = (),
) -> list[Registration]:
    """Whom to connect to in a round, in order: all registered but ourselves, shuffled, without ``left_out``
    (who does not count, as PoS addresses; legacy leaves nobody out), the first ``max_connect_to``."""
    others = [r for r in registered if r.pos != own_address]
    Draws(f"{own_address}{round_}").shuffle(others)
    return [r for r in others if r.pos not in left_out][:max_connect_to]


def compute_round_plan(
    params: ChainParams,
    tests_per_slot: int,
    round_: Round,
    registered: Sequence[Registration],
    registered_before: Sequence[Registration],
    seen_before: Collection[str],
    reference_hash: bytes,
    pow_height: PowHeight = 0,
    voided: Collection[str] = (),
) -> RoundPlan:
    """All lists of a round.  ``registered_before`` and ``seen_before`` are of the round before;
    ``reference_hash`` is that of the last block of a round before this one; ``voided`` are PoS addresses.

    Where not mixed, voided ones get neither tickets nor tests; on mixed networks legacy nodes draw them
    all the same, and so do we (spec 5)."""
    left_out = frozenset() if params.mixed else frozenset(voided)
    silent = compute_silent(params, registered_before, seen_before)
    active = [(r.pos, r.weight) for r in registered if r.pos not in silent and r.pos not in left_out]
    jurors = compute_jurors(compute_tickets(active, params.slots), reference_hash, params.slots)
    candidates = [r.pos for r in registered if r.pos not in left_out]
    return RoundPlan(
        round=round_,
        pow_height=pow_height,
        reference_hash=reference_hash,
        registered=tuple(registered),
        # each is in one list of the three: registered = active + inactive + voided (spec 5)
        inactive=tuple(r.pos for r in registered if r.pos in silent and r.pos not in voided),
        voided=tuple(r.pos for r in registered if r.pos in voided),
        jurors=jurors,
        tests=compute_tests(params.test_kinds, tests_per_slot, candidates, jurors, reference_hash),
    )
