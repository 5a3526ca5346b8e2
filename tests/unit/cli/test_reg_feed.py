"""The registration feed over real ledger files, and what it makes of events."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from hypernode.cli import reg_feed
from hypernode.cli.companion import Companion
from hypernode.core.registrations.registry import REGISTER, UNREGISTER
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.node.chain.registration_feed import count_equal, replay
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.source import LedgerPowSource
from tests.unit.pow.ledgers import (
    FIRST,
    FUNDER,
    NETWORK,
    POW_GENESIS,
    blocks,
    collateral,
    funding,
    pos,
    registering,
    roll_back_to,
    row,
    text_of,
    time_of,
    write,
)

A, B, C = (collateral(n) for n in (1, 2, 3))
LAST = FIRST + 200
ROWS = [
    *(funding(FIRST, n, 10_000 * n + 100) for n in (1, 2, 3)),
    registering(FIRST + 1, 1),
    registering(FIRST + 1, 2),
    # its ip is taken
    row(FIRST + 2, C, C, 0, REGISTER, f"10.0.0.1:6969:{pos(3)}"),
    row(FIRST + 3, C, C, 0, REGISTER, f"10.0.0.9:6969:{pos(3)},reward"),
    row(FIRST + 4, B, FUNDER, 15_000),
    row(FIRST + 5, NETWORK.control_pow, NETWORK.control_pow, 0, UNREGISTER, text_of(1) + ",reason=gone"),
    registering(LAST - 5, 3),
]


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    path = tmp_path / "ledger.db"
    write(path, [POW_GENESIS, *blocks(FIRST, LAST, ROWS)])
    return path


def run(ledger: Path, *arguments: str) -> int:
    return reg_feed.main(["--pow-ledger", str(ledger), "--home", str(ledger.parent), *arguments])


def read(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    answer: dict[str, Any] = json.loads(out)
    return answer


def test_all_events_with_ok_or_why_not(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ledger, "-f", "--json") == 0
    answer = read(capsys)
    assert answer["pow_height"] == LAST
    assert answer["registered"] == 2
    assert [(e["height"] - FIRST, e["ok"], e["rule"], e["weight"]) for e in answer["events"]] == [
        (1, True, "", 1),
        (1, True, "", 2),
        (2, False, "rule 4", None),
        (3, False, "5-pow openfield", None),
        (5, True, "", None),
        (195, True, "", 3),
    ]
    assert answer["events"][2]["reason"] == "the ip 10.0.0.1 is registered already"


def test_as_text_each_event_says_what_became_of_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ledger, "-f") == 0
    out = capsys.readouterr().out
    assert "Ko (rule 4): the ip 10.0.0.1 is registered already" in out
    assert "Ok: registered, weight 2" in out
    assert "Ok: unregistered by the control address: 'gone'" in out
    assert f"2 hypernodes are registered at PoW block {LAST}, the last one" in out


def test_who_is_registered_and_does_not_count_is_named_with_the_reason(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = [row(LAST + 1, B, FUNDER, 5_000)]
    write(ledger, blocks(LAST + 1, LAST + 2, more))
    assert run(ledger, "-f", "--json") == 0
    answer = read(capsys)
    # 2 registered 20,100 and sent 15,000 and 5,000 of them on
    assert (answer["registered"], answer["counted"]) == (2, 1)
    assert answer["uncounted"] == [
        {
            "address": B,
            "ip": "10.0.0.2",
            "pos": pos(2),
            "registered_weight": 2,
            "reason": "collateral moved on",
        }
    ]
    assert run(ledger, "-f") == 0
    out = capsys.readouterr().out
    assert "2 hypernodes are registered" in out
    assert "1 of them count" in out
    assert "collateral moved on" in out


def test_a_fresh_registration_is_told_to_count_later(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = row(LAST + 1, A, A, 0, REGISTER, "10.0.0.99:6969:x")
    write(ledger, blocks(LAST + 1, LAST + 1, [bad]))
    round_ = compute_round_slot(NETWORK, time_of(FIRST + 195))[0]
    assert run(ledger, "-r", str(round_), "-I", "10.0.0.3") == 1
    hint = capsys.readouterr().err
    assert f"in PoW block {FIRST + 195}, there is a 'hypernode:register'" in hint
    assert f"it counts from round {round_ + 2} on" in hint
    assert run(ledger, "-r", str(round_), "-I", "10.0.0.99") == 1
    assert "void: 'the PoS address does not begin" in capsys.readouterr().err
    assert run(ledger, "-r", str(round_), "-I", "10.0.0.98") == 1
    assert capsys.readouterr().err == ""


def test_by_ip_only_those_that_name_it(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(ledger, "-f", "--json", "-I", "10.0.0.9") == 0
    assert [e["rule"] for e in read(capsys)["events"]] == ["5-pow openfield"]
    assert run(ledger, "-f", "--json", "-I", "10.0.0.77") == 1
    assert read(capsys)["events"] == []


def test_by_address_also_what_others_did_to_its_registration(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ledger, "-f", "--json", "-P", A) == 0
    assert [(e["address"], e["operation"]) for e in read(capsys)["events"]] == [
        (A, REGISTER),
        (NETWORK.control_pow, UNREGISTER),
    ]


def test_up_to_a_round_only_what_counts_for_its_list(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    present, _ = compute_round_slot(NETWORK, time_of(FIRST + 100) + 7_200)
    assert run(ledger, "--json", "-r", str(present)) == 0
    answer = read(capsys)
    assert answer["pow_height"] < LAST - 5
    assert answer["registered"] == 1
    assert answer["until"] == f"the reference of round {present}"


def test_without_a_round_it_is_the_present_one(ledger: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def show(*arguments: str) -> None:
        args = reg_feed._make_parser().parse_args(arguments)
        companion = Companion(NETWORK, LedgerPowSource(ledger, NETWORK, inline=True), LedgerFile(ledger))
        now = time_of(FIRST + 150)
        assert asyncio.run(reg_feed.show_feed(args, companion, lambda: now)) == 0

    present, _ = compute_round_slot(NETWORK, time_of(FIRST + 150))
    for arguments in (("--json",), ("--json", "-r", "0"), ("--json", "-r", str(present))):
        show(*arguments)
        answer = read(capsys)
        assert answer["until"] == f"the reference of round {present}"
        assert time_of(answer["pow_height"]) <= compute_reference_time(NETWORK, present)


def test_balances_that_are_below_the_weight_are_shown(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ledger, "-f", "-b", "--json") == 0
    assert [
        (c["address"], c["registered_weight"], c["weight"], c["ok"]) for c in read(capsys)["balances"]
    ] == [
        (B, 2, 0, False),
        (C, 3, 3, True),
    ]
    assert run(ledger, "-f", "-b") == 0
    assert "below its weight" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["-r", "999999"], ["-r", "5"]])
def test_a_round_that_the_companion_cannot_answer_for_is_temporary(
    ledger: Path, arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(ledger, *arguments) == 75
    assert "hn_reg_feed: " in capsys.readouterr().err


def test_no_ledger_is_temporary_and_a_bad_network_configuration(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "none.db", "-f") == 75
    assert run(tmp_path / "none.db", "--network", "nonet") == 78
    assert "no such file" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [
        *(["-r", "x"], ["-I", "1.2.3.4", "-P", A], ["-f", "-r", "3"]),
        *(["-I", ""], ["-I", "foo"], ["-I", "2001:db8::1"], ["-P", ""], ["-P", "foo"], ["--home", ""]),
    ],
)
def test_what_makes_no_sense_is_a_usage_error(ledger: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(ledger, *arguments)
    assert stop.value.code == 2


class Stopped(Exception):
    pass


def test_following_prints_what_comes_and_tells_of_rollbacks(
    ledger: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def grow() -> None:
        own = collateral(4)
        rows = [funding(LAST + 1, 4), row(LAST + 2, own, own, 0, REGISTER, text_of(4))]
        write(ledger, blocks(LAST + 1, LAST + 3, rows))

    def shrink() -> None:
        roll_back_to(ledger, LAST - 10)
        write(ledger, blocks(LAST - 9, LAST + 4, fork=1))

    steps = [grow, lambda: None, shrink]

    async def sleep(seconds: float) -> None:
        assert seconds == NETWORK.pow_block_s
        if not steps:
            raise Stopped
        steps.pop(0)()

    args = reg_feed._make_parser().parse_args(["--follow", "--json"])
    companion = Companion(NETWORK, LedgerPowSource(ledger, NETWORK, inline=True), LedgerFile(ledger))
    with pytest.raises(Stopped):
        asyncio.run(reg_feed.show_feed(args, companion, lambda: time_of(LAST), sleep))
    captured = capsys.readouterr()
    heights = [json.loads(line)["height"] - FIRST for line in captured.out.splitlines()]
    assert heights == [1, 1, 2, 3, 5, 195, 202]
    assert captured.err == "hn_reg_feed: 2 events were rolled back\n"


def test_the_list_follows_from_the_events(ledger: Path) -> None:
    async def scenario() -> None:
        source = LedgerPowSource(ledger, NETWORK, inline=True)
        events = await source.get_feed(LAST)
        assert [(e.collateral, e.weight) for e in replay(NETWORK, events).entries] == [(B, 2), (C, 3)]
        assert count_equal(events, events) == len(events)
        assert count_equal(events, events[:2]) == 2
        assert count_equal([events[0], events[2]], events) == 1
        await source.close()

    asyncio.run(scenario())
