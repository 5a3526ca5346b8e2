"""The registration helper over real ledger files: what it prints is what the list takes."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypernode.cli import register
from hypernode.cli.companion import load_tool_settings, open_companion
from hypernode.core.registrations.registry import REGISTER, UNREGISTER
from hypernode.wallet.pos_wallet import create_wallet
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    POW_GENESIS,
    blocks,
    collateral,
    funding,
    pos,
    registering,
    row,
    time_of,
    write,
)

A, B, C = (collateral(n) for n in (1, 2, 3))
LAST = FIRST + 60
NOW = time_of(LAST) + 30
IP = "93.184.216.34"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rows = [funding(FIRST, 1), funding(FIRST, 2, 25_000), funding(FIRST, 3, 9_000), registering(FIRST + 1, 1)]
    write(tmp_path / "ledger.db", [POW_GENESIS, *blocks(FIRST, LAST, rows)])
    (tmp_path / "config.txt").write_text("POW_LEDGER_DB=ledger.db\nPORT=7001\n")
    return tmp_path


def run(folder: Path, *arguments: str, now: float = NOW) -> int:
    args = register._make_parser().parse_args(["--home", str(folder), *arguments])
    settings = load_tool_settings(args)
    companion = None if args.offline else open_companion(settings)
    return register.help_to_register(args, settings, companion, now)


def read(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    answer: dict[str, Any] = json.loads(out)
    return answer


def list_errors(answer: dict[str, Any]) -> list[str]:
    return [finding["rule"] for finding in answer["findings"] if finding["level"] == "error"]


def test_what_to_send_is_printed_with_its_url(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "-P", B, "-I", IP, "-p", "6969", "--pos", pos(9), "--json") == 0
    answer = read(capsys)
    assert (answer["operation"], answer["openfield"]) == (REGISTER, f"{IP}:6969:{pos(9)}")
    assert (answer["recipient"], answer["amount"]) == (B, "0")
    url: str = answer["url"]
    _, _, command, recipient, amount, operation, openfield, checksum = url.split("/")
    assert (command, recipient, amount) == ("pay", B, "0")
    assert base64.b85decode(operation) == REGISTER.encode()
    assert base64.b85decode(openfield).decode() == answer["openfield"]
    assert base64.b85decode(checksum) == hashlib.md5(url[: -len(checksum)].encode()).digest()


def test_it_says_when_it_will_count(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "-P", B, "-I", IP, "--pos", pos(9), "--json") == 0
    first, second, _ = read(capsys)["counts_from"]
    assert NOW < first["reference"] <= NOW + 3_600
    assert first["start"] == first["reference"] + 3_600 == second["reference"]
    assert run(folder, "-P", B, "-I", IP, "--pos", pos(9)) == 0
    out = capsys.readouterr().out
    minutes = int(first["reference"] - NOW) // 60
    assert f"(in {minutes} min): round {first['round']}, which begins " in out


def test_port_address_and_ip_come_from_the_configuration(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = folder / "poswallet.json"
    wallet = create_wallet(path, NETWORK.address_byte, token=lambda size: b"\x07" * size, created=0)
    (folder / "config.txt").write_text(f"POW_LEDGER_DB=ledger.db\nPORT=7001\nOUT_IP={IP}\n")
    assert run(folder, "-P", B, "--json", "--reward", A) == 0
    assert read(capsys)["openfield"] == f"{IP}:7001:{wallet.address},reward={A}"


@pytest.mark.parametrize(
    ("arguments", "errors"),
    [
        (["-P", B, "-I", "10.0.0.1", "--pos", pos(9)], ["rule 4"]),
        (["-P", B, "-I", IP, "--pos", pos(1)], ["rule 5"]),
        (["-P", A, "-I", IP, "--pos", pos(9)], ["rule 6"]),
        (["-P", C, "-I", IP, "--pos", pos(9)], ["rule 7"]),
        (["-P", "nobody", "-I", IP, "--pos", pos(9)], ["rule 2", "rule 7"]),
        (["-P", B, "-I", "example.org", "--pos", pos(9)], ["rule 1"]),
        (["-P", B, "-I", IP, "--pos", "B123"], ["rule 3"]),
        (["-P", B, "-I", IP, "--pos", pos(9), "-p", "65536"], ["port"]),
        (["-P", B, "-I", IP, "--pos", pos(9), "-p", "69x"], ["port"]),
    ],
)
def test_with_an_error_nothing_to_send_is_printed(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], errors: list[str]
) -> None:
    assert run(folder, *arguments, "--json") == 1
    answer = read(capsys)
    assert list_errors(answer) == errors
    assert set(answer) == {"ok", "offline", "findings"}
    assert run(folder, *arguments) == 1
    out = capsys.readouterr().out
    assert "bis://" not in out
    assert "Nothing to send" in out


def test_unregistering_takes_what_is_registered(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(folder, "--unregister", "-P", A, "--reason", "new host", "--json") == 0
    answer = read(capsys)
    assert answer["operation"] == UNREGISTER
    assert answer["openfield"] == f"10.0.0.1:6969:{pos(1)},reason=new host"


def test_the_control_address_unregisters_by_ip(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    control = ["--unregister", "-P", NETWORK.control_pow, "--json"]
    assert run(folder, *control, "-I", "10.0.0.1", "--reason", "gone") == 0
    answer = read(capsys)
    assert answer["recipient"] == NETWORK.control_pow
    assert answer["openfield"] == f"10.0.0.1:6969:{pos(1)},reason=gone"
    # of an ip that nobody has
    assert run(folder, *control, "-I", IP, "--pos", pos(1)) == 1
    assert list_errors(read(capsys)) == ["unregister 3"]


@pytest.mark.parametrize(
    ("arguments", "errors"),
    [(["-P", B, "-I", IP, "--pos", pos(9)], ["unregister 2"]), (["-P", A, "-p", "1"], ["unregister 1"])],
)
def test_only_the_own_registration_can_be_unregistered(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], errors: list[str]
) -> None:
    assert run(folder, "--unregister", *arguments, "--json") == 1
    assert list_errors(read(capsys)) == errors


def test_a_bad_port_is_not_printed_even_where_it_is_registered(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [row(LAST + 1, B, B, 0, REGISTER, f"10.0.0.2:port:{pos(2)}")]
    write(folder / "ledger.db", blocks(LAST + 1, LAST + 1, rows))
    assert run(folder, "--unregister", "-P", B) == 1
    assert "bis://" not in capsys.readouterr().out


def test_offline_only_the_texts_are_checked_and_that_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "ledger.db").unlink()
    assert run(folder, "--offline", "-P", A, "-I", "10.0.0.1", "--pos", pos(1)) == 0
    out = capsys.readouterr().out
    assert "warning  offline" in out
    assert "bis://pay/" in out
    assert run(folder, "--offline", "-P", A, "-I", "no", "--pos", pos(1)) == 1


def test_a_companion_that_is_late_or_away_is_temporary(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--home", str(folder), "-P", B, "-I", IP, "--pos", pos(9)]
    # by the real clock the ledger is years old
    assert register.main(arguments) == 75
    assert "--offline" in capsys.readouterr().err
    assert register.main([*arguments, "--pow-ledger", str(folder / "none.db")]) == 75
    assert register.main([*arguments, "--network", "nonet"]) == 78


def test_without_a_wallet_the_address_must_be_given(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert register.main(["--home", str(folder), "--offline", "-P", B, "-I", IP]) == 78
    assert "poswallet.json" in capsys.readouterr().err


def test_a_network_without_a_pow_chain_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from hypernode.core.params.chain_params import FixedHypernode
    from hypernode.core.params.network_file import network_to_json

    fixed = replace(NETWORK, name="private", hypernodes=(FixedHypernode(pos(1), "10.0.0.1", 6969),))
    (folder / "network.json").write_text(network_to_json(fixed))
    arguments = ["--home", str(folder), "-P", B, "-I", IP, "--pos", pos(9)]
    assert register.main([*arguments, "--network", str(folder / "network.json")]) == 78
    assert "fixed list" in capsys.readouterr().err
