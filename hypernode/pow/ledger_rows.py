"""Rows of registrations and coloured lists, as the ledger has them and as the rules take them."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from hypernode.core.pow_signature import SignedRow, is_valid_pow_signature
from hypernode.core.registry import PowRow
from hypernode.pow.ledger_file import Row, to_number, to_text, to_units

ROWS: Final = (
    "SELECT block_height, timestamp, address, recipient, amount, fee, reward, operation, openfield,"
    " block_hash, signature, public_key FROM transactions WHERE rowid IN (SELECT value FROM json_each(?))"
    " AND +block_height > 0 ORDER BY rowid"
)
"""The rows of some rowids (a JSON list), in the order of the ledger."""


def to_pow_row(row: Row, *, verify: bool) -> PowRow:
    """A row as ``ROWS`` gives it; with ``verify``, with the verdict on its signature."""
    height, timestamp, address, recipient, amount, fee, reward, operation, openfield, block_hash = row[:10]
    values = PowRow(
        height=height,
        timestamp=to_number(timestamp),
        address=to_text(address),
        recipient=to_text(recipient),
        amount=to_units(amount),
        fee=to_units(fee),
        reward=to_units(reward),
        operation=to_text(operation),
        openfield=to_text(openfield),
        block_hash=to_text(block_hash),
    )
    return _verify(values, to_text(row[10]), to_text(row[11])) if verify else values


def _verify(row: PowRow, signature: str, public_key: str) -> PowRow:
    """The row with the verdict on its signature."""
    signed = SignedRow(
        timestamp=row.timestamp,
        address=row.address,
        recipient=row.recipient,
        amount=row.amount,
        operation=row.operation,
        openfield=row.openfield,
        signature=signature,
        public_key=public_key,
    )
    return replace(row, verified=is_valid_pow_signature(signed))
