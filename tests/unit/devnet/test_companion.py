"""The devnet's companion: what it writes is what the real reader expects."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest

from hypernode.core.address import encode_address
from hypernode.core.params.network_file import network_to_json
from hypernode.core.params.networks import devnet
from hypernode.core.registrations.pow_signature import SignedRow, is_valid_pow_signature
from hypernode.core.registrations.registry import UNREGISTER, VOID
from hypernode.devnet.companion import Companion, Parent, load_hypernodes, main
from hypernode.devnet.companion_ledger import (
    DEFAULT_SEED,
    append_block,
    append_until,
    collateral_key,
    prepare_ledger,
    rollback,
)
from hypernode.devnet.pow_blocks import Transaction
from hypernode.devnet.pow_keys import create_pow_key
from hypernode.ports.registrations import RegisteredList
from hypernode.pow.ledger.source import LedgerPowSource
from hypernode.pow.ledger.values import to_units

ORIGIN = 1_700_000_000
CONTROL = create_pow_key(b"\x05" * 32)
NETWORK = devnet(ORIGIN, 6, CONTROL.address, encode_address(bytes(20), 0x55))
HYPERNODES = [
    (encode_address(bytes([n]) * 20, 0x55), f"127.0.0.{n + 1}", 7000 + n, weight)
    for n, weight in enumerate((1, 2, 3, 1))
]


@dataclass
class HandClock:
    t: float

    def now(self) -> float:
        return self.t

    def monotonic(self) -> float:
        return self.t


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger.db"


def read(path: Path, round_: int) -> RegisteredList:
    return asyncio.run(LedgerPowSource(path, NETWORK, inline=True).get_registered(round_))


def query(path: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchall()


@pytest.mark.parametrize("round_", [-1, 0, 1])
def test_the_real_reader_finds_exactly_the_hypernodes(path: Path, round_: int) -> None:
    prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN + max(round_, 0) * NETWORK.round_s)
    registered = read(path, round_)
    assert [(e.pos, e.ip, int(e.port), e.weight) for e in registered.entries] == HYPERNODES
    assert registered.voided == ()


def test_the_ledger_is_in_sync_and_in_rollback_journal_mode(path: Path) -> None:
    tip = prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    status = asyncio.run(LedgerPowSource(path, NETWORK, inline=True).get_status(ORIGIN))
    assert (status.problem, status.height, status.block_hash) == ("", tip.height, tip.block_hash)
    assert query(path, "PRAGMA journal_mode") == [("delete",)]


def test_every_row_but_mirrors_is_signed(path: Path) -> None:
    prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN - 300)
    columns = "timestamp, address, recipient, amount, operation, openfield, signature, public_key"
    rows = query(path, f"SELECT {columns} FROM transactions WHERE block_height > 0")
    assert len(rows) > 20
    for timestamp, address, recipient, amount, *texts in rows:
        assert isinstance(timestamp, int | float)
        signed = SignedRow(timestamp, str(address), str(recipient), to_units(amount), *map(str, texts))
        assert is_valid_pow_signature(signed)
    assert {len(str(row[1])) for row in rows} == {37, 54}


def test_blocks_have_one_reward_row_and_every_tenth_two_mirrors(path: Path) -> None:
    tip = prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    rewards = query(path, "SELECT block_height FROM transactions WHERE reward > 0 ORDER BY rowid")
    assert rewards == [(height,) for height in range(1, tip.height + 1)]
    assert query(path, "SELECT block_height FROM misc ORDER BY rowid") == rewards
    mirrors = query(path, "SELECT block_height FROM transactions WHERE block_height < 0 ORDER BY rowid")
    assert mirrors == [(-height,) for height in range(10, tip.height + 1, 10) for _ in range(2)]
    hashes = query(path, "SELECT COUNT(DISTINCT block_hash) FROM transactions WHERE block_height > 0")
    assert hashes == [(tip.height,)]


def test_the_same_seed_makes_the_same_ledger_in_one_go_or_in_steps(path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    prepare_ledger(other, NETWORK, HYPERNODES, CONTROL, ORIGIN - 100)
    append_until(other, NETWORK, ORIGIN - 51)
    prepare_ledger(other, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    everything = "SELECT * FROM transactions ORDER BY rowid"
    assert query(path, everything) == query(other, everything)
    third = tmp_path / "third.db"
    prepare_ledger(third, NETWORK, HYPERNODES, CONTROL, ORIGIN, seed=b"other")
    assert query(path, everything) != query(third, everything)


def test_transactions_of_a_test_are_seen_a_round_later(path: Path) -> None:
    prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    texts = [f"{ip}:{port}:{pos}" for pos, ip, port, _ in HYPERNODES]
    leaver = collateral_key(DEFAULT_SEED, HYPERNODES[0][0], 0)
    moves = [
        Transaction(leaver, leaver.address, operation=UNREGISTER, openfield=texts[0]),
        Transaction(CONTROL, CONTROL.address, operation=VOID, openfield=f"{texts[2]},reason=test"),
    ]
    append_block(path, NETWORK, ORIGIN + 1, moves)
    append_until(path, NETWORK, ORIGIN + 2 * NETWORK.round_s)
    assert len(read(path, 1).entries) == 4
    registered = read(path, 2)
    assert [entry.pos for entry in registered.entries] == [h[0] for h in HYPERNODES[1:]]
    assert registered.voided == (HYPERNODES[2][0],)


def test_a_rollback_puts_other_blocks_in_their_place(path: Path) -> None:
    clock = HandClock(ORIGIN)
    tip = prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    companion = Companion(path, NETWORK, clock, rollback_blocks=12)
    after = companion.roll_back()
    assert after.height == tip.height
    assert after.block_hash != tip.block_hash
    assert companion.roll_back().block_hash != after.block_hash
    assert len(read(path, 0).entries) == 4
    assert rollback(path, 2) == tip.height - 2


def test_a_rollback_spares_the_setup(path: Path) -> None:
    tip = prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    with pytest.raises(ValueError, match="too many to roll back"):
        rollback(path, tip.height - 2)
    assert rollback(path, tip.height - 3) == 3


def test_what_does_not_fit_is_refused(path: Path) -> None:
    with pytest.raises(ValueError, match="the control key is of"):
        prepare_ledger(path, NETWORK, HYPERNODES, create_pow_key(b"\x06" * 32), ORIGIN)
    with pytest.raises(ValueError, match="is too late"):
        prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN - 10_000)
    with pytest.raises(ValueError, match="prepare it first"):
        append_until(path, NETWORK, ORIGIN)
    prepare_ledger(path, NETWORK, HYPERNODES[:2], CONTROL, ORIGIN)
    with pytest.raises(ValueError, match="a ledger with other hypernodes"):
        prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)


@pytest.mark.parametrize("text", ["no json", "{}", '[["pos", "ip", 1]]', '[["pos", "ip", "1", 1]]'])
def test_a_file_of_hypernodes_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    file = tmp_path / "hypernodes.json"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ValueError, match=r"hypernodes\.json: expected a JSON list of"):
        load_hypernodes(file)


def pid_of_the_dead() -> int:
    child = subprocess.Popen([sys.executable, "-c", ""])
    child.wait()
    return child.pid


def test_a_parent_is_watched() -> None:
    assert Parent(None).is_alive()
    assert Parent(os.getppid()).is_alive()
    assert Parent(os.getpid()).is_alive()
    assert not Parent(pid_of_the_dead()).is_alive()


def test_running_ends_when_asked_and_when_the_parent_is_gone(path: Path) -> None:
    prepare_ledger(path, NETWORK, HYPERNODES, CONTROL, ORIGIN)
    companion = Companion(path, NETWORK, HandClock(ORIGIN + 20), rollback_blocks=3)
    gone = Parent(pid_of_the_dead())

    async def run() -> None:
        task = asyncio.create_task(companion.run(Parent(None)))
        companion.request_rollback()
        await asyncio.sleep(0)
        companion.request_stop()
        await task
        await Companion(path, NETWORK, HandClock(ORIGIN)).run(gone)

    asyncio.run(run())
    assert companion.forks == 1
    assert len(read(path, 0).entries) == 4


def write_files(folder: Path) -> dict[str, str]:
    # blocks of weeks: this process reads the real clock, and few of them are due by now
    params = devnet(ORIGIN, 10**7, CONTROL.address, NETWORK.control_pos)
    files = {
        "--network": network_to_json(params),
        "--hypernodes": json.dumps(HYPERNODES),
        "--control-key": CONTROL.secret.hex(),
    }
    paths = {option: folder / option.strip("-") for option in files}
    for option, text in files.items():
        paths[option].write_text(text, encoding="utf-8")
    return {"--ledger": str(folder / "ledger.db"), **{option: str(path) for option, path in paths.items()}}


def test_bad_arguments_and_ledgers_have_their_exit_status(tmp_path: Path) -> None:
    files = write_files(tmp_path)
    basics = ["--ledger", files["--ledger"], "--network"]
    assert main([*basics, str(tmp_path / "none")]) == 2
    assert main([*basics, files["--network"], "--hypernodes", files["--hypernodes"]]) == 2
    assert main([*basics, files["--network"]]) == 1


def test_the_process_writes_rolls_back_and_stops(tmp_path: Path) -> None:
    arguments = [text for pair in write_files(tmp_path).items() for text in pair]
    command = [sys.executable, "-m", "hypernode.devnet.companion", *arguments]
    command += ["--parent-pid", str(os.getpid()), "--rollback", "4"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        first = process.stdout.readline().split()
        process.send_signal(signal.SIGUSR1)
        second = process.stdout.readline().split()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
    assert first[:3] == second[:3]
    assert first[3] != second[3]
    rewards = "SELECT COUNT(*), MAX(block_height) FROM transactions WHERE reward > 0"
    assert query(tmp_path / "ledger.db", rewards) == [(int(first[2]), int(first[2]))]
