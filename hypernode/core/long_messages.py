"""The messages of a block that is too large to be held in memory.  They are made one by one, each time
somebody iterates over them; whoever validates the block keeps none of them."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, overload

from hypernode.core.types import Message

SHORT_CHARS: Final = 4 * 1024
"""A text of more is gone through alone; params that policy takes have 256."""
PIECE_MESSAGES: Final = 1_000
"""Messages of a long block that are held at a time: some 10 ms of anything that is done with them."""


class LongMessages(Sequence[Message]):
    """A sequence that equals any other sequence of the same messages.  Taking one by its index iterates over
    those before it."""

    @abstractmethod
    def __iter__(self) -> Iterator[Message]: ...

    @property
    @abstractmethod
    def encoded_bytes(self) -> int:
        """About how many bytes they have on the wire."""
        ...

    @overload
    def __getitem__(self, place: int) -> Message: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Message, ...]: ...
    def __getitem__(self, place: int | slice) -> Message | tuple[Message, ...]:
        places = range(len(self))[place]
        if isinstance(places, int):
            return next(islice(self, places, None))
        return tuple(islice(self, places.start, places.stop, places.step))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence) or len(self) != len(other):
            return False
        return all(one == another for one, another in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]


def is_short(message: Message) -> bool:
    """Whether a message has no text that is longer than any of ours."""
    return len(message.params) <= SHORT_CHARS and len(message.recipient) <= SHORT_CHARS


def split_messages(messages: Iterable[Message]) -> Iterator[tuple[Message, ...]]:
    """Messages in pieces of ``PIECE_MESSAGES``; one with a text that is not short is alone."""
    piece: list[Message] = []
    for m in messages:
        if piece and (len(piece) >= PIECE_MESSAGES or not (is_short(m) and is_short(piece[-1]))):
            yield tuple(piece)
            piece = []
        piece.append(m)
    if piece:
        yield tuple(piece)


class MappedMessages(LongMessages):
    """The messages of another sequence, each changed by ``change`` whenever somebody iterates."""

    def __init__(self, messages: LongMessages, change: Callable[[Message], Message]) -> None:
        self._messages = messages
        self._change = change

    def __len__(self) -> int:
        return len(self._messages)

    @property
    def encoded_bytes(self) -> int:
        return self._messages.encoded_bytes

    def __iter__(self) -> Iterator[Message]:
        return map(self._change, self._messages)
