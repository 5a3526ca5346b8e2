"""The encoded size of each stored block, kept in its row: an answer is planned by bytes before a message of
it is read (spec 2, budgets).

``FILL_SIZES`` counts those of blocks that were stored before there was the column, as
``core.encoded_size`` does; a test holds the two together.
"""

from __future__ import annotations

from typing import Final

from hypernode.core.types import Height, Round
from hypernode.storage.interface import Reader

_OF_SPAN: Final = (
    "SELECT height, encoded_bytes FROM blocks WHERE height >= ? AND height < ? ORDER BY height LIMIT ?"
)
_OF_ROUND: Final = "SELECT height, encoded_bytes FROM blocks WHERE round = ? ORDER BY height"


async def get_block_sizes(reader: Reader, first: Height, count: int) -> list[tuple[Height, int]]:
    """Height and encoded bytes of blocks from ``first`` on, ascending, as many as there are."""
    rows = await reader.fetch_all(_OF_SPAN, (first, first + max(count, 0), max(count, 0)))
    return [(height, size) for height, size in rows]


async def get_round_block_sizes(reader: Reader, round_: Round) -> list[tuple[Height, int]]:
    """The same for all blocks of a round."""
    return [(height, size) for height, size in await reader.fetch_all(_OF_ROUND, (round_,))]


def _number(value: str) -> str:
    """SQL for the bytes of a field with a number: its tag, and seven bits a byte."""
    return f"(2 + ({value} >= 128) + ({value} >= 16384) + ({value} >= 2097152) + ({value} >= 268435456))"


def _sized(size: str) -> str:
    """SQL for the bytes of a field that says its length."""
    return f"({_number(size)} + {size})"


_TEXT: Final = "length(CAST({} AS BLOB))"
_MESSAGE_BYTES: Final = " + ".join(
    (
        _sized("length(m.txid)"),
        *map(_number, ("b.height", "m.timestamp", "m.what", "m.value")),
        *(_sized(_TEXT.format(text)) for text in ("s.address", "r.address", "p.text")),
        _sized("length(k.pubkey)"),
    )
)
_HEADER_BYTES: Final = " + ".join(
    (
        *map(_number, ("height", "round", "sir", "timestamp", "msg_count", "uniques_sources")),
        *(_sized(f"length({name})") for name in ("previous_hash", "signature", "block_hash")),
        _sized(f"(SELECT {_TEXT.format('address')} FROM addresses WHERE id = forger_id)"),
    )
)

ADD_COLUMN: Final = "ALTER TABLE blocks ADD COLUMN encoded_bytes INTEGER NOT NULL DEFAULT 0"
FILL_SIZES: Final = (
    # blocks that are pruned count what they have left: they are served to nobody
    f"UPDATE blocks SET encoded_bytes = {_HEADER_BYTES}",
    f"""UPDATE blocks SET encoded_bytes = encoded_bytes + counted.size FROM (
        SELECT height, sum({_sized("size")}) AS size FROM (
            SELECT b.height AS height, {_MESSAGE_BYTES} AS size FROM blocks b
            CROSS JOIN messages m ON m.id >= b.height << 16 AND m.id < (b.height + 1) << 16
            CROSS JOIN signers k ON k.id = m.signer_id CROSS JOIN addresses s ON s.id = k.address_id
            CROSS JOIN addresses r ON r.id = m.recipient_id CROSS JOIN params p ON p.id = m.params_id)
        GROUP BY height) AS counted
    WHERE blocks.height = counted.height""",
)
