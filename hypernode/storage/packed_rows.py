"""Rows and counts of packed messages: made from their columns, without an object of any message.

What comes out is what ``append``, ``intern`` and ``tally`` make of the same messages one by one; a test holds
them together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import repeat

from hypernode.core.packed_messages import PackedMessages, Tables
from hypernode.core.types import Message
from hypernode.storage.interface import Params


def list_signers(messages: Sequence[Message]) -> set[tuple[str, bytes]]:
    """Distinct senders with their keys."""
    if isinstance(messages, PackedMessages):
        return {messages.tables.signers[place] for place in set(messages.signers)}
    return {(m.sender, m.pubkey) for m in messages}


def list_recipients(messages: Sequence[Message]) -> set[str]:
    """Distinct recipients."""
    if isinstance(messages, PackedMessages):
        return {messages.tables.recipients[place] for place in set(messages.recipients)}
    return {m.recipient for m in messages}


def list_params(messages: Sequence[Message]) -> set[str]:
    """Distinct params."""
    if isinstance(messages, PackedMessages):
        return {messages.tables.params[place] for place in set(messages.params)}
    return {m.params for m in messages}


class PackedNumbers:
    """Row numbers of what the tables of packed messages have, by their places there."""

    def __init__(
        self,
        tables: Tables,
        addresses: Mapping[str, int],
        signers: Mapping[tuple[int, bytes], int],
        params: Mapping[str, int],
    ) -> None:
        """A table may have more than these messages use: that gets no number."""
        self._senders = [addresses.get(sender, 0) for sender, _ in tables.signers]
        keys = zip(self._senders, (pubkey for _, pubkey in tables.signers), strict=True)
        self._signers = [signers.get(key, 0) for key in keys]
        self._recipients = [addresses.get(recipient, 0) for recipient in tables.recipients]
        self._params = [params.get(text, 0) for text in tables.params]

    def list_senders(self, messages: PackedMessages) -> list[int]:
        """Of each message, the number of its sender's address."""
        return [self._senders[place] for place in messages.signers]

    def list_recipients(self, messages: PackedMessages) -> list[int]:
        """The same of its recipient's."""
        return [self._recipients[place] for place in messages.recipients]

    def generate_rows(self, messages: PackedMessages, first_id: int) -> Iterator[Params]:
        """Rows of the table of messages, their ids from ``first_id`` on."""
        return zip(
            range(first_id, first_id + len(messages)),
            messages.txids,
            messages.timestamps,
            map(self._signers.__getitem__, messages.signers),
            map(self._recipients.__getitem__, messages.recipients),
            messages.whats,
            map(self._params.__getitem__, messages.params),
            messages.values,
            repeat(messages.received, len(messages)),
            strict=True,
        )
