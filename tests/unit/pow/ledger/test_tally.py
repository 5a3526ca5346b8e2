"""Sums of every address over sealed rows, and those of registrations up to their own heights."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from hypernode.core.registrations.registry import COIN
from hypernode.pow.ledger.cache import LedgerCache, open_cache
from hypernode.pow.ledger.chunks import ChunkReader
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.tally import Tally
from tests.unit.pow.ledgers import FIRST, NETWORK, blocks, collateral, funding, registering, row, write

ONE, TWO = collateral(1), collateral(2)
FEE = COIN // 100
SPANS = ((1, 4), (5, 8), (9, 12), (13, 99))


@pytest.fixture(name="cache")
def open_memory() -> Iterator[LedgerCache]:
    cache = open_cache(None, log=lambda text: None)
    yield cache
    cache.close()


def absorb(path: Path, tally: Tally, spans: tuple[tuple[int, int], ...] = SPANS) -> None:
    with LedgerFile(path, 0.05, 2).open() as reader:
        chunks = ChunkReader(NETWORK, verify=False).read(
            reader, ((span, True) for span in spans), ahead=False
        )
        for read in chunks:
            assert read.moves is not None
            tally.absorb(reader, read.chunk, read.moves)


@pytest.fixture(name="path")
def write_ledger(tmp_path: Path) -> Path:
    rows = [
        funding(FIRST, 1, 15_000),
        registering(FIRST + 2, 1),
        row(FIRST + 5, ONE, TWO, 14_000),
        registering(FIRST + 7, 2),
    ]
    write(tmp_path / "ledger.db", blocks(FIRST, FIRST + 8, rows))
    return tmp_path / "ledger.db"


def test_totals_are_those_of_every_address(path: Path, cache: LedgerCache) -> None:
    tally = Tally(cache)
    tally.load()
    absorb(path, tally)
    assert tally.get_totals(ONE) == (15_000 * COIN, 14_000 * COIN + 2 * FEE)
    assert tally.get_totals(TWO) == (14_000 * COIN, FEE)
    assert tally.get_totals("nobody") == (None, None)


def test_a_registration_has_the_sums_of_its_own_height(path: Path, cache: LedgerCache) -> None:
    tally = Tally(cache)
    tally.load()
    absorb(path, tally)
    assert tally.find_sums(ONE, FIRST + 2) == (15_000 * COIN, FEE)
    assert tally.find_sums(TWO, FIRST + 7) == (14_000 * COIN, FEE)
    # beyond the last block the totals hold; before it, of a height that nobody watched, only a scan can tell
    assert tally.find_sums(ONE, FIRST + 99) == tally.get_totals(ONE)
    assert tally.find_sums(ONE, FIRST + 3) is None


def test_who_once_registered_with_a_collateral_stays_wealthy(path: Path, cache: LedgerCache) -> None:
    tally = Tally(cache)
    tally.load()
    absorb(path, tally)
    assert tally.list_wealthy(NETWORK) == {ONE, TWO}


def test_what_was_not_flushed_is_lost_and_what_was_is_kept(path: Path, cache: LedgerCache) -> None:
    tally = Tally(cache)
    tally.load()
    absorb(path, tally, SPANS[:1])
    with cache.transaction():
        tally.flush()
    kept = [tally.get_totals(address) for address in (ONE, TWO)]
    absorb(path, tally, SPANS[1:])
    assert [tally.get_totals(address) for address in (ONE, TWO)] != kept
    tally.load()
    assert [tally.get_totals(address) for address in (ONE, TWO)] == kept
    again = Tally(cache)
    again.load()
    assert [again.get_totals(address) for address in (ONE, TWO)] == kept
    assert again.find_sums(ONE, FIRST + 2) == tally.find_sums(ONE, FIRST + 2) == (15_000 * COIN, FEE)
    absorb(path, again, SPANS[1:])
    assert again.get_totals(TWO) == (14_000 * COIN, FEE)
