"""What blocks add to the counts of the ledger, and take away again when they are dropped.

The counts are sums, so a block that goes takes away exactly what it brought: whatever is measured from
them is exact after any number of blocks came and went.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.kinds import KO_ACTION, NO_TEST, OK_ACTION, START_OR_TEST_OK, START_PARAMS, TEST_KO
from hypernode.core.packed_messages import PackedMessages, Tables
from hypernode.core.types import Block, Message, Round
from hypernode.storage.interface import Transaction
from hypernode.storage.packed_rows import PackedNumbers
from hypernode.storage.schema.tables import SPAN_BITS

_FORGED, _SENT, _START, _NO_TESTS, _OK_TESTS, _KO_TESTS, _OK_ACTIONS = range(7)

_ADD_TOTALS: Final = "UPDATE addresses SET sent = sent + ?, forged = forged + ? WHERE id = ?"
_ADD_PARTICIPATION: Final = (
    "INSERT INTO participation VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT(round, address_id) DO UPDATE SET forged = forged + excluded.forged, "
    "sent = sent + excluded.sent, "
    "start_count = start_count + excluded.start_count, no_tests = no_tests + excluded.no_tests, "
    "ok_tests = ok_tests + excluded.ok_tests, ko_tests = ko_tests + excluded.ko_tests, "
    "ok_actions = ok_actions + excluded.ok_actions"
)
_ADD_FAILURES: Final = (
    "INSERT INTO failures VALUES(?, ?, ?, ?) "
    "ON CONFLICT(round, sender_id, recipient_id) DO UPDATE SET count = count + excluded.count"
)
_DROP_EMPTY: Final = (
    "DELETE FROM participation WHERE round = ? AND forged = 0 AND sent = 0 AND ok_actions = 0",
    "DELETE FROM failures WHERE round = ? AND count = 0",
)
_ADD_PRESENCE: Final = (
    "INSERT INTO presence_spans VALUES(?, ?, ?) "
    "ON CONFLICT(address_id, span) DO UPDATE SET heights = heights | excluded.heights"
)
_DROP_PRESENCE: Final = (
    "UPDATE presence_spans SET heights = heights & ~?3 WHERE address_id = ?1 AND span = ?2",
    "DELETE FROM presence_spans WHERE address_id = ? AND span = ? AND heights = 0",
)
_PLACE_MASK: Final = (1 << SPAN_BITS) - 1
_COUNTED: Final[Mapping[int, int]] = {NO_TEST: _NO_TESTS, TEST_KO: _KO_TESTS}
NOTHING_PACKED: Final[Mapping[Tables, PackedNumbers]] = {}


@dataclass(slots=True)
class Tally:
    """Counts by row numbers of addresses.  ``participation``: (round, address) to the seven numbers of
    its table; ``failures``: (round, sender, recipient) of messages what 101; ``presence``: (address, span)
    to the heights in it, as bits, of blocks with messages that it sent or received."""

    participation: dict[tuple[Round, int], list[int]] = field(
        default_factory=lambda: defaultdict(lambda: [0] * 7)
    )
    failures: Counter[tuple[Round, int, int]] = field(default_factory=Counter)
    presence: dict[tuple[int, int], int] = field(default_factory=lambda: defaultdict(int))


def compute_tally(
    blocks: Iterable[Block],
    addresses: Mapping[str, int],
    packed: Mapping[Tables, PackedNumbers] = NOTHING_PACKED,
    *,
    forged: int = 1,
) -> Tally:
    """The counts of whole blocks, none of them genesis (it counts in nothing); with ``forged`` 0 of a further
    piece of one block, whose forger was counted with the first.  ``packed``: numbers for what is packed."""
    tally = Tally()
    kinds: dict[Round, Counter[tuple[int, int, bool]]] = defaultdict(Counter)
    for block in blocks:
        tally.participation[block.round, addresses[block.forger]][_FORGED] += forged
        parts = _list_parts(block.messages, addresses, packed)
        kinds[block.round].update(zip(parts.senders, parts.whats, parts.are_starts, strict=True))
        _count_actions(tally, block.round, parts)
        span, place = block.height >> SPAN_BITS, block.height & _PLACE_MASK
        for address_id in {*parts.senders, *parts.recipients}:
            tally.presence[address_id, span] |= 1 << place
    for round_, counter in kinds.items():
        for (sender, what, is_start), count in counter.items():
            counts = tally.participation[round_, sender]
            counts[_SENT] += count
            if what == START_OR_TEST_OK:
                counts[_START if is_start else _OK_TESTS] += count
            elif what in _COUNTED:
                counts[_COUNTED[what]] += count
    return tally


@dataclass(frozen=True, slots=True)
class _Parts:
    """Of each message of a block: numbers of its sender's and its recipient's address, its kind, and whether
    its params are a start's."""

    senders: Sequence[int]
    recipients: Sequence[int]
    whats: Sequence[int]
    are_starts: Iterable[bool]


