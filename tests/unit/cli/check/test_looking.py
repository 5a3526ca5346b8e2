"""What hn_check finds in real folders, ledgers and ports; and that it leaves them as they were."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from hypernode.app.system_clock import SystemClock, SystemEntropy
from hypernode.cli.check import look_chains
from hypernode.cli.check.inquiry import Inquiry, in_thread
from hypernode.cli.check.look_files import FULL_BYTES
from hypernode.cli.check.table import ROWS, Row, look_at_all
from hypernode.config.run_file import describe_run, keep_run_file
from hypernode.config.settings import Flags, Settings, load_settings
from hypernode.core.params.chain_params import FixedHypernode
from hypernode.core.params.networks import testnet as make_testnet
from hypernode.core.registrations.registry import REGISTER, UNREGISTER, VOID
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.core.types import Endpoint
from hypernode.health.findings import Finding, Severity
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.pow.scripted_source import PowScript
from hypernode.storage.database import open_database
from hypernode.storage.journal import open_journal
from hypernode.storage.ledger import open_ledger
from hypernode.wallet.locks import acquire_lock, find_holder
from hypernode.wallet.passphrase import VARIABLE
from hypernode.wallet.pos_wallet import Wallet, create_wallet
from tests.unit.pow.fake_companion import FakeCompanion
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    POW_GENESIS,
    blocks,
    collateral,
    funding,
    row,
    time_of,
    write,
)

LAST = FIRST + 200
OUT_IP = "127.0.0.77"


class FixedClock:
    """Stands still a minute after the ledger's last block."""

    def now(self) -> float:
        return time_of(LAST) + 60

    def monotonic(self) -> float:
        return SystemClock().monotonic()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A run folder whose port is a free one of loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    lines = ["POW_LEDGER_DB=ledger.db", f"OUT_IP={OUT_IP}", "IP=127.0.0.1", f"PORT={port}"]
    (tmp_path / "config.txt").write_text("\n".join(lines), encoding="utf-8")
    return tmp_path


@pytest.fixture
def wallet(home: Path) -> Wallet:
    return create_wallet(
        home / "poswallet.json", NETWORK.address_byte, token=SystemEntropy().token, created=1
    )


def read_settings(home: Path) -> Settings:
    return load_settings(Flags(home=home), home)[0]


def look(home: Path, *names: str, settings: Settings | None = None) -> dict[str, list[Finding]]:
    rows = {name: ROWS[name] for name in names} if names else ROWS
    inquiry = Inquiry(settings or read_settings(home), (), FixedClock())
    return asyncio.run(look_at_all(inquiry, rows))


def look_at(home: Path, name: str, settings: Settings | None = None) -> tuple[Severity, str]:
    """The worst finding of a row, and its words."""
    worst = max(look(home, name, settings=settings)[name], key=lambda finding: finding.severity)
    return worst.severity, f"{worst.found}\n{worst.remedy}"


def snapshot(folder: Path) -> list[tuple[str, int, bytes]]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [(str(path), path.stat().st_mtime_ns, path.read_bytes()) for path in files]


# --- files ------------------------------------------------------------------------------------------


def test_a_wallet_is_in_order_until_others_may_read_it(home: Path, wallet: Wallet) -> None:
    assert look_at(home, "wallet")[0] is Severity.NOTE  # no journal yet
    (home / "poswallet.json").chmod(0o640)
    severity, words = look_at(home, "wallet")
    assert severity is Severity.WARNING
    assert "mode 0640" in words


def test_a_wallet_whose_key_is_another_is_an_error(home: Path, wallet: Wallet) -> None:
    path = home / "poswallet.json"
    other = create_wallet(home / "o.json", NETWORK.address_byte, token=SystemEntropy().token, created=1)
    path.write_text(path.read_text().replace(wallet.address, other.address))
    severity, words = look_at(home, "wallet")
    assert severity is Severity.ERROR
    assert "address" in words


