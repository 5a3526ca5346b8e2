"""The messages of a block that is too large to be held: made anew, one by one, each time they are gone
through.  Whoever judges a block goes through its messages and keeps none."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import overload

from hypernode.core.types import Message


class LongMessages(Sequence[Message]):
    """Equal to any sequence of the same messages; to take one by its place goes through those before it."""

    @abstractmethod
    def __iter__(self) -> Iterator[Message]: ...

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


class MappedMessages(LongMessages):
    """What ``change`` makes of others, each time anew."""

    def __init__(self, messages: Sequence[Message], change: Callable[[Message], Message]) -> None:
        self._messages = messages
        self._change = change

    def __len__(self) -> int:
        return len(self._messages)

    def __iter__(self) -> Iterator[Message]:
        return map(self._change, self._messages)
