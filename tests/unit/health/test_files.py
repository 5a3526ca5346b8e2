"""What the node has on disk, at the figures that decide."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.health.files import (
    FREE_BYTES,
    LEAST_FREE_BYTES,
    LEAST_FREE_FILES,
    ConfigFacts,
    DiskFacts,
    LedgerFacts,
    LockFacts,
    WalletFacts,
    format_bytes,
    judge_config,
    judge_disk,
    judge_ledger,
    judge_lock,
    judge_wallet,
)
from hypernode.health.findings import Finding

WALLET = WalletFacts("w.json", True, address="B1", journal_path="w.signed.db", has_ledger=True)
DISK = DiskFacts("/d", 10 * FREE_BYTES, 10_000, (5, 5))
LEDGER = LedgerFacts("/d/ledger.db", True, "", 100, 9, 10)


def name(findings: list[Finding]) -> list[str]:
    return [f"{finding.code} {finding.severity.word}" for finding in findings]


@pytest.mark.parametrize(
    ("free", "found"),
    [
        (0, "disk-low error"),
        (LEAST_FREE_BYTES - 1, "disk-low error"),
        (LEAST_FREE_BYTES, "disk-low warning"),
        (FREE_BYTES - 1, "disk-low warning"),
        (FREE_BYTES, "disk ok"),
    ],
)
def test_room_on_the_disk(free: int, found: str) -> None:
    assert name(judge_disk(replace(DISK, free_bytes=free))) == [found]


@pytest.mark.parametrize(
    ("files", "found"),
    [
        (LEAST_FREE_FILES - 1, ["disk ok", "files-low error"]),
        (LEAST_FREE_FILES, ["disk ok"]),
        (None, ["disk ok"]),
    ],
)
def test_room_for_files(files: int | None, found: list[str]) -> None:
    assert name(judge_disk(replace(DISK, free_files=files))) == found


def test_each_disk_that_refuses_is_said() -> None:
    facts = replace(DISK, is_read_only=True, full_wallet="/w", full_logs="/l", unwritable=("/a", "/b"))
    assert name(judge_disk(facts))[1:] == [
        "disk-read-only error",
        "disk-full error",
        "logs-full warning",
        "not-writable error",
        "not-writable error",
    ]


@pytest.mark.parametrize(
    ("data", "wallet", "problem", "found"),
    [
        (7, 7, "", "lock ok"),
        (None, None, "", "lock note"),
        (7, None, "", "lock note"),
        (None, 7, "", "wallet-in-use error"),
        (7, 8, "", "wallet-in-use error"),
        (7, 7, "no rights", "lock-unreadable error"),
    ],
)
def test_one_node_has_both_locks(data: int | None, wallet: int | None, problem: str, found: str) -> None:
    assert name(judge_lock(LockFacts("/d", "w.json", data, wallet, problem))) == [found]


@pytest.mark.parametrize(
    ("round_", "is_running", "found"),
    [
        (10, False, "ledger ok"),
        (9, False, "ledger ok"),
        (8, False, "ledger-behind note"),
        (0, True, "ledger ok"),
    ],
)
def test_a_ledger_may_be_a_round_behind(round_: int, is_running: bool, found: str) -> None:
    assert name(judge_ledger(replace(LEDGER, round=round_, is_running=is_running))) == [found]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({"exists": False}, "ledger note"),
        ({"problem": "damaged"}, "ledger-broken error"),
        ({"problem": "of another", "is_foreign": True}, "ledger-foreign error"),
    ],
)
def test_a_ledger_of_another_network_is_not_broken(fields: dict[str, object], found: str) -> None:
    assert name(judge_ledger(replace(LEDGER, **fields))) == [found]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, ["wallet ok", "journal ok"]),
        ({"exists": False}, ["wallet-missing warning"]),
        ({"exists": False, "problem": "a journal without its wallet"}, ["wallet-broken error"]),
        ({"problem": "no JSON"}, ["wallet-broken error", "journal ok"]),
        ({"is_checked": False, "is_encrypted": True}, ["wallet-sealed note", "journal ok"]),
        ({"exposure": "read by others"}, ["wallet ok", "wallet-exposed warning", "journal ok"]),
        ({"owner": 1}, ["wallet ok", "wallet-not-ours warning", "journal ok"]),
        ({"has_journal": False}, ["wallet ok", "journal-missing warning"]),
        ({"has_journal": False, "has_ledger": False}, ["wallet ok", "journal note"]),
        ({"journal_problem": "damaged"}, ["wallet ok", "journal-broken error"]),
    ],
)
def test_the_key_and_what_was_signed_with_it(fields: dict[str, object], found: list[str]) -> None:
    assert name(judge_wallet(replace(WALLET, **fields))) == found  # type: ignore[arg-type]


def test_a_configuration_that_stops_the_start_is_all_that_is_said() -> None:
    facts = ConfigFacts("config.txt", True, "main", "config.txt:3: PORT: expected a number")
    assert name(judge_config(facts)) == ["config-broken error"]
    assert name(judge_config(replace(facts, problem=""))) == ["configuration ok"]


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1_000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (10**15, "1000.0 TB"),
        (10**16, "10000.0 TB"),
    ],
)
def test_bytes_have_a_unit(count: float, text: str) -> None:
    assert format_bytes(count) == text
