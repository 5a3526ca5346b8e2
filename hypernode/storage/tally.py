"""What blocks add to the counts of the ledger, or take away again when they are dropped.

The counts are sums, so a block that goes takes away exactly what it brought: whatever is measured from
them is exact after any number of blocks came and went.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.kinds import KO_ACTION, NO_TEST, OK_ACTION, START_OR_TEST_OK, START_PARAMS, TEST_KO
from hypernode.core.types import Block, Message, Round
from hypernode.storage.interface import Transaction
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


def compute_tally(blocks: Iterable[Block], addresses: Mapping[str, int], *, forged: int = 1) -> Tally:
    """The counts of whole blocks, none of them genesis (it counts in nothing); with ``forged`` 0 of a further
    piece of one block, whose forger was counted with the first."""
    tally = Tally()
    for block in blocks:
        tally.participation[block.round, addresses[block.forger]][_FORGED] += forged
        for message in block.messages:
            _count_message(tally, block.round, message, addresses)
        span, place = block.height >> SPAN_BITS, block.height & _PLACE_MASK
        present = {m.sender for m in block.messages} | {m.recipient for m in block.messages}
        for address in present:
            tally.presence[addresses[address], span] |= 1 << place
    return tally


def _count_message(tally: Tally, round_: Round, message: Message, addresses: Mapping[str, int]) -> None:
    what, sender = message.what, addresses[message.sender]
    counts = tally.participation[round_, sender]
    counts[_SENT] += 1
    if what == START_OR_TEST_OK:
        counts[_START if message.params == START_PARAMS else _OK_TESTS] += 1
    elif what == OK_ACTION:
        tally.participation[round_, addresses[message.recipient]][_OK_ACTIONS] += 1
    elif what == KO_ACTION:
        tally.failures[round_, sender, addresses[message.recipient]] += 1
    elif what == NO_TEST:
        counts[_NO_TESTS] += 1
    elif what == TEST_KO:
        counts[_KO_TESTS] += 1


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