def test_an_encrypted_wallet_is_checked_without_asking_for_a_passphrase(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    token = SystemEntropy().token
    create_wallet(home / "poswallet.json", NETWORK.address_byte, token=token, created=1, passphrase="abc")
    assert "was not looked at" in look(home, "wallet")["wallet"][0].found
    monkeypatch.setenv(VARIABLE, "abc")
    assert look(home, "wallet")["wallet"][0].severity is Severity.OK
    monkeypatch.setenv(VARIABLE, "abd")
    assert look_at(home, "wallet")[0] is Severity.ERROR


def test_a_journal_is_looked_into(home: Path, wallet: Wallet) -> None:
    path = read_settings(home).journal_path

    async def make() -> None:
        await (await open_journal(path, 1)).close()

    asyncio.run(make())
    assert look_at(home, "wallet")[0] is Severity.OK
    path.write_bytes(b"text, and no database of any kind" * 50)
    severity, words = look_at(home, "wallet")
    assert severity is Severity.ERROR
    assert "cannot be read as a database" in words


def test_a_ledger_that_is_none_is_an_error_with_a_remedy(home: Path) -> None:
    assert look_at(home, "ledger")[0] is Severity.NOTE
    (home / "data").mkdir()
    (home / "data" / "ledger.db").write_bytes(b"text" * 1_000)
    severity, words = look_at(home, "ledger")
    assert severity is Severity.ERROR
    assert "hn_check.py --ledger" in words


def test_a_wallet_that_is_missing_while_its_journal_is_there_is_an_error(home: Path) -> None:
    assert look_at(home, "wallet")[0] is Severity.WARNING
    (home / "poswallet.signed.db").write_bytes(b"")
    severity, words = look_at(home, "wallet")
    assert severity is Severity.ERROR
    assert "is not there, but the journal" in words
    assert "Restore the wallet from a backup" in words


def test_a_ledger_tool_at_work_is_no_node(home: Path) -> None:
    (home / "data").mkdir()
    with acquire_lock(home / "data" / "lock", "x"):
        found = look(home, "lock", "port", "node")
    assert "A ledger tool is at work" in found["lock"][0].remedy
    assert found["port"][0].found.endswith("is free to start on")
    assert found["node"][0].found == "no node runs on this folder"


def test_a_ledger_that_nobody_has_open_is_read_and_left_as_it_is(home: Path) -> None:
    path = home / "data" / "ledger.db"
    path.parent.mkdir()

    async def make() -> None:
        await (await open_ledger(await open_database(path), NETWORK)).close()

    asyncio.run(make())
    before = snapshot(home)
    assert "ends at block 0" in look_at(home, "ledger")[1]
    severity, words = look_at(home, "ledger", replace(read_settings(home), params=make_testnet()))
    assert severity is Severity.ERROR
    assert "of another network" in words
    assert "--network" in words
    assert "repair" not in words
    assert snapshot(home) == before


def test_a_lock_whose_holder_is_gone_is_not_touched(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "lock"
    path.write_text("999999999\n")
    # who is about to take it must not find it taken by us
    monkeypatch.setattr(fcntl, "flock", lambda *arguments: pytest.fail("tried"))
    assert find_holder(path) is None


def test_the_holder_of_a_lock_is_named_as_long_as_it_lives(home: Path) -> None:
    path = home / "lock"
    assert find_holder(path) is None
    with acquire_lock(path, "x"):
        assert find_holder(path) == os.getpid()
    assert find_holder(path) is None
    # one that died leaves its number behind
    path.write_text("999999999\n")
    assert find_holder(path) is None
    path.write_text(f"{os.getpid()}\n")
    assert find_holder(path) is None


def test_what_lies_in_place_of_a_lock_is_shown_once_as_no_fault_of_ours(home: Path) -> None:
    (home / "data").mkdir(exist_ok=True)
    (home / "data" / "lock").mkdir()
    found = look(home, "lock", "ledger", "port", "node")
    said = [row for row, findings in found.items() for one in findings if "is no file" in one.found]
    assert said == ["lock"]
    assert found["lock"][0].severity is Severity.ERROR
    assert found["node"][0].found == "could not be looked at: see lock"  # and not that none runs
    assert max(one.severity for row in ("ledger", "port", "node") for one in found[row]) is Severity.NOTE
    (home / "data" / "lock").rmdir()
    (home / "data").rmdir()
    (home / "data").touch()
    assert "a part of the path is no folder" in look_at(home, "lock")[1]


def test_a_node_whose_lock_was_removed_runs_still(home: Path) -> None:
    settings = read_settings(home)
    (home / "data").mkdir(exist_ok=True)
    with (
        acquire_lock(settings.wallet_lock_path, "wallet"),
        keep_run_file(settings.data_path, describe_run(settings, os.getpid(), "1", [])),
    ):
        severity, words = look_at(home, "lock")
    assert severity is Severity.OK
    assert f"process {os.getpid()} has {settings.data_path} and the wallet" in words


def test_a_full_disk_of_their_own_of_the_logs_or_the_wallet_is_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    logs, wallet = home / "elsewhere", home / "key" / "poswallet.json"
    for folder in (logs, wallet.parent):
        folder.mkdir()
    settings = replace(read_settings(home), logs_path=logs, wallet_path=wallet)
    plenty = psutil.disk_usage(str(home))
    full = plenty._replace(free=FULL_BYTES - 1)
    monkeypatch.setattr(
        psutil,
        "disk_usage",
        lambda path: full if path in (str(logs), str(wallet.parent)) else plenty,
    )
    assert "is full" not in look_at(home, "disk", settings)[1]  # it is the one of the data
    stat = Path.stat
    others = {logs: 1, wallet.parent: 2}

    def stat_of_three(path: Path, **how: bool) -> os.stat_result:
        found = stat(path, **how)
        return os.stat_result((*found[:2], others[path], *found[3:])) if path in others else found

    monkeypatch.setattr(Path, "stat", stat_of_three)
    found = {finding.found: finding.severity for finding in look(home, "disk", settings=settings)["disk"]}
    assert found[f"the disk of {wallet.parent} is full"] is Severity.ERROR
    assert found[f"the disk of {logs} is full"] is Severity.WARNING


def test_a_folder_that_may_not_be_written_to_is_an_error(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert look_at(home, "disk")[0] is not Severity.ERROR
    (home / "logs").mkdir()
    # root may write everywhere: the answer of the system is what is looked at
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path).name != "logs")
    severity, words = look_at(home, "disk")
    assert severity is Severity.ERROR
    assert str(home / "logs") in words


# --- host -------------------------------------------------------------------------------------------


def test_the_port_is_free_or_somebody_has_it(home: Path) -> None:
    assert look_at(home, "port")[0] is Severity.OK
    with socket.socket() as other:
        other.bind(("127.0.0.1", read_settings(home).port))
        other.listen()
        severity, words = look_at(home, "port")
    assert severity is Severity.ERROR
    assert "is taken" in words
    elsewhere = replace(read_settings(home), listen_ip="203.0.113.1")
    severity, words = look_at(home, "port", elsewhere)
    assert severity is Severity.ERROR
    assert "cannot be listened on" in words


def test_our_own_environment_has_what_is_required(home: Path) -> None:
    severity, words = look_at(home, "versions")
    assert severity is Severity.OK, words
    for name in ("tornado", "protobuf", "coincurve", "zstandard", "SQLite"):
        assert name in words


# --- companion and registration ---------------------------------------------------------------------


def write_ledger(home: Path, *rows: Any, journal_mode: str = "DELETE") -> None:
    write(home / "ledger.db", [POW_GENESIS, *blocks(FIRST, LAST, rows)], journal_mode=journal_mode)


def registering_ours(height: int, pos: str, ip: str = OUT_IP, sender: str = collateral(1)) -> Any:
    return row(height, sender, sender, 0, REGISTER, f"{ip}:6969:{pos}")


def test_a_companion_in_sync_is_in_order_and_a_late_one_an_error(home: Path) -> None:
    severity, words = look_at(home, "companion")
    assert severity is Severity.ERROR
    assert "there is no such file" in words
    write_ledger(home)
    findings = look(home, "companion")["companion"]
    assert f"block {LAST} is 60 s old" in findings[0].found
    assert "journal mode DELETE" in findings[1].found
    (home / "ledger.db").unlink()
    write(home / "ledger.db", [POW_GENESIS, *blocks(FIRST, LAST - 60)])
    severity, words = look_at(home, "companion")
    assert severity is Severity.ERROR
    assert "3660 s old" in words


def test_a_ledger_in_wal_mode_that_nobody_has_open_is_left_alone(home: Path, wallet: Wallet) -> None:
    write_ledger(home, journal_mode="WAL")
    before = snapshot(home)
    severity, words = look_at(home, "companion")
    assert severity is Severity.ERROR
    assert "the PoW node does not run" in words
    assert look_at(home, "registration")[0] is Severity.WARNING
    assert snapshot(home) == before
    with closing(sqlite3.connect(home / "ledger.db")) as companion:
        companion.execute("SELECT count(*) FROM transactions").fetchall()
        companion.execute("UPDATE misc SET difficulty = difficulty")
        companion.commit()
        assert "journal mode WAL" in look(home, "companion")["companion"][1].found


def test_a_companion_that_is_locked_is_an_error_within_the_time(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ledger(home)
    monkeypatch.setattr(look_chains, "BUSY_S", 0.1)
    with closing(sqlite3.connect(home / "ledger.db", isolation_level=None)) as companion:
        companion.execute("BEGIN EXCLUSIVE")
        severity, words = look_at(home, "companion")
        companion.execute("ROLLBACK")
    assert severity is Severity.ERROR
    assert "holds its lock" in words


def test_who_is_registered_is_told_where_and_with_what_weight(home: Path, wallet: Wallet) -> None:
    write_ledger(home, funding(FIRST, 1, 20_100), registering_ours(FIRST + 1, wallet.address))
    found = [finding.found for finding in look(home, "registration")["registration"]]
    assert f"registered: {OUT_IP}:6969, weight 2" in found[0]
    assert any("20099.99" in words and "weight 2, registered 2" in words for words in found)


def test_whose_collateral_went_is_told(home: Path, wallet: Wallet) -> None:
    away = row(FIRST + 150, collateral(1), collateral(9), 15_000)
    write_ledger(home, funding(FIRST, 1, 20_100), registering_ours(FIRST + 1, wallet.address), away)
    findings = look(home, "registration")["registration"]
    assert any("weight 0, registered 2" in f.found for f in findings if f.severity is Severity.WARNING)


def test_who_was_voided_is_told(home: Path, wallet: Wallet) -> None:
    text = f"{OUT_IP}:6969:{wallet.address},reason=two keys"
    void = row(FIRST + 2, NETWORK.control_pow, NETWORK.control_pow, 0, VOID, text)
    write_ledger(home, funding(FIRST, 1), registering_ours(FIRST + 1, wallet.address), void)
    assert any("voided" in f.found for f in look(home, "registration")["registration"])


def test_a_fresh_registration_is_told_with_the_round_that_counts_it(home: Path, wallet: Wallet) -> None:
    write_ledger(home, funding(FIRST, 1), registering_ours(LAST, wallet.address))
    present, _ = compute_round_slot(NETWORK, FixedClock().now())
    first = present + 1
    while compute_reference_time(NETWORK, first) < time_of(LAST):
        first += 1
    told = look(home, "registration")["registration"][0]
    assert told.severity is Severity.NOTE
    assert f"counts from round {first} on" in told.found


def test_a_late_companion_still_tells_what_it_has(home: Path, wallet: Wallet) -> None:
    rows = [funding(FIRST, 1), registering_ours(FIRST + 1, wallet.address)]
    write(home / "ledger.db", [POW_GENESIS, *blocks(FIRST, LAST - 150, rows)])
    late, told = look(home, "registration")["registration"]
    assert late.severity is Severity.WARNING
    assert "wait until the PoW node has them" in late.found
    assert told.found.startswith(f"as far as it goes: registered ({OUT_IP}:6969, weight 1")


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (lambda pos: [], "no transaction names it"),
        (
            lambda pos: [
                funding(FIRST, 2),
                registering_ours(FIRST, "B" * 34, sender=collateral(2)),
            ],
            "void (",
        ),
        (
            lambda pos: [
                funding(FIRST, 1),
                registering_ours(FIRST + 1, pos),
                row(FIRST + 2, collateral(1), collateral(1), 0, UNREGISTER, f"{OUT_IP}:6969:{pos}"),
            ],
            "the last hypernode:unregister",
        ),
    ],
)
def test_who_is_not_registered_is_told_why_not(
    rows: Callable[[str], list[Any]], words: str, home: Path, wallet: Wallet
) -> None:
    write_ledger(home, *rows(wallet.address))
    severity, found = look_at(home, "registration")
    assert severity is Severity.ERROR
    assert words in found
    assert "python -m hypernode register" in found


