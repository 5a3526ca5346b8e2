"""Lists derived from ledger files: heights, confirmations, rounds in steps, rollbacks, indices."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypernode.core.registrations.registry import UNREGISTER
from hypernode.core.timeline import compute_reference_time
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    START,
    blocks,
    collateral,
    count_queries,
    funding,
    hash_of,
    registering,
    roll_back_to,
    row,
    text_of,
    time_of,
    write,
)


def reference_of(round_: int) -> int:
    return compute_reference_time(NETWORK, round_)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger #1 ?.db"


def open_registry(path: Path, *, chunk_rows: int = 7) -> LedgerRegistry:
    return LedgerRegistry(LedgerFile(path, 0.05, 2), NETWORK, RegistryOptions(chunk_rows))


def collaterals(registry: LedgerRegistry, height: int) -> list[str]:
    found, state = registry.derive_at(time_of(height))
    assert found == height
    return [entry.collateral for entry in state.entries]


def test_more_than_twenty_blocks_must_follow(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    registry = open_registry(path)
    assert registry.derive_at(time_of(FIRST + 9) + 59)[0] == FIRST + 9
    with pytest.raises(PowNotReady, match="expected more than 20 blocks after 800011"):
        registry.derive_at(time_of(FIRST + 10))
    write(path, blocks(FIRST + 31, FIRST + 31))
    assert registry.derive_at(time_of(FIRST + 10))[0] == FIRST + 10


def test_a_ledger_that_begins_later_is_said_to(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    with pytest.raises(PowNotReady, match="no block is as old as"):
        open_registry(path).derive_at(START - 1)


def test_the_height_at_a_time_is_the_highest_whatever_the_order(path: Path) -> None:
    rows = blocks(FIRST, FIRST + 60)
    write(path, rows[30:] + rows[:30])
    registry = open_registry(path)
    for height in (FIRST, FIRST + 29, FIRST + 30, FIRST + 39):
        assert registry.find_height(time_of(height)) == height
    assert registry.find_height(time_of(FIRST + 45)) == 0
    assert registry.find_height(time_of(FIRST + 45), confirmed=False) == FIRST + 45


def test_rounds_in_steps_equal_one_from_the_start(path: Path) -> None:
    rows = [funding(FIRST + 1, n) for n in range(1, 9)]
    rows += [registering(FIRST + 5 * n, n) for n in range(1, 9)]
    rows.append(row(FIRST + 22, collateral(2), collateral(2), 0, UNREGISTER, text_of(2)))
    write(path, blocks(FIRST, FIRST + 70, rows))
    stepwise = open_registry(path)
    for height in (FIRST + 4, FIRST + 12, FIRST + 22, FIRST + 11, FIRST + 40, FIRST + 23):
        expected = collaterals(open_registry(path, chunk_rows=1000), height)
        assert collaterals(stepwise, height) == expected
    assert expected == [collateral(n) for n in (1, 3, 4)]


def test_block_hashes_come_in_the_order_asked_for(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    registry = open_registry(path)
    wanted = [FIRST + 20, FIRST, FIRST + 20, FIRST + 7]
    assert registry.get_block_hashes(wanted) == [hash_of(height, 0) for height in wanted]
    with pytest.raises(PowNotReady, match="no block 800099"):
        registry.get_block_hashes([FIRST, 800_099])


def test_the_status_tells_the_age_of_the_last_block(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 30))
    registry = open_registry(path)
    last = time_of(FIRST + 30)
    good = registry.get_status(last + 900)
    assert (good.height, good.timestamp, good.block_hash) == (FIRST + 30, last, hash_of(FIRST + 30, 0))
    assert good.problem == ""
    assert "901 s old, expected at most 900 s" in registry.get_status(last + 901).problem


def test_the_status_of_a_ledger_without_blocks_says_so(path: Path) -> None:
    write(path, [])
    assert "no block yet" in open_registry(path).get_status(0).problem
    path.unlink()
    assert "there is no such file" in open_registry(path).get_status(0).problem


def test_coloured_lists_are_those_of_the_reference_height_by_sender(path: Path) -> None:
    control, other = NETWORK.control_pow, collateral(1)
    rows = [
        row(FIRST + 3, control, other, 0, "color:rainbow", "PING_DELAY=5"),
        row(FIRST + 4, other, control, 0, "color:rainbow", "PING_DELAY=6"),
        row(FIRST + 130, control, other, 0, "color:white", "1.2.3.4,5.6.7.8"),
        row(FIRST + 131, control, other, 0, "color:rainbow", "PING_DELAY=7"),
    ]
    write(path, blocks(FIRST, FIRST + 250, rows))
    registry = open_registry(path)
    first = next(r for r in range(200, 400) if registry.find_height(reference_of(r)) >= FIRST + 5)
    seen = [registry.derive_round(first + n).colours for n in range(3)]
    assert seen == [
        (("rainbow", "PING_DELAY=5"),),
        (("rainbow", "PING_DELAY=5"),),
        (("rainbow", "PING_DELAY=7"), ("white", "1.2.3.4,5.6.7.8")),
    ]


@pytest.mark.parametrize("amount", [1e308, float("inf"), -float("inf"), 1.1e10, -(2**63), 2**63 - 1])
def test_an_amount_that_nobody_can_have_counts_nothing(path: Path, amount: float) -> None:
    rows = [row(FIRST + 1, FUNDER, collateral(1), amount) for _ in range(3)]
    write(path, blocks(FIRST, FIRST + 60, [*rows, funding(FIRST + 1, 1), registering(FIRST + 2, 1)]))
    state = open_registry(path).derive_at(time_of(FIRST + 30))[1]
    assert [entry.weight for entry in state.entries] == [1]


def test_while_the_ledger_stays_as_it_is_a_list_costs_no_query(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 250, [funding(FIRST + 1, 1), registering(FIRST + 2, 1)]))
    registry = open_registry(path)
    round_ = next(r for r in range(200, 400) if registry.find_height(reference_of(r)) >= FIRST + 5)
    queries: list[str] = []
    first = registry.derive_round(round_)
    assert count_queries(registry, queries, lambda: registry.derive_round(round_)) == 1
    # another round of the same ledger needs no look at what is new
    assert count_queries(registry, queries, lambda: registry.derive_round(round_ + 1)) < 12
    write(path, blocks(FIRST + 251, FIRST + 251))
    assert count_queries(registry, queries, lambda: registry.derive_round(round_)) > 5
    assert registry.derive_round(round_) == first
    path.rename(path.with_name("elsewhere.db"))
    with pytest.raises(PowNotReady, match="there is no such file"):
        registry.derive_round(round_)


def test_a_rollback_after_a_list_is_noticed_at_the_next_one(path: Path) -> None:
    write(path, blocks(FIRST, FIRST + 250, [funding(FIRST + 1, 1), registering(FIRST + 90, 1)]))
    registry = open_registry(path)
    round_ = next(r for r in range(200, 400) if registry.find_height(reference_of(r)) >= FIRST + 90)
    assert len(registry.derive_round(round_).entries) == 1
    roll_back_to(path, FIRST + 80)
    write(path, blocks(FIRST + 81, FIRST + 250, fork=1))
    assert registry.derive_round(round_).entries == ()
