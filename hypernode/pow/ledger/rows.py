"""Rows of registrations and coloured lists, from the form of the ledger to the form of the rules.

The chain itself allows 100,000 characters of openfield.  A row with more was never in it, and one that
cannot be read at all neither: they are on the list of rows, void, with the reason."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from hypernode.core.registrations.pow_signature import SignedRow, is_valid_pow_signature
from hypernode.core.registrations.registration_text import KEPT_CHARS, MAX_OPENFIELD_CHARS, shorten_openfield
from hypernode.core.registrations.registry import OPERATIONS, PowRow
from hypernode.pow.ledger.faults import TooLarge
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.sql import HASH, MAX_HEIGHT
from hypernode.pow.ledger.values import Row, to_number, to_text, to_units

BATCH_ROWS: Final = 20
"""Read at once: of the longest openfields 2 million characters."""
MAX_KNOWN: Final = 10_000
"""Long openfields whose short form is remembered: some megabytes."""
MAX_KEY_CHARS: Final = 10_000
"""Of a signature and of a key: ten times those of RSA."""

_PLACE: Final = f"SELECT block_height, timestamp, address, recipient, amount, fee, reward, operation, {HASH}"
_WHERE: Final = (
    " FROM transactions WHERE rowid IN (SELECT value FROM json_each(?)) AND typeof(block_height) = 'integer'"
    f" AND +block_height BETWEEN 1 AND {MAX_HEIGHT} ORDER BY rowid"
)
_ROWS: Final = (
    f"{_PLACE}, substr(openfield, 1, {MAX_OPENFIELD_CHARS + 1}), substr(signature, 1, {MAX_KEY_CHARS}),"
    f" substr(public_key, 1, {MAX_KEY_CHARS}){_WHERE}"
)
_WITHOUT_TEXTS: Final = f"{_PLACE}, NULL, NULL, NULL{_WHERE}"
_TOO_LONG: Final = (
    f"the openfield is longer than the {MAX_OPENFIELD_CHARS} characters that the PoW chain allows"
)


class ShortTexts:
    """What is kept of long openfields.  The newest rows of a ledger are read again for every look at it,
    and to check an address of 100,000 characters takes a hundredth of a second: once is enough."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[str, str]] = {}

    def get(self, openfield: str, sender: str) -> tuple[str, str]:
        """As ``shorten_openfield`` gives it."""
        if len(openfield) <= KEPT_CHARS:
            return openfield, ""
        key = hashlib.sha256(f"{sender}\n{openfield}".encode("utf-8", "surrogatepass")).digest()
        if key not in self._known:
            found = shorten_openfield(openfield, sender)
            if len(found[0]) > KEPT_CHARS:
                return found
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            self._known[key] = found
        return self._known[key]


def read_rows(
    reader: LedgerReader,
    rowids: Sequence[int],
    concerns_us: Callable[[str, str], bool],
    texts: ShortTexts,
    *,
    verify: bool,
) -> tuple[PowRow, ...]:
    """The rows of some rowids, ascending, whose sender and operation ``concerns_us``; with ``verify``, with
    the verdicts on their signatures.  Raises PowNotReady."""
    found = []
    for first in range(0, len(rowids), BATCH_ROWS):
        for row, fault in _read_batch(reader, rowids[first : first + BATCH_ROWS]):
            if concerns_us(to_text(row[2]), to_text(row[7])):
                found.append(_to_pow_row(row, fault, texts, verify=verify))
    return tuple(found)


def _read_batch(reader: LedgerReader, rowids: Sequence[int]) -> list[tuple[Row, str]]:
    """The rows, each with the reason why it could not be read whole, if so."""
    try:
        return [(row, "") for row in reader.query(_ROWS, (str(list(rowids)),))]
    except TooLarge:
        if len(rowids) > 1:
            return [pair for rowid in rowids for pair in _read_batch(reader, [rowid])]
    try:
        return [(row, _TOO_LONG) for row in reader.query(_WITHOUT_TEXTS, (str(list(rowids)),))]
    except TooLarge:
        # not even who sent it: nobody's
        return []


def _to_pow_row(row: Row, fault: str, texts: ShortTexts, *, verify: bool) -> PowRow:
    height, timestamp, address, recipient, amount, fee, reward, operation, block_hash, text, *keys = row
    openfield = to_text(text)
    if len(openfield) > MAX_OPENFIELD_CHARS:
        fault = _TOO_LONG
    values = PowRow(
        height=height,
        timestamp=to_number(timestamp),
        address=to_text(address),
        recipient=to_text(recipient),
        amount=to_units(amount),
        fee=to_units(fee),
        reward=to_units(reward),
        operation=to_text(operation),
        openfield=openfield,
        block_hash=to_text(block_hash),
    )
    if verify and not fault:
        values = _verify(values, *map(to_text, keys))
    if values.operation not in OPERATIONS:
        return replace(values, openfield="" if fault else openfield)
    short, malformed = texts.get(openfield, values.address)
    return replace(values, openfield=short, fault=fault or malformed)


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
