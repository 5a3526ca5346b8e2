"""The mempool of a simulated legacy node (``vectors/mempool.json``; spec 8, what we must live with).

A message is taken, silently ignored, or raises, and what raises takes the rest of its batch with it.  What
the node wrote itself counts as received at 0 and is offered only to who asks for everything: in the first
exchange of a connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from hypernode.core.address import compute_address
from hypernode.core.errors import Reject
from hypernode.core.message import encode_signed_buffer
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Message
from hypernode.ports.signing import SignatureCheck, Verifier
from hypernode.sim.legacy.traps import Trap

RECEIVED_LATER_S = 10
"""Mempools are queued in steps of 10 s: what comes in now is dated by that much later."""


class Raises(Exception):
    """A message that the legacy code raises over.  ``trap`` says which."""

    def __init__(self, trap: Trap, reason: str) -> None:
        super().__init__(reason)
        self.trap = trap


class LegacyMempool:
    """Messages by id, in the order in which they came."""

    def __init__(self, params: ChainParams, verifier: Verifier, *, takes_long_ids: bool) -> None:
        self._params = params
        self._verifier = verifier
        self._takes_long_ids = takes_long_ids
        self._messages: dict[bytes, Message] = {}

    def __len__(self) -> int:
        return len(self._messages)

    def add_own(self, message: Message) -> None:
        """What the node wrote itself: received at 0."""
        self._messages[message.txid] = replace(message, received=0)

    async def digest(self, message: Message, now: float, *, is_in_chain: Callable[[bytes], bool]) -> bool:
        """Take one message, whoever wrote it; False when it is silently ignored.  Raises Raises."""
        if message.txid in self._messages or is_in_chain(message.txid):
            return False
        if now - message.timestamp > self._params.message_age_s:
            return False
        if message.timestamp - now > self._params.future_allowed_s:
            raise Raises(Trap.FUTURE_MESSAGE, "Transaction in the future, not allowed")
        if not await self._is_signed(message):
            raise Raises(Trap.BAD_MESSAGE, "Invalid signature")
        self._messages[message.txid] = replace(message, received=int(now) + RECEIVED_LATER_S)
        return True

    def list_since(self, since: int) -> list[Message]:
        """What came at ``since`` (unix s) or later; everything for 0."""
        return [m for m in self._messages.values() if m.received >= since]

    def take_all(self) -> list[Message]:
        """Everything, by time; nothing is left (it forges)."""
        taken = sorted(self._messages.values(), key=lambda m: m.timestamp)
        self._messages.clear()
        return taken

    def remove(self, messages: Iterable[Message]) -> None:
        """A block holds these now."""
        for m in messages:
            self._messages.pop(m.txid, None)

    def purge(self, now: float) -> None:
        """Drop what is too old."""
        oldest = now - self._params.message_age_s
        self._messages = {txid: m for txid, m in self._messages.items() if m.timestamp >= oldest}

    async def _is_signed(self, message: Message) -> bool:
        try:
            buffer = encode_signed_buffer(message)
        except Reject:
            return False
        if compute_address(message.pubkey, self._params.address_byte) != message.sender:
            return False
        check = SignatureCheck(message.pubkey, message.txid, buffer)
        return (await self._verifier.verify([check], allow_long_ids=self._takes_long_ids))[0]
