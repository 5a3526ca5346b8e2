"""Weights at the reference height come with a list: exact ones, from whatever part of the ledger."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from hypernode.core.counting import Uncounted, find_uncounted
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import COIN, PowRow
from hypernode.core.rules import UNCHECKED
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.core.types import Round
from hypernode.devnet.pow_ledger import LedgerRow
from hypernode.ports.registrations import RegisteredList
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.index import LedgerIndex
from hypernode.pow.ledger.past_balances import read_past_balances
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    blocks,
    collateral,
    funding,
    pos,
    registering,
    roll_back_to,
    row,
    time_of,
    write,
)

OWN = replace(NETWORK, mixed=False, collateral_from_round=0)
HOUR = 60
"""Blocks of a round."""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def open_registry(path: Path, params: ChainParams = NETWORK, *, chunk_rows: int = 20) -> LedgerRegistry:
    return LedgerRegistry(LedgerFile(path, 0.05, 2), params, RegistryOptions(chunk_rows))


def round_at(height: int) -> Round:
    """The last round whose reference is not above this block."""
    return compute_round_slot(NETWORK, time_of(height))[0] + 1


def moving_on(height: int, number: int, to: int) -> LedgerRow:
    return row(height, collateral(number), collateral(to), 14_999)


def list_weights(listed: RegisteredList) -> list[tuple[str, int, int]]:
    assert listed.weights is not UNCHECKED
    return [(e.pos, e.weight, w) for e, w in zip(listed.entries, listed.weights, strict=True)]


CHAIN: Sequence[LedgerRow] = (
    funding(FIRST + 1, 1),
    registering(FIRST + 2, 1),
    funding(FIRST + 3, 2, 35_000),
    registering(FIRST + 4, 2),
    row(FIRST + 5, FUNDER, collateral(3), 1),
    registering(FIRST + 6, 3),
    # 1 sends its collateral on to 4, which registers it again
    moving_on(FIRST + HOUR + 10, 1, 4),
    registering(FIRST + HOUR + 11, 4),
    # and 2 keeps a part of it
    row(FIRST + HOUR + 12, collateral(2), FUNDER, 20_000),
)


def test_a_list_says_what_each_balance_gives_at_its_reference_height(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 4 * HOUR, CHAIN))
    registry = open_registry(path)
    before = registry.derive_round(round_at(FIRST + HOUR))
    assert list_weights(before) == [(pos(1), 1, 1), (pos(2), 3, 3), (pos(3), 0, 0)]
    after = registry.derive_round(round_at(FIRST + 3 * HOUR))
    assert list_weights(after) == [(pos(1), 1, 0), (pos(2), 3, 1), (pos(3), 0, 0), (pos(4), 1, 1)]
    assert find_uncounted(after.entries, after.weights) == {
        pos(1): Uncounted.MOVED_ON,
        pos(3): Uncounted.WORTHLESS,
    }


def test_where_collaterals_must_stay_who_moved_his_on_leaves_the_list(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 4 * HOUR, CHAIN))
    registry = open_registry(path, OWN)
    before = registry.derive_round(round_at(FIRST + HOUR))
    assert [(e.pos, e.weight) for e in before.entries] == [(pos(1), 1), (pos(2), 3)]
    after = registry.derive_round(round_at(FIRST + 3 * HOUR))
    assert [(e.pos, e.weight) for e in after.entries] == [(pos(2), 1), (pos(4), 1)]
    # from a later round of the network's on only
    late = replace(OWN, collateral_from_round=round_at(FIRST + 3 * HOUR) + 1)
    kept = open_registry(path, late).derive_round(round_at(FIRST + 3 * HOUR))
    assert [e.pos for e in kept.entries] == [pos(1), pos(2), pos(3), pos(4)]


def test_who_counted_long_ago_is_asked_only_where_collaterals_must_stay(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 9 * HOUR, CHAIN))
    old = round_at(FIRST + 3 * HOUR)
    assert open_registry(path).derive_round(old).weights is UNCHECKED
    assert [e.pos for e in open_registry(path, OWN).derive_round(old).entries] == [pos(2), pos(4)]


def test_rows_above_the_reference_height_change_nothing_at_it(path: Path) -> None:
    """A flood of rows may seal what lies above the reference height: the sums that are kept go too far."""
    busy = [row(h, collateral(4), collateral(2), 1) for h in range(FIRST + 3 * HOUR, FIRST + 5 * HOUR)]
    write(path, blocks(FIRST, FIRST + 6 * HOUR, [*CHAIN, *busy]))
    registry = open_registry(path, OWN)
    file = LedgerFile(path, 0.05, 2)
    everybody = [collateral(n) for n in range(1, 5)]
    past = read_past_balances(file, everybody)

    def find_balances_at(height: int, reader: LedgerReader) -> dict[str, int]:
        return registry._index.find_balances_at(reader, everybody, height)

    for height in range(FIRST + HOUR, FIRST + 6 * HOUR, 7):
        found = registry._ask(partial(find_balances_at, height))
        expected = {a: past.get(a, height) for a in everybody}
        assert {a: units for a, units in found.items() if expected[a] is not None} == {
            a: units for a, units in expected.items() if units is not None
        }
        assert all(found[a] < NETWORK.collateral_unit * COIN for a in everybody if expected[a] is None)


def test_a_sync_through_old_rounds_reads_what_came_later_once(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 20 * HOUR, CHAIN))
    registry = open_registry(path, OWN)
    registry.derive_round(round_at(FIRST + 2 * HOUR))
    asked = 0

    def count() -> bool:
        nonlocal asked
        asked += 1
        return False

    registry._is_stopped = count
    registry._version = None
    for n in range(3, 9):
        registry.derive_round(round_at(FIRST + n * HOUR))
    # some 60 chunks are sealed: a few queries for each of six rounds, not one a chunk
    assert asked < 6 * 15
    assert compute_reference_time(NETWORK, round_at(FIRST + 8 * HOUR)) <= time_of(FIRST + 8 * HOUR)


def test_a_list_costs_no_balance_until_a_rollback_brings_new_ones(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(path, blocks(FIRST, FIRST + 4 * HOUR, CHAIN))
    registry, round_ = open_registry(path), round_at(FIRST + 3 * HOUR)
    first = registry.derive_round(round_)
    asked: list[int] = []
    find = LedgerIndex.find_balances_at

    def count(index: LedgerIndex, reader: LedgerReader, who: Collection[str], height: int) -> dict[str, int]:
        asked.append(height)
        return find(index, reader, who, height)

    monkeypatch.setattr(LedgerIndex, "find_balances_at", count)
    for n in range(3):
        write(path, blocks(FIRST + 4 * HOUR + n + 1, FIRST + 4 * HOUR + n + 1))
        assert registry.derive_round(round_) == first
    assert asked == []
    # 2 sends the rest on, in other blocks before the reference
    roll_back_to(path, FIRST + 2 * HOUR)
    moved = row(FIRST + 2 * HOUR + 1, collateral(2), FUNDER, 14_000, fork=1)
    write(path, blocks(FIRST + 2 * HOUR + 1, FIRST + 4 * HOUR, [moved], fork=1))
    assert list_weights(registry.derive_round(round_))[1] == (pos(2), 3, 0)
    assert len(asked) == 1


def test_a_scripted_companion_says_the_same(path: Path) -> None:
    rows = [
        PowRow(
            r.block_height,
            r.timestamp,
            r.address,
            r.recipient,
            round(r.amount * COIN),
            round(r.fee * COIN),
            0,
            r.operation,
            r.openfield,
        )
        for r in CHAIN
    ]
    start = time_of(FIRST) - (FIRST - NETWORK.first_pow_height) * NETWORK.pow_block_s
    write(path, blocks(FIRST, FIRST + 4 * HOUR, CHAIN))
    for params in (NETWORK, OWN):
        source = ScriptedPowSource(PowScript(params, rows, start), lambda: time_of(FIRST + 4 * HOUR))
        for height in (FIRST + HOUR, FIRST + 3 * HOUR):
            scripted = asyncio.run(source.get_registered(round_at(height)))
            read = open_registry(path, params).derive_round(round_at(height))
            assert [replace(e, timestamp=0.0) for e in scripted.entries] == [
                replace(e, timestamp=0.0) for e in read.entries
            ]
            assert scripted.weights == read.weights
