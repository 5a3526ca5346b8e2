"""The reading half of the ledger (``ports.chain.ChainReader``): each call sees one snapshot.

The node asks over a connection of its own; questions of peers and of strangers have other ones (``Lane``), so
that however many there are, the node's own judging waits for none of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from typing import TypeVar

from hypernode.core.encoded_size import compute_entry_size
from hypernode.core.types import Block, ChainHeight, Height, Kpis, Message, Round, RoundPlan, Slot
from hypernode.storage import plans, queries, rounds, sizes
from hypernode.storage.encoded import read_encoded
from hypernode.storage.interface import Reader, Source
from hypernode.storage.rows import fetch_blocks, fetch_tip

T = TypeVar("T")


class LedgerReader:
    """Implements ``ports.chain.ChainReader`` over a way to read the ledger's file."""

    def __init__(self, source: Source) -> None:
        self._source = source

    async def get_block(self, height: Height) -> Block | None:
        return await self._source.read(lambda r: queries.get_block(r, height))

    async def get_block_of_slot(self, round_: Round, sir: Slot) -> Block | None:
        return await queries.get_block_of_slot(self._source, round_, sir)

    async def get_headers_of_rounds(self, rounds: Iterable[Round]) -> list[Block]:
        wanted = tuple(rounds)
        return await self._source.read(lambda r: queries.get_headers_of_rounds(r, wanted))

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        return await self._source.read(lambda r: fetch_blocks(r, first, first + count - 1))

    async def get_round_blocks(self, round_: Round) -> list[Block]:
        return await self._source.read(lambda r: queries.get_round_blocks(r, round_))

    async def get_block_sizes(self, first: Height, count: int) -> list[tuple[Height, int]]:
        return await sizes.get_block_sizes(self._source, first, count)

    async def get_round_block_sizes(self, round_: Round) -> list[tuple[Height, int]]:
        return await sizes.get_round_block_sizes(self._source, round_)

    def read_encoded(self, height: Height) -> AsyncIterator[bytes]:
        return read_encoded(self._source, height)

    async def get_headers(self, first: Height | None, count: int) -> list[Block]:
        return await queries.get_headers(self._source, first, count)

    async def get_height_at(self, height: Height) -> ChainHeight | None:
        tip = await fetch_tip(self._source, height)
        return None if tip is None else tip.state

    async def get_message(self, txid: bytes) -> Message | None:
        return await queries.get_message(self._source, txid)

    async def get_messages_of(
        self,
        address: str,
        from_height: Height = 0,
        count: int = 100,
        *,
        is_ascending: bool = False,
        first_txid: bytes | None = None,
    ) -> list[Message]:
        return await self._source.read(
            lambda r: queries.get_messages_of(
                r, address, from_height, count, is_ascending=is_ascending, first_txid=first_txid
            )
        )

    async def get_messages_of_kind(self, what: int, from_height: Height) -> list[Message]:
        return await self._source.read(lambda r: queries.get_messages_of_kind(r, what, from_height))

    async def get_known_ids(self, txids: Iterable[bytes], up_to: Height | None = None) -> frozenset[bytes]:
        wanted = tuple(txids)
        return await self._source.read(lambda r: queries.get_known_ids(r, wanted, up_to))

    async def get_reference(self, round_: Round, up_to: Height | None = None) -> tuple[Height, bytes]:
        return await self._source.read(lambda r: rounds.get_reference(r, round_, up_to))

    async def get_seen(self, round_: Round, up_to: Height | None = None) -> frozenset[str]:
        return await self._source.read(lambda r: rounds.get_seen(r, round_, up_to))

    async def get_kpis(self, first_round: Round, last_round: Round) -> dict[str, Kpis]:
        return await self._source.read(lambda r: rounds.get_kpis(r, first_round, last_round))

    async def get_first_rounds(self, last_round: Round) -> tuple[dict[str, Round], dict[str, Round]]:
        return await self._source.read(lambda r: rounds.get_first_rounds(r, last_round))

    async def get_forged_count(self, address: str) -> int:
        return await queries.get_forged_count(self._source, address)

    async def get_plan(self, round_: Round) -> RoundPlan | None:
        return await self._source.read(lambda r: plans.get_plan(r, round_))

    async def make_of_blocks(
        self, first: Height, count: int, most_bytes: int, make: Callable[[Block], T]
    ) -> list[T]:
        async def work(reader: Reader) -> list[T]:
            made: list[T] = []
            left = most_bytes
            for height, size in await sizes.get_block_sizes(reader, first, count):
                left -= compute_entry_size(size)
                if made and left < 0:
                    break
                made += [make(block) for block in await fetch_blocks(reader, height, height)]
            return made

        return await self._source.read(work)
