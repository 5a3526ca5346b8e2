"""hn_check.py and ``ledger``: what they say, what they change, and their exit codes."""

from __future__ import annotations

import gzip
import json
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypernode.app.files import FolderFiles
from hypernode.cli.check import command as check
from hypernode.cli.check.table import ROWS
from hypernode.cli.exit_codes import Exit, Health
from hypernode.cli.ledger import command as ledger
from hypernode.cli.progress import LINE_EVERY_S, Meter
from hypernode.core.params.network_file import network_to_json
from hypernode.machine.peers import ForkOverride
from hypernode.node.chain.check_state import FILE_NAME
from hypernode.node.sync.partitions import ORDER_NAME, OtherTip, load_order, save_tips
from hypernode.storage.archive.archives import write_archive
from hypernode.storage.archive.legacy_schema import CHAIN_NAME, HYPERNODES_NAME
from hypernode.wallet.locks import acquire_lock
from tests.unit.storage.legacy_files import load_chain, make_trap_block, read_rows, write_legacy

ROOT = Path(__file__).resolve().parents[4]
NETWORK, BLOCKS = load_chain("realchain")
TIP = BLOCKS[-1].height


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run folder with the network of the real chain, which has a fixed list."""
    folder = tmp_path / "home"
    folder.mkdir()
    make_home(folder)
    monkeypatch.chdir(folder)
    return folder


def make_home(folder: Path) -> None:
    (folder / "net.json").write_text(network_to_json(replace(NETWORK, name="private")), encoding="utf-8")
    (folder / "config.txt").write_text("NETWORK=net.json\n", encoding="utf-8")


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the real chain as a legacy file, and imported."""
    folder = tmp_path_factory.mktemp("template")
    make_home(folder)
    write_legacy(folder / CHAIN_NAME, NETWORK, BLOCKS)
    assert ledger.main(["import", str(folder / CHAIN_NAME), "--json", "--home", str(folder)]) == Exit.OK
    return folder


@pytest.fixture
def original(tmp_path: Path, template: Path) -> Path:
    return Path(shutil.copy(template / CHAIN_NAME, tmp_path))


