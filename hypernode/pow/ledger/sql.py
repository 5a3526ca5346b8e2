"""Which rows are believed, as SQL: one wording for every query.

A ledger file may hold anything (spec 5): SQLite keeps a text in an INTEGER column, and infinity in a NUMERIC
one.  A row whose height is no plausible number is in no block; an amount that nobody can have counts
nothing, as NULL does in SQLite's sums.  So one row of a hostile file never takes the list away from the
others."""

from __future__ import annotations

from typing import Final

MAX_HEIGHT: Final = 1_000_000_000
"""A block a minute: 1,900 years."""
MAX_COINS: Final = 1e10
"""BIS of one column of a row, over a hundred times what will ever be: two of them fit an integer of 1e-8."""
MAX_HASH_CHARS: Final = 64
"""The chain's have 56."""

IS_IN_CHAIN: Final = (
    f"(typeof(block_height) = 'integer' AND +block_height BETWEEN -{MAX_HEIGHT} AND {MAX_HEIGHT})"
)
"""Blocks, and mirror rows, whose height is negative.  The unary plus keeps SQLite from using an index: in all
queries here the range of rowids leads."""
IS_MINED: Final = (
    f"(+reward > 0 AND +reward <= {MAX_COINS}"
    f" AND typeof(block_height) = 'integer' AND +block_height BETWEEN 1 AND {MAX_HEIGHT})"
)
"""The row that a block is told by: its miner's."""
IS_PRUNED: Final = "(address IN ('Hyperblock', 'Hypoblock'))"
"""A row in which a companion summed up what it threw away (spec 5, a pruned ledger)."""
HASH: Final = f"IFNULL(substr(CAST(block_hash AS TEXT), 1, {MAX_HASH_CHARS}), '')"


def _round(column: str) -> str:
    return f"CAST(ROUND({column} * 1e8) AS INTEGER)"


def _units(column: str) -> str:
    # a NUMERIC column holds an INTEGER when the value is whole, else a REAL; a text counts as 0, as in sums
    return f"CASE WHEN {column} + 0 BETWEEN -{MAX_COINS} AND {MAX_COINS} THEN {_round(column)} END"


SENT: Final = f"({_units('amount')} + {_units('fee')})"
RECEIVED: Final = f"({_units('amount')} + {_units('reward')})"
"""1e-8 BIS of a row as SQL: exact integers; NULL, which counts nothing, where a part is."""

_MONEY: Final = "IFNULL(amount, 0), IFNULL(fee, 0), IFNULL(reward, 0)"
IS_ODD: Final = f"(NOT {IS_IN_CHAIN} OR max({_MONEY}) > {MAX_COINS} OR min({_MONEY}) < -{MAX_COINS})"
"""A row that a companion would not write.  Where there is none, the two below are the same as the two
above, and quicker."""
PLAIN_SENT: Final = f"({_round('amount')} + {_round('fee')})"
PLAIN_RECEIVED: Final = f"({_round('amount')} + {_round('reward')})"
