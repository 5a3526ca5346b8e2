"""What an operator should know of the present registrations."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypernode.core.timeline import compute_reference_time
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    blocks,
    collateral,
    funding,
    registering,
    row,
    time_of,
    write,
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger #1 ?.db"


def open_registry(path: Path, *, chunk_rows: int = 7) -> LedgerRegistry:
    return LedgerRegistry(LedgerFile(path, 0.05, 2), NETWORK, RegistryOptions(chunk_rows))


def reference_of(round_: int) -> int:
    return compute_reference_time(NETWORK, round_)


def test_a_balance_next_to_another_weight_is_remarked(path: Path) -> None:
    rows = [funding(FIRST + 1, 1, 10_000.02), funding(FIRST + 1, 2, 10_000.5)]
    rows += [row(FIRST + 2, collateral(n), FUNDER, 0) for n in (1, 2)]
    rows += [registering(FIRST + 5, n) for n in (1, 2)]
    write(path, blocks(FIRST, FIRST + 60, rows))
    registry = open_registry(path)
    registry.derive_at(time_of(FIRST + 30))
    remarks = registry.get_status(0).remarks
    assert len(remarks) == 1
    assert (
        f"block {FIRST + 5}: the balance of {collateral(1)} is within 1e-6 of another weight than 1"
        in remarks[0]
    )
