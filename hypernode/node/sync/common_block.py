"""Where peers' chains leave ours: by bisection over blockinfo, not block by block (spec 6, catching up).

It is looked for with several holders side by side; the highest that half of them have counts, so one that
denies what it has, or claims what it has not, changes nothing.  What the others told is kept: where no block
follows it, the next lower does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.types import Height
from hypernode.machine.peers import PeerView
from hypernode.net.client_session import ClientSession
from hypernode.node.peers.peer_client import ask_block_info
from hypernode.node.sync.block_source import Borrow, NoHolderLeft, OnFailure
from hypernode.ports.chain import BlockReader
from hypernode.ports.connections import TransportClosed

LAST_WORD_S: Final = 2.0
"""For the other holders, once one has told the last common block."""
MAX_SOURCES: Final = 4
"""Holders that are asked side by side: what two cores verify comes from one good link, and four hide a bad
one."""


async def find_common(session: ClientSession, ledger: BlockReader, highest: Height) -> Height:
    """The last height, up to ``highest``, at which the peer's block is ours; genesis always is."""
    if await _is_common(session, ledger, highest):
        return highest
    low, high = 0, highest
    while high - low > 1:
        middle = (low + high) // 2
        if await _is_common(session, ledger, middle):
            low = middle
        else:
            high = middle
    return low


async def get_own_hash(ledger: BlockReader, height: Height) -> bytes | None:
    """The hash of our block at a height; None when we have none."""
    headers = await ledger.get_headers(height, 1)
    return headers[0].block_hash if headers and headers[0].height == height else None


class CommonBlockSearch:
    """Asks the holders of a branch for its last common block with ours.  ``silent`` are those that did not
    answer so far."""

    def __init__(self, ledger: BlockReader, borrow: Borrow, on_failure: OnFailure) -> None:
        self._ledger = ledger
        self._borrow = borrow
        self._on_failure = on_failure
        self.silent: set[str] = set()

    async def list_candidates(self, holders: Sequence[PeerView], highest: Height) -> list[Height]:
        """The highest block of ours that half of the holders have too, and what others say, descending.
        Raises NoHolderLeft when none of them answers."""
        asked = [
            asyncio.create_task(self._ask(holder, highest), name=f"bisects with {holder.name}")
            for holder in holders[:MAX_SOURCES]
        ]
        try:
            answers = await _gather_answers(asked)
        finally:
            for task in asked:
                task.cancel()
            await asyncio.gather(*asked, return_exceptions=True)
        if answers:
            likely = sorted(answers, reverse=True)[(len(answers) - 1) // 2]
            return sorted({answer for answer in answers if answer <= likely}, reverse=True)
        for holder in holders[MAX_SOURCES:]:
            if (answer := await self._ask(holder, highest)) is not None:
                return [answer]
        raise NoHolderLeft("no holder of the branch answers")

    async def _ask(self, holder: PeerView, highest: Height) -> Height | None:
        """Bisection with one holder; None if it fails."""
        self.silent.add(holder.address)
        try:
            async with self._borrow(holder.address) as session:
                common = await find_common(session, self._ledger, highest)
            self.silent.discard(holder.address)
            return common
        except (TransportClosed, TimeoutError, Reject) as failure:
            self.silent.discard(holder.address)
            await self._on_failure(holder, failure)
            return None


async def count_votes(
    sessions: Sequence[tuple[PeerView, ClientSession]],
    height: Height,
    block_hash: bytes | None,
    giver: PeerView | None,
) -> int:
    """How many more holders have that block at a height than deny it.  ``giver`` gave it, if it was not ours,
    and speaks for it."""
    votes = 0 if giver is None else 1
    for holder, session in sessions:
        if holder == giver:
            continue
        try:
            theirs = await ask_block_info(session, height)
        except (TransportClosed, TimeoutError, Reject):
            continue  # who fetches from it finds the session closed, and tells
        votes += 1 if theirs is not None and theirs.block_hash == block_hash else -1
    return votes


async def _is_common(session: ClientSession, ledger: BlockReader, height: Height) -> bool:
    theirs = await ask_block_info(session, height)
    return theirs is not None and theirs.block_hash == await get_own_hash(ledger, height)


async def _gather_answers(asked: Sequence[asyncio.Task[Height | None]]) -> list[Height]:
    """What holders that are asked side by side say, in no order; once one has an answer, the others have some
    seconds more."""
    waiting, answers = set(asked), list[Height]()
    while waiting:
        done, waiting = await asyncio.wait(
            waiting,
            timeout=LAST_WORD_S if answers else None,
            return_when=asyncio.ALL_COMPLETED if answers else asyncio.FIRST_COMPLETED,
        )
        answers += [answer for task in done if (answer := task.result()) is not None]
        if not done:
            break
    return answers
