"""The messages of a block as columns, with the verdicts on them, as another process returns them.

Making an object of each message costs more than moving it does.  So blocks that were decoded and verified
elsewhere come as arrays, with addresses, keys and params in tables that the blocks of one answer share; a
message is made when somebody looks at it.  The functions below read one field of all messages of a block,
whatever holds them, and the rules and the ledger use those where they go through every message.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias, overload

from hypernode.core.rules import Violation
from hypernode.core.types import Height, Message, Timestamp

MAX_PACKED_CHARS: Final = 1_024
"""Blocks with a longer text in a message are not packed: those are rare, and stored in another way."""


@dataclass(frozen=True, slots=True, eq=False)
class Tables:
    """What many messages have in common, each once: senders with their keys, recipients, params."""

    signers: tuple[tuple[str, bytes], ...]
    recipients: tuple[str, ...]
    params: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class PackedMessages(Sequence[Message]):
    """Messages of the block at ``height``, all cut as the spec cuts them.  ``signers``, ``recipients`` and
    ``params`` are places in ``tables``.  ``faults``: by id, why a message breaks M1, M2 or M3; ``is_safe``:
    whether every one holds M4 and M5; ``encoded_bytes``: of all of them as entries of an encoded block."""

    height: Height
    received: Timestamp
    tables: Tables
    txids: tuple[bytes, ...]
    timestamps: array[int]
    signers: array[int]
    recipients: array[int]
    whats: array[int]
    params: array[int]
    values: array[int]
    encoded_bytes: int
    faults: Mapping[bytes, Violation]
    is_safe: bool

    def __len__(self) -> int:
        return len(self.txids)

    def __iter__(self) -> Iterator[Message]:
        return map(self._make, range(len(self.txids)))

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Message, ...]: ...
    def __getitem__(self, place: int | slice) -> Message | tuple[Message, ...]:
        places = range(len(self.txids))[place]
        return self._make(places) if isinstance(places, int) else tuple(map(self._make, places))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]

    def _make(self, place: int) -> Message:
        sender, pubkey = self.tables.signers[self.signers[place]]
        return Message(
            self.txids[place],
            self.height,
            self.timestamps[place],
            sender,
            self.tables.recipients[self.recipients[place]],
            self.whats[place],
            self.tables.params[self.params[place]],
            self.values[place],
            pubkey,
            self.received,
        )

    def select(self, what: int) -> Iterator[Message]:
        """The messages of one kind."""
        return (self._make(place) for place, kind in enumerate(self.whats) if kind == what)


Places: TypeAlias = tuple["array[int]", "array[int]", "array[int]"]
"""Of the senders, recipients and params of a block's messages in the tables."""


class Packer:
    """Numbers what the blocks of one answer have in common; ``finish`` gives the tables when all are in."""

    def __init__(self) -> None:
        self._signers: dict[tuple[str, bytes], int] = {}
        self._recipients: dict[str, int] = {}
        self._params: dict[str, int] = {}

    def number(self, messages: Sequence[Message]) -> Places:
        """Their places in the tables; new rows are added."""
        signers, recipients, params = self._signers, self._recipients, self._params
        return (
            array("I", [signers.setdefault((m.sender, m.pubkey), len(signers)) for m in messages]),
            array("I", [recipients.setdefault(m.recipient, len(recipients)) for m in messages]),
            array("I", [params.setdefault(m.params, len(params)) for m in messages]),
        )

    def finish(self) -> Tables:
        """The tables as they are now."""
        return Tables(tuple(self._signers), tuple(self._recipients), tuple(self._params))


def can_pack(tables: Tables) -> bool:
    """Whether the texts are as short as those of valid messages are, or nearly."""
    return all(len(text) <= MAX_PACKED_CHARS for text in (*tables.recipients, *tables.params))


# --- one field of all messages ----------------------------------------------------------------------------


def list_txids(messages: Iterable[Message]) -> Sequence[bytes]:
    """Ids, in order."""
    return messages.txids if isinstance(messages, PackedMessages) else [m.txid for m in messages]


def list_times(messages: Iterable[Message]) -> Sequence[Timestamp]:
    """Timestamps, in order."""
    return messages.timestamps if isinstance(messages, PackedMessages) else [m.timestamp for m in messages]


def list_senders(messages: Iterable[Message]) -> set[str]:
    """Distinct senders."""
    if isinstance(messages, PackedMessages):
        signers = messages.tables.signers
        return {signers[place][0] for place in set(messages.signers)}
    return {m.sender for m in messages}


def select_kind(messages: Iterable[Message], what: int) -> Iterable[Message]:
    """The messages of one kind, in order."""
    return (
        messages.select(what)
        if isinstance(messages, PackedMessages)
        else (m for m in messages if m.what == what)
    )