@pytest.fixture
def filled(home: Path, template: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    """A ledger that holds the real chain."""
    capsys.readouterr()
    (home / "data").mkdir()
    return Path(shutil.copy(template / "data" / "ledger.db", home / "data"))


def spoil(path: Path, sql: str) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(sql)


def read_json(capsys: pytest.CaptureFixture[str]) -> Any:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    return json.loads(out)


# --- import and export ------------------------------------------------------------------------------


def test_legacy_file_is_imported_verified_and_exported_row_for_row(
    original: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.main(["import", str(original), "--json"]) == Exit.OK
    report = read_json(capsys)
    assert (report["height"], report["lost"], report["not_judged"]) == (TIP, [], {})
    # class C on a mixed network: block 14 has params that legacy nodes stumble over
    assert report["tolerated"] == {"13": 1}
    assert ledger.main(["export", "out"]) == Exit.OK
    assert str(home / "out" / CHAIN_NAME) in capsys.readouterr().out
    assert read_rows(home / "out" / CHAIN_NAME) == read_rows(original)
    assert (home / "out" / HYPERNODES_NAME).exists()
    assert ledger.main(["export", "out"]) == Exit.NEGATIVE
    assert "there already" in capsys.readouterr().err


def test_archive_of_the_network_is_imported(
    original: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_archive(home / "hn_bs.tar.gz", {CHAIN_NAME: original, HYPERNODES_NAME: original}, 0)
    assert ledger.main(["import", "hn_bs.tar.gz"]) == Exit.OK
    assert f"{TIP} blocks taken in" in capsys.readouterr().out
    assert sorted(path.name for path in (home / "data").iterdir()) == ["ledger.db", "lock"]
    # what is there already is not taken in again
    assert ledger.main(["import", "hn_bs.tar.gz"]) == Exit.OK
    assert "0 blocks taken in" in capsys.readouterr().out


def test_params_that_became_numbers_are_restored_and_said(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trap = make_trap_block(NETWORK, BLOCKS[-1], ("007", "1" * 30, "x", "y"))
    write_legacy(home / "trap.db", NETWORK, [*BLOCKS, trap])
    # its forger is no juror, and one message cannot be restored: only headers can be looked at
    assert ledger.main(["import", "trap.db"]) == Exit.NEGATIVE
    assert f"rule 11: block {trap.height}" in capsys.readouterr().err
    assert ledger.main(["import", "trap.db", "--headers-only"]) == Exit.OK
    out = capsys.readouterr().out
    assert "1 params that its database took for numbers were restored" in out
    assert f"of block {trap.height}: no text fits" in out


@pytest.mark.parametrize("content", [b"", b"text, and no database of any kind" * 50, b"\x1f\x8bno archive"])
def test_file_of_no_kind_is_refused(content: bytes, home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "x").write_bytes(content)
    assert ledger.main(["import", "x"]) == Exit.NEGATIVE
    assert str(home) in capsys.readouterr().err
    assert ledger.main(["import", "none"]) == Exit.TEMPORARY


def test_archive_without_a_chain_is_refused(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_archive(home / "a.tar.gz", {"net.json": home / "net.json"}, 0)
    assert ledger.main(["import", "a.tar.gz"]) == Exit.NEGATIVE
    assert "neither" in capsys.readouterr().err


def test_bad_block_ends_the_import_with_its_number(
    original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(original, "UPDATE pos_messages SET value = value + 1 WHERE block_height = 9")
    assert ledger.main(["import", str(original)]) == Exit.NEGATIVE
    assert "rule 11: block 9" in capsys.readouterr().err


# --- check ------------------------------------------------------------------------------------------


def test_good_chain_is_in_order_and_the_next_check_goes_on(
    filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--chain", "--ledger", "--json"]) == Exit.OK
    report = read_json(capsys)
    assert report["ok"] is report["chain"]["ok"] is report["ledger"]["ok"] is True
    assert (report["chain"]["first"], report["chain"]["height"]) == (1, TIP)
    assert report["chain"]["findings"] == {"13": {"class": "C", "tolerated": 1}}
    assert report["chain"]["not_judged"] == {}
    assert (home / "data" / FILE_NAME).exists()
    assert check.main(["--chain", "--json"]) == Exit.OK
    again = read_json(capsys)["chain"]
    assert (again["first"], again["messages"], again["findings"]) == (TIP + 1, 0, report["chain"]["findings"])
    assert check.main(["--chain", "--from-start"]) == Exit.OK
    out = capsys.readouterr().out
    assert f"blocks 1 to {TIP} checked" in out
    assert "rule 13 (class C): 1 tolerated" in out


def test_breaks_are_listed_with_a_remedy(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    spoil(filled, "UPDATE messages SET value = value + 1 WHERE id >> 20 = 9")
    assert check.main(["--chain"]) == Exit.NEGATIVE
    out = capsys.readouterr().out
    assert "chain: NOT IN ORDER" in out
    assert f"block 9 {BLOCKS[8].block_hash.hex()} breaks rule 11" in out
    assert "remedy" in out
    # what was found is still known when the check goes on
    assert check.main(["--chain", "--json"]) == Exit.NEGATIVE
    assert [b["height"] for b in read_json(capsys)["chain"]["breaks"] if b["verdict"] == "refused"] == [9]


def test_check_of_the_file_looks_whether_it_is_whole(
    filled: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--ledger"]) == Exit.OK
    assert "is whole" in capsys.readouterr().out
    spoil(filled, "DELETE FROM presence_spans")
    assert check.main(["--ledger"]) == Exit.NEGATIVE
    assert "not present in their blocks" in capsys.readouterr().out


def test_check_without_a_name_is_the_nodes(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    # a ledger, and no wallet: nothing that stops a node, but something to look at
    assert check.main(["-I", "127.0.0.1", "--json"]) == Health.WARNING
    answer = read_json(capsys)
    assert (answer["ok"], answer["status"], answer["node"]["severity"]) == (False, 1, "warning")
    rows = [finding["row"] for finding in answer["node"]["findings"]]
    assert list(dict.fromkeys(rows)) == list(ROWS)
    assert check.main(["-I", "127.0.0.1"]) == Health.WARNING
    out = capsys.readouterr().out
    assert "warning  wallet        there is no wallet" in out
    assert f"ledger        ends at block {TIP} of round" in out


def test_check_of_several_has_the_worst_status(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (filled.parent.parent / "poswallet.json").write_text("{}", encoding="utf-8")
    assert check.main(["-I", "127.0.0.1", "--node", "--ledger", "--json"]) == Health.ERROR
    answer = read_json(capsys)
    assert (answer["ok"], answer["node"]["ok"], answer["ledger"]["ok"]) == (False, False, True)


def test_a_configuration_that_cannot_be_used_is_told_in_the_table(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "config.txt").write_text("POW_SORCE=node\n", encoding="utf-8")
    assert check.main([]) == Health.ERROR
    out = capsys.readouterr().out
    assert "config.txt:1: POW_SORCE: unknown name, the nearest is POW_SOURCE" in out
    assert "ok       versions" in out
    assert out.count("the configuration cannot be used") == len(ROWS) - 2


def test_check_works_beside_a_running_node(filled: Path, home: Path) -> None:
    with acquire_lock(home / "data" / "lock", "x"), closing(sqlite3.connect(filled)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert check.main(["--chain", "--ledger"]) == Exit.OK
        writer.execute("ROLLBACK")


def test_check_without_a_ledger_and_with_a_bad_configuration(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check.main(["--ledger"]) == Exit.NEGATIVE
    assert "no such file" in capsys.readouterr().err
    (home / "config.txt").write_text("NETWORK=none.json\n", encoding="utf-8")
    assert check.main(["--ledger"]) == ledger.main(["export", "x"]) == Exit.CONFIGURATION
    with pytest.raises(SystemExit) as usage:
        check.main(["--nonsense"])
    # 2 is what errors of a node are told by
    assert usage.value.code == Exit.COMMAND_LINE


def test_companion_that_cannot_be_read_is_said(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    params = replace(NETWORK, name="private", hypernodes=())
    (home / "net.json").write_text(network_to_json(params), encoding="utf-8")
    write_legacy(home / "x.db", NETWORK, BLOCKS)
    assert ledger.main(["import", "x.db"]) == Exit.TEMPORARY
    assert "POW_LEDGER_DB" in capsys.readouterr().err
    assert ledger.main(["import", "x.db", "--without-companion"]) == Exit.OK
    assert "rule 6 was not judged" in capsys.readouterr().out
    assert check.main(["--chain", "--json"]) == Exit.OK
    not_judged = read_json(capsys)["chain"]["not_judged"]
    assert not_judged["6"]["blocks"] == not_judged["M6"]["blocks"] == TIP


# --- repair -----------------------------------------------------------------------------------------


def test_repair_cuts_back_to_the_last_good_block_and_keeps_what_it_cuts(
    filled: Path, home: Path, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spoil(filled, "UPDATE messages SET value = value + 1 WHERE id >> 20 IN (9, 12)")
    assert ledger.main(["repair", "--dry-run"]) == Exit.OK
    assert f"blocks 9 to {TIP} would be cut" in capsys.readouterr().out
    assert ledger.main(["repair", "--json"]) == Exit.OK
    report = read_json(capsys)
    assert (report["cut"], report["height"]) == (TIP - 8, 8)
    kept = [json.loads(line) for line in gzip.decompress(Path(report["kept"]).read_bytes()).splitlines()]
    assert [block["block_hash"] for block in kept] == [block.block_hash.hex() for block in BLOCKS[8:]]
    assert Path(report["kept"]).parent == home / "data"
    assert check.main(["--chain", "--ledger"]) == Exit.OK
    assert ledger.main(["import", str(original)]) == Exit.OK
    assert ledger.main(["repair"]) == Exit.OK
    assert "nothing to repair" in capsys.readouterr().out


def test_repair_to_a_height_by_the_operators_word(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.main(["repair", "--to", "99"]) == Exit.NEGATIVE
    assert "no block 99" in capsys.readouterr().err
    assert ledger.main(["repair", "--to", "5"]) == Exit.OK
    assert "cut back to block 5" in capsys.readouterr().out


@pytest.mark.parametrize("action", [["repair"], ["prune", "--all"], ["import", "x"]])
def test_what_changes_the_ledger_is_refused_while_the_node_runs(
    action: list[str], filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = filled.read_bytes()
    with acquire_lock(home / "data" / "lock", "x"):
        assert ledger.main(action) == Exit.TEMPORARY
    assert "stop it first" in capsys.readouterr().err
    assert filled.read_bytes() == before


@pytest.mark.parametrize(
    "action", [["repair"], ["prune", "--all"], ["export", "x"], ["snapshot", "x.tar.gz"], ["follow", "5a"]]
)
def test_tools_make_no_ledger_where_there_is_none(action: list[str], home: Path) -> None:
    assert ledger.main(action) == Exit.NEGATIVE
    assert not (home / "data" / "ledger.db").exists()


# --- prune and snapshot -----------------------------------------------------------------------------


def test_prune_leaves_a_young_chain_whole(filled: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ledger.main(["prune", "--all"]) == Exit.OK
    assert capsys.readouterr().out == "0 messages dropped; all blocks keep theirs\n"


def test_prune_says_what_it_dropped_and_what_has_to_stay(
    home: Path, original: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    params = replace(NETWORK, name="private", message_age_s=10, keep_rounds=1)
    (home / "net.json").write_text(network_to_json(params), encoding="utf-8")
    # with so short an age most of these messages are too old for their blocks: rule 9 is not what is tested
    assert ledger.main(["import", str(original)]) == Exit.OK
    capsys.readouterr()
    assert ledger.main(["prune", "--below", "3", "--json"]) == Exit.OK
    report = read_json(capsys)
    assert (report["dropped"], report["pruned_below"]) == (sum(b.msg_count for b in BLOCKS[:2]), 3)
    assert ledger.main(["prune", "--below", "999", "--vacuum"]) == Exit.OK
    assert f"those from block {report['limit']} on have to stay" in capsys.readouterr().out
    assert check.main(["--ledger", "--chain"]) == Exit.OK
    assert f"messages of blocks below {report['limit']} are pruned" in capsys.readouterr().out
    assert ledger.main(["export", "out"]) == ledger.main(["snapshot", "s.tar.gz"]) == Exit.NEGATIVE
    assert ledger.main(["repair", "--to", "1"]) == Exit.NEGATIVE
    assert "pruned" in capsys.readouterr().err
    # Nor so near to them that a message could come again; further up it may.
    assert ledger.main(["repair", "--to", str(report["limit"] - 1)]) == Exit.NEGATIVE
    assert "could hold a message again" in capsys.readouterr().err
    assert ledger.main(["repair", "--to", str(TIP - 1)]) == Exit.OK


@pytest.mark.parametrize("flags", [[], ["--legacy"]])
def test_snapshot_is_imported_by_another_node(
    flags: list[str], filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.main(["snapshot", "s.tar.gz", "--json", *flags]) == Exit.OK
    report = read_json(capsys)
    assert 0 < report["height"] < TIP
    assert report["block_hash"] == BLOCKS[report["height"] - 1].block_hash.hex()
    assert not list(home.glob(".snapshot*"))
    shutil.rmtree(home / "data")
    assert ledger.main(["import", "s.tar.gz"]) == Exit.OK
    assert check.main(["--chain", "--ledger"]) == Exit.OK
    assert ledger.main(["snapshot", "none/s.tar.gz"]) == Exit.NEGATIVE


def test_snapshot_that_was_changed_on_the_way_is_refused(
    filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest = {"network": "x", "height": 1, "block_hash": "", "created": 0, "sha256": {CHAIN_NAME: "00"}}
    (home / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    write_archive(
        home / "s.tar.gz", {"manifest.json": home / "manifest.json", CHAIN_NAME: home / "net.json"}, 0
    )
    assert ledger.main(["import", "s.tar.gz"]) == Exit.NEGATIVE
    assert "not the one of its manifest" in capsys.readouterr().err


# --- surroundings -----------------------------------------------------------------------------------


def test_progress_is_a_line_now_and_then_where_there_is_no_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    times = iter([0.0, 1.0, LINE_EVERY_S, LINE_EVERY_S + 1.0])
    with Meter("checking", 100, 200, now=lambda: next(times)) as meter:
        meter.show(110, 10)
        meter.show(150, 5_000)
        meter.show(160, 6_000)
    line = "checking: block 150 of 200, 75 %, 5000 messages, 500/s, 10 s left\n"
    assert capsys.readouterr().err == line


def test_root_script_and_subcommands_are_there() -> None:
    for command in (["hn_check.py"], ["-m", "hypernode", "check"], ["-m", "hypernode", "ledger", "prune"]):
        done = subprocess.run(
            [sys.executable, *command, "--help"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert done.stdout.startswith("usage: ")


# --- follow -------------------------------------------------------------------------------------------


def note_tips(home: Path, *tips: OtherTip) -> None:
    """As a node that runs, or ran, left them."""
    save_tips(FolderFiles(home / "data"), tips)


def read_order(home: Path) -> ForkOverride | None:
    return load_order(FolderFiles(home / "data"))


def test_follow_says_which_chains_there_are_and_what_will_be_cut(
    filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.main(["follow"]) == Exit.OK
    assert "seen no chain" in capsys.readouterr().out
    note_tips(home, OtherTip(90, b"\x5a" * 20, TIP - 3, 1_700_000_000))
    assert ledger.main(["follow"]) == Exit.OK
    out = capsys.readouterr().out
    assert f"ours: block {TIP} {BLOCKS[-1].block_hash.hex()}" in out
    assert f"2023-11-14 22:13:20 UTC: block 90 {'5a' * 20}, in common up to block {TIP - 3}" in out
    # The node may run: nothing but the word is written.
    before = filled.read_bytes()
    with acquire_lock(home / "data" / "lock", "x"):
        assert ledger.main(["follow", "5A5a"]) == Exit.OK
    assert filled.read_bytes() == before
    out = capsys.readouterr().out
    assert f"theirs: block 90 {'5a' * 20}" in out
    assert f"blocks {TIP - 2} to {TIP} of ours are cut" in out
    assert read_order(home) == ForkOverride(90, b"\x5a" * 20)
    assert ledger.main(["follow", "--json"]) == Exit.OK
    assert read_json(capsys)["order"] == {"height": 90, "block_hash": "5a" * 20}
    assert ledger.main(["follow", "--cancel"]) == Exit.OK
    assert ledger.main(["follow", "--cancel"]) == Exit.OK
    assert capsys.readouterr().out == "withdrawn\nthere was no word to withdraw, or it is done\n"
    assert read_order(home) is None


def test_follow_takes_any_block_by_hash_and_height(
    filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ledger.main(["follow", "7b" * 20, "--height", "7", "--json"]) == Exit.OK
    report = read_json(capsys)
    assert (report["ordered"], report["common"]) == (True, None)
    assert read_order(home) == ForkOverride(7, b"\x7b" * 20)
    # What our chain has needs no word.
    ours = BLOCKS[4]
    assert ledger.main(["follow", ours.block_hash.hex(), "--height", str(ours.height)]) == Exit.OK
    assert "nothing to do" in capsys.readouterr().out
    assert read_order(home) == ForkOverride(7, b"\x7b" * 20)


@pytest.mark.parametrize("tip", ["5a", "00", "g", "7b" * 20])
def test_follow_refuses_what_names_no_block_or_several(
    tip: str, filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    note_tips(home, *(OtherTip(90 + n, b"\x5a" + bytes([n]) * 19, 2, 0) for n in range(2)))
    assert ledger.main(["follow", tip]) == Exit.NEGATIVE
    assert "ledger: " in capsys.readouterr().err
    assert read_order(home) is None


def test_follow_says_that_a_word_is_damaged(
    filled: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "data" / ORDER_NAME).write_text("nonsense")
    assert ledger.main(["follow"]) == Exit.NEGATIVE
    assert "follow.json is damaged" in capsys.readouterr().err
