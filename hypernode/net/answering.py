"""How one session's questions are answered within the budgets of the node (spec 2, budgets).

A question waits for its turn, then the handler reads, with room taken for what it will give back; the answer
is encoded, its objects go, the turn ends, and then it is written, as fast as the peer reads.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final, Protocol, TypeAlias

from hypernode.core.errors import Ignore
from hypernode.net.answer import Answer, Encoded, InTurn
from hypernode.net.budgets import Budgets, compute_cost, get_key, get_wait
from hypernode.net.standing import Standing
from hypernode.net.stream import CommandStream, LongQuestion, count_messages, decode_question
from hypernode.net.turns import Asker, Turns
from hypernode.ports.clock import Clock
from hypernode.ports.connections import TransportClosed
from hypernode.wire.catalogue import COMMANDS, CommandId, Limits, TakesTurn
from hypernode.wire.codec import Command
from hypernode.wire.tags import RULE

SMALL_BYTES: Final = 16 * 1024
"""Answers that are not counted as waiting: all sessions with one each hold less than 5 MiB."""
JUDGED: Final = frozenset((CommandId.BLOCK, CommandId.TX, CommandId.MEMPOOL))
"""What they carry is dealt with whoever left: a legacy forger writes its block and closes."""


Handle: TypeAlias = Callable[[Command], Awaitable[Answer | None]]


class Asking(Protocol):
    """A session, as the budgets see it."""

    @property
    def is_gone(self) -> bool: ...

    @property
    def is_listed(self) -> bool: ...

    @property
    def standing(self) -> Standing: ...

    @property
    def name(self) -> str:
        """``ip:0port`` of its hello."""
        ...

    @property
    def ip(self) -> str: ...

    @property
    def last_active(self) -> float: ...

    def give_way(self) -> None: ...


class _NeverGone:
    """Who asks what has to be dealt with."""

    is_gone = False


class Answering:
    """Answers the questions of one session."""

    def __init__(
        self, session: Asking, stream: CommandStream, limits: Limits, clock: Clock, budgets: Budgets
    ) -> None:
        self._session = session
        self._stream = stream
        self._limits = limits
        self._clock = clock
        self._budgets = budgets
        self._due = 0.0
        self._asker: Asker = session
        self._is_making_large = False

    def drop(self) -> None:
        """The session gave its place away: it waits for nothing any more, whatever it asked."""
        self._budgets.peers.drop(self._asker)
        self._budgets.strangers.drop(self._asker)

    def begin(self, command_id: CommandId) -> None:
        """A question of this kind came; from now on it waits."""
        self._due = self._clock.monotonic() + get_wait(self._limits, command_id)

    def get_time_left(self) -> float:
        """For how many seconds it may still wait."""
        return max(self._due - self._clock.monotonic(), 0.0)

    async def expect(self, size: int) -> None:
        """Take room for an answer of so many bytes; a handler calls it before it reads.  Raises Ignore if
        there is no room in time, TransportClosed if nobody waits for the answer any more."""
        if size > SMALL_BYTES:
            await self._budgets.answers.take(self._session, size, self.get_time_left())
        if size > self._limits.answer_of_blocks_bytes and not self._is_making_large:
            await self._budgets.making_large.acquire()
            self._is_making_large = True

    async def answer(
        self,
        question: Command | LongQuestion,
        handle: Handle,
        on_writing: Callable[[], None],
    ) -> None:
        """Answer a question that ``begin`` was told of; ``on_writing`` is called when it is the peer that is
        waited for.  Raises Ignore, Reject, TransportClosed, TimeoutError."""
        try:
            made = await self._make(question, handle)
            if made is None:
                return
            on_writing()
            if isinstance(made, InTurn):
                await self._write_in_turn(made)
            else:
                await self._write(made)
        finally:
            self._budgets.answers.give_back(self._session)
            self._finish_large()

    async def _make(
        self, question: Command | LongQuestion, handle: Handle
    ) -> tuple[bytes, ...] | InTurn | None:
        """Make what is to be written."""
        turns = self._find_turns(question.id)
        if turns is None:
            answer = await handle(await decode_question(question))
            return answer if answer is None or isinstance(answer, InTurn) else await self._encode(answer)
        told = _count_told(question)
        self._asker = _NeverGone() if told and question.id in JUDGED else self._session
        key, cost = self._get_key(), compute_cost(0, 0, told)
        is_kept = self._session.is_listed
        await turns.take(key, self._asker, wait_s=self.get_time_left(), is_kept=is_kept)
        try:
            answer = await handle(await decode_question(question))
            if answer is None or isinstance(answer, InTurn):
                return answer
            rows = _count_rows(answer)
            parts = await self._encode(answer)
            del answer
            cost = compute_cost(rows, sum(map(len, parts)), told)
            return parts
        finally:
            turns.give_back(key, cost)

    def _find_turns(self, command_id: CommandId) -> Turns | None:
        """The turns that the question waits for; None if it waits for none."""
        standing, takes = self._session.standing, COMMANDS[command_id].turn
        turns = self._budgets.get_turns(standing)
        is_stranger = turns is self._budgets.strangers
        is_waiting = takes is TakesTurn.EVERYBODYS or (takes is TakesTurn.STRANGERS and is_stranger)
        return turns if is_waiting else None

    def _get_key(self) -> str:
        return get_key(self._session.standing, self._session.ip, self._session.name)

    async def _encode(self, answer: Command | Encoded) -> tuple[bytes, ...]:
        parts = await self._stream.encode(answer)
        self._finish_large()
        size = sum(map(len, parts))
        if size > SMALL_BYTES:
            answers = self._budgets.answers
            if not answers.has(self._session):
                await answers.take(self._session, size, self.get_time_left())
            answers.begin(self._session, size)
        return parts

    def _finish_large(self) -> None:
        if self._is_making_large:
            self._is_making_large = False
            self._budgets.making_large.release()

    async def _write(self, parts: tuple[bytes, ...], most_s: float | None = None) -> None:
        limits = self._limits
        stall_s = limits.write_s if self._session.is_listed else limits.stall_s
        await self._stream.write_parts(
            parts,
            most_s if most_s is not None else stall_s + sum(map(len, parts)) / limits.least_rate,
            stall_s,
            lambda size: self._budgets.answers.note_written(self._session, size),
        )

    async def _write_in_turn(self, answer: InTurn) -> None:
        """Write piece by piece; each is read when the one before is written."""
        async with self._hold_whole_round():
            until = self._clock.monotonic() + self._limits.write_s + answer.size / self._limits.least_rate
            await self._write((self._stream.framing.encode_length(answer.size, answer.checksums),))
            left = answer.size
            while left > 0:
                piece = await self._read_piece(answer)
                left -= len(piece)
                if left < 0 or not piece:
                    raise Ignore(RULE, "an answer that is not as long as it was said to be")
                await self._write((piece,), max(until - self._clock.monotonic(), 0.0))

    async def _read_piece(self, answer: InTurn) -> bytes:
        """The next piece; empty at the end."""
        turns, key = self._budgets.get_turns(self._session.standing), self._get_key()
        cost = compute_cost(0, 0)
        # it has begun: what is promised is not refused half-way
        await turns.take(key, self._session, wait_s=self._limits.stall_s, is_kept=True)
        try:
            piece = await anext(answer.pieces, b"")
            cost = compute_cost(len(piece) // _ROW_BYTES, len(piece))
        finally:
            turns.give_back(key, cost)
        return piece

    @asynccontextmanager
    async def _hold_whole_round(self) -> AsyncIterator[None]:
        """One at a time; who is due goes beside the one that reads slowly, with no more than a block held."""
        lock = self._budgets.get_whole_round(is_listed=self._session.is_listed)
        is_held = False
        try:
            async with asyncio.timeout(self.get_time_left()):
                await lock.acquire()
                is_held = True
        except TimeoutError:
            if not self._session.is_listed:
                raise Ignore(RULE, "busy") from None
        try:
            if self._session.is_gone:
                raise TransportClosed("it left before its turn")
            yield
        finally:
            if is_held:
                lock.release()


_ROW_BYTES: Final = 240
"""A message on the wire."""


def _count_told(question: Command | LongQuestion) -> int:
    """How many messages a question carries; for one that is not decoded, about how many."""
    if isinstance(question, LongQuestion):
        return question.size // _ROW_BYTES
    return count_messages(question)


def _count_rows(answer: Command | Encoded) -> int:
    if isinstance(answer, Encoded):
        return answer.rows
    return len(answer.blocks) + count_messages(answer)