def test_a_network_with_a_fixed_list_needs_no_companion(home: Path, wallet: Wallet) -> None:
    settings = read_settings(home)
    ours = FixedHypernode(wallet.address, "127.0.0.1", settings.port)
    fixed = replace(settings, out_ip=None, params=replace(NETWORK, hypernodes=(ours,)))
    assert look_at(home, "companion", fixed)[0] is Severity.OK
    assert look_at(home, "registration", fixed)[0] is Severity.OK
    other = replace(settings, params=replace(NETWORK, hypernodes=(replace(ours, pos="B2"),)))
    assert look_at(home, "registration", other)[0] is Severity.ERROR


def test_the_companions_port_is_asked_where_it_is_used(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = read_settings(home)

    async def scenario(*, has_plugin: bool) -> list[Finding]:
        script = PowScript.of(NETWORK, [])
        companion = FakeCompanion(script, FixedClock().now, has_plugin=has_plugin)
        endpoint = await companion.listen(TornadoConnections(), Endpoint("127.0.0.1", 0))
        asked = replace(settings, pow_source="node", pow_ip=endpoint.ip, pow_port=endpoint.port)
        try:
            found = await look_at_all(Inquiry(asked, (), FixedClock()), {"plugin": ROWS["plugin"]})
        finally:
            await companion.close()
        return found["plugin"]

    [answered] = asyncio.run(scenario(has_plugin=True))
    assert (answered.severity, "hn_plugin" in answered.found) == (Severity.OK, True)
    monkeypatch.setattr(look_chains, "PLUGIN_S", 0.2)
    [silent] = asyncio.run(scenario(has_plugin=False))
    assert silent.severity is Severity.ERROR
    assert "035_socket_client" in silent.remedy
    assert look_at(home, "plugin")[0] is Severity.OK


def test_with_the_companions_port_alone_the_list_tells_of_us(home: Path, wallet: Wallet) -> None:
    settings = read_settings(home)

    async def scenario() -> dict[str, list[Finding]]:
        script = PowScript.of(NETWORK, [(wallet.address, OUT_IP, 6969, 2)])
        companion = FakeCompanion(script, FixedClock().now)
        endpoint = await companion.listen(TornadoConnections(), Endpoint("127.0.0.1", 0))
        asked = replace(settings, pow_source="node", pow_ip=endpoint.ip, pow_port=endpoint.port, port=6969)
        rows = {name: ROWS[name] for name in ("companion", "registration")}
        try:
            return await look_at_all(Inquiry(asked, (), FixedClock()), rows)
        finally:
            await companion.close()

    found = asyncio.run(scenario())
    assert found["companion"][0].severity is Severity.OK
    assert any("voids cannot be asked for" in finding.found for finding in found["companion"])
    [registered] = found["registration"]
    assert registered.found.startswith(f"registered: {OUT_IP}:6969, weight 2")


# --- all of it --------------------------------------------------------------------------------------


def test_nothing_is_written_whatever_is_there(home: Path, wallet: Wallet) -> None:
    write_ledger(home, funding(FIRST, 1), registering_ours(FIRST + 1, wallet.address))
    before = snapshot(home)
    found = look(home)
    assert list(found) == list(ROWS)
    assert not any("could not be looked at" in f.found for findings in found.values() for f in findings)
    assert snapshot(home) == before


def test_a_row_that_hangs_or_fails_does_not_hide_the_others(home: Path) -> None:
    gate = threading.Event()
    # long after the row was given up, so that who waits for it is found out
    opening = threading.Timer(10, gate.set)
    opening.start()

    async def hang(inquiry: Inquiry) -> None:
        await in_thread(gate.wait)

    async def fail(inquiry: Inquiry) -> None:
        raise ZeroDivisionError("oops")

    rows = {
        "hangs": Row("that which hangs", hang, lambda facts: []),
        "fails": Row("that which fails", fail, lambda facts: []),
        "limits": ROWS["limits"],
    }
    inquiry = Inquiry(read_settings(home), (), FixedClock())
    found = asyncio.run(look_at_all(inquiry, rows, row_s=0.1))
    opening.cancel()
    gate.set()
    assert [(f.severity, f.found) for f in found["hangs"]] == [
        (Severity.WARNING, "not known within 0.1 s: that which hangs")
    ]
    assert "ZeroDivisionError: oops" in found["fails"][0].found
    assert found["limits"][0].severity is Severity.OK


def test_what_two_rows_ask_for_is_looked_up_once(home: Path) -> None:
    asked = []

    async def count(inquiry: Inquiry) -> int:
        asked.append(1)
        return len(asked)

    async def scenario() -> list[int]:
        inquiry = Inquiry(read_settings(home), (), FixedClock())
        return list(await asyncio.gather(*(inquiry.once(count) for _ in range(3))))

    assert asyncio.run(scenario()) == [1, 1, 1]
