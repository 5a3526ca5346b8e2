"""A batch of messages on its way into the pool: cheap checks first, signatures last (spec 2, budgets).

Whoever can reach us can send 2,000 messages at a time.  Looking at the time of one, at its sender and at what
that one has in the pool costs a microsecond, addresses and the chain cost ten, its signature thirty.  So each
step sees only what the ones before it left, and no more of a sender's messages go on than may still come in.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import Final

from hypernode.core.message import normalise_cut
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool

PROBE: Final = 128
"""So many signatures of a batch are verified first, 4 ms of one core.  Nobody honest sends forged ones,
legacy nodes verify too: when most of them are, the rest is not looked at."""
MOST_FORGED: Final = "not verified: most signatures of its batch are invalid"


class Screening:
    """Checks the messages of one batch in order, except for their signatures and the chain.  ``registered``:
    see ``find_policy_violation``.  ``own_address`` is ours, which neither quota nor room binds."""

    def __init__(
        self, params: ChainParams, pool: Mempool, now: float, registered: Collection[str], own_address: str
    ) -> None:
        self._params = params
        self._pool = pool
        self._now = now
        self._registered = registered
        self._own_address = own_address
        self._seen: dict[bytes, Message] = {}
        self._passed: Counter[str] = Counter()

    def screen(self, message: Message) -> Message | Violation:
        """The message with its fields normalised, its signature still to be verified; or why it is not
        taken."""
        if self._pool.holds(message) or self._seen.get(message.txid) == message:
            return Violation(Rule.KNOWN, "known")
        is_own = message.sender == self._own_address
        broken = self._pool.find_sender_violation(
            message,
            self._now,
            registered=self._registered,
            is_own=is_own,
            pending=self._passed[message.sender],
        )
        if broken is None:
            cut = normalise_cut(message, self._params.address_byte)
            broken = self._pool.screen(cut, self._now, registered=self._registered, is_own=is_own)
        if broken is not None:
            return broken
        self._seen[message.txid] = message
        self._passed[message.sender] += 1
        return cut