def _list_parts(
    messages: Sequence[Message], addresses: Mapping[str, int], packed: Mapping[Tables, PackedNumbers]
) -> _Parts:
    if not isinstance(messages, PackedMessages):
        return _Parts(
            [addresses[m.sender] for m in messages],
            [addresses[m.recipient] for m in messages],
            [m.what for m in messages],
            [m.params == START_PARAMS for m in messages],
        )
    numbers = packed[messages.tables]
    return _Parts(
        numbers.list_senders(messages),
        numbers.list_recipients(messages),
        messages.whats,
        _list_starts(messages),
    )


def _list_starts(messages: PackedMessages) -> list[bool]:
    is_start = [text == START_PARAMS for text in messages.tables.params]
    return [is_start[place] for place in messages.params]


def _count_actions(tally: Tally, round_: Round, parts: _Parts) -> None:
    """Actions are counted for whom they are about."""
    if OK_ACTION not in parts.whats and KO_ACTION not in parts.whats:
        return
    for sender, recipient, what in zip(parts.senders, parts.recipients, parts.whats, strict=True):
        if what == OK_ACTION:
            tally.participation[round_, recipient][_OK_ACTIONS] += 1
        elif what == KO_ACTION:
            tally.failures[round_, sender, recipient] += 1


async def add_tally(transaction: Transaction, tally: Tally) -> None:
    """Blocks came."""
    await _apply(transaction, tally, 1)
    await transaction.execute_many(_ADD_PRESENCE, _list_presence(tally))


async def subtract_tally(transaction: Transaction, tally: Tally) -> None:
    """Blocks went."""
    await _apply(transaction, tally, -1)
    clear, clean = _DROP_PRESENCE
    await transaction.execute_many(clear, _list_presence(tally))
    await transaction.execute_many(clean, sorted(tally.presence))
    for sql in _DROP_EMPTY:
        await transaction.execute_many(sql, [(r,) for r in sorted({key[0] for key in tally.participation})])


def _list_presence(tally: Tally) -> list[tuple[int, int, int]]:
    return [(*key, heights) for key, heights in sorted(tally.presence.items())]


async def _apply(transaction: Transaction, tally: Tally, sign: int) -> None:
    totals: dict[int, list[int]] = {}
    for (_, address_id), counts in tally.participation.items():
        total = totals.setdefault(address_id, [0, 0])
        total[0] += sign * counts[_SENT]
        total[1] += sign * counts[_FORGED]
    await transaction.execute_many(_ADD_TOTALS, [(t[0], t[1], i) for i, t in sorted(totals.items())])
    await transaction.execute_many(
        _ADD_PARTICIPATION,
        [(*key, *(sign * n for n in counts)) for key, counts in sorted(tally.participation.items())],
    )
    await transaction.execute_many(
        _ADD_FAILURES, [(*key, sign * n) for key, n in sorted(tally.failures.items())]
    )
