"""The plans of rounds: registrations are stored once, a plan refers to them and to addresses by number.

A round's plan takes some 4 KB that way where it would take 60 KB: a year of main is 35 MB.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any, Final

from hypernode.core.types import Juror, PeerTest, Registration, Round, RoundPlan
from hypernode.storage.interface import Params, Reader, Transaction
from hypernode.storage.intern import intern_addresses
from hypernode.storage.rows import fetch_in

_NEW_REGISTRATION: Final = (
    "INSERT OR IGNORE INTO registrations(pos, collateral, ip, port, reward, weight, timestamp) "
    "VALUES(?, ?, ?, ?, ?, ?, ?)"
)
_COLUMNS: Final = "id, pos, collateral, ip, port, reward, weight, timestamp"
_REGISTRATIONS_OF: Final = f"SELECT {_COLUMNS} FROM registrations WHERE pos IN ({{marks}})"
_REGISTRATIONS: Final = f"SELECT {_COLUMNS} FROM registrations WHERE id IN ({{marks}})"
_ADDRESSES: Final = "SELECT id, address FROM addresses WHERE id IN ({marks})"
_SAVE: Final = "INSERT OR REPLACE INTO plans VALUES(?, ?, ?, ?, ?, ?, ?, ?)"
_GET: Final = (
    "SELECT pow_height, reference_hash, registered, inactive, voided, jurors, tests "
    "FROM plans WHERE round = ?"
)


async def save_plan(transaction: Transaction, plan: RoundPlan) -> None:
    """Keep a plan; a later one of the same round replaces it."""
    registered = await _intern_registrations(transaction, plan.registered)
    numbers = (await intern_addresses(transaction, _list_addresses(plan))).addresses
    lists: tuple[object, ...] = (
        registered,
        [numbers[address] for address in plan.inactive],
        [numbers[address] for address in plan.voided],
        [(numbers[juror.address], juror.ticket) for juror in plan.jurors],
        [[(numbers[t.tester], numbers[t.tested], t.kind) for t in slot] for slot in plan.tests],
    )
    texts = [json.dumps(item, separators=(",", ":")) for item in lists]
    await transaction.execute(_SAVE, (plan.round, plan.pow_height, plan.reference_hash, *texts))


async def get_plan(reader: Reader, round_: Round) -> RoundPlan | None:
    """The plan kept for a round."""
    rows = await reader.fetch_all(_GET, (round_,))
    if not rows:
        return None
    pow_height, reference_hash = rows[0][:2]
    registered, inactive, voided, jurors, tests = (json.loads(text) for text in rows[0][2:])
    names = await _get_addresses(reader, (inactive, voided, jurors, tests))
    entries = await _get_registrations(reader, registered)
    return RoundPlan(
        round=round_,
        pow_height=pow_height,
        reference_hash=reference_hash,
        registered=entries,
        inactive=tuple(names[number] for number in inactive),
        voided=tuple(names[number] for number in voided),
        jurors=tuple(Juror(names[number], ticket) for number, ticket in jurors),
        tests=tuple(tuple(PeerTest(names[a], names[b], kind) for a, b, kind in slot) for slot in tests),
    )


async def list_plan_rounds(reader: Reader) -> list[Round]:
    """Rounds that a plan is kept for, ascending."""
    return [round_ for (round_,) in await reader.fetch_all("SELECT round FROM plans ORDER BY round")]


def _list_addresses(plan: RoundPlan) -> set[str]:
    found = {*plan.inactive, *plan.voided, *(juror.address for juror in plan.jurors)}
    for slot in plan.tests:
        for test in slot:
            found.update((test.tester, test.tested))
    return found


def _key(entry: Registration) -> Params:
    return (
        *(entry.pos, entry.collateral, entry.ip, entry.port),
        *(entry.reward, entry.weight, float(entry.timestamp)),
    )


async def _intern_registrations(transaction: Transaction, entries: Sequence[Registration]) -> list[int]:
    keys = [tuple(_key(entry)) for entry in entries]
    await transaction.execute_many(_NEW_REGISTRATION, sorted(set(keys), key=repr))
    rows = await fetch_in(transaction, _REGISTRATIONS_OF, sorted({entry.pos for entry in entries}))
    numbers = {tuple(row[1:]): int(row[0]) for row in rows}
    return [numbers[key] for key in keys]


async def _get_registrations(reader: Reader, wanted: Sequence[int]) -> tuple[Registration, ...]:
    found = {}
    for number, pos, collateral, ip, port, reward, weight, timestamp in await fetch_in(
        reader, _REGISTRATIONS, sorted(set(wanted))
    ):
        found[number] = Registration(collateral, ip, port, pos, reward, weight, timestamp)
    return tuple(found[number] for number in wanted)


async def _get_addresses(reader: Reader, lists: tuple[Any, Any, Any, Any]) -> dict[int, str]:
    inactive, voided, jurors, tests = lists
    wanted: set[int] = {*inactive, *voided, *(number for number, _ in jurors)}
    wanted.update(number for number in _flatten(tests))
    return dict(await fetch_in(reader, _ADDRESSES, sorted(wanted)))


def _flatten(tests: Iterable[Iterable[Sequence[int]]]) -> Iterable[int]:
    for slot in tests:
        for tester, tested, _ in slot:
            yield from (tester, tested)
