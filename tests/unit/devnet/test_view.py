"""What a devnet prints."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from hypernode.core.params.networks import devnet
from hypernode.core.timeline import compute_slot_start
from hypernode.devnet.display import Display, Form
from hypernode.devnet.observer import NodeReport, read_jurors, read_status
from hypernode.devnet.verdict import DevnetResult
from hypernode.devnet.view import NodeRow, format_json, format_line, format_verdict, make_screen, read_clock

NETWORK = devnet(1_700_000_000, 6, "c" * 56, "b" * 34)
REPORT = NodeReport("SYNCING", "", 4, 2, 31, "ab" * 20, 4, 12, 7)
ROWS = [
    NodeRow("node1", "address1", "127.0.9.1", REPORT),
    NodeRow("node2", "address2", "127.0.9.2", note="ended by SIGKILL"),
]
IN_SLOT = compute_slot_start(NETWORK, 4, 2) + 3.0
STATUS: dict[str, Any] = {
    "chain": {"height": 31, "block_hash": "ab" * 20},
    "state": {"state": "SYNCING", "round": 4, "sir": 2, "reason": ""},
    "peers": {"connected_count": 4},
    "mempool": {"NB": 12},
    "extra": {"forged_count": 7},
}


def render(now: float, rows: list[NodeRow], juror: str, width: int = 120) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(make_screen(read_clock(NETWORK, now), rows, juror, "footer", width))
    return capture.get()


def make_display(form: Form) -> tuple[Display, io.StringIO]:
    out = io.StringIO()
    console = Console(file=out, width=120, force_terminal=form == "table")
    return Display(console, form, NETWORK, "the header", {"port": 1}), out


def test_report_is_read_out_of_a_status() -> None:
    assert read_status(json.dumps(STATUS)) == REPORT


def test_who_does_not_count_is_shown_and_why() -> None:
    meta = {"uncounted_hns_count": 41, "uncounted_why": {"no collateral at registration": 40, "moved": 1}}
    state = {**STATUS["state"], "uncounted": "collateral moved on"}
    report = read_status(json.dumps({**STATUS, "state": state, "meta": meta}))
    rows = [replace(ROWS[0], report=report), ROWS[1]]
    words = "41 registered do not count: 40 no collateral at registration, 1 moved"
    assert words in render(IN_SLOT, rows, "")
    assert "SYNCING (collateral moved on)" in render(IN_SLOT, rows, "")
    assert format_line(read_clock(NETWORK, IN_SLOT), rows).endswith(words)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"state": 1}', json.dumps({**STATUS, "chain": None})])
def test_what_is_no_status_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        read_status(text)


def test_jurors_are_read_out_of_a_round() -> None:
    assert read_jurors('{"previous": 3, "slots": [["a", 1], ["b", 0]]}') == (3, ("a", "b"))


@pytest.mark.parametrize("text", ["{}", '{"previous": null, "slots": []}', '{"previous": 1, "slots": [[]]}'])
def test_what_is_no_round_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no round"):
        read_jurors(text)


@pytest.mark.parametrize(("state", "has_started"), [("START", False), ("", False), ("SYNCING", True)])
def test_node_has_started_when_it_left_start(state: str, has_started: bool) -> None:
    assert NodeReport(state=state).has_started == has_started


def test_screen_shows_clock_and_nodes() -> None:
    text = render(IN_SLOT, ROWS, "address1")
    for part in ("round 4", "slot 2 of 20", "juror node1", "next in 105 s", "SYNCING", "abababababab", "31"):
        assert part in text
    assert "node1 ◂" in text
    assert "ended by SIGKILL" in text
    assert "footer" in text


def test_screen_shows_the_closing_slot() -> None:
    assert "no juror" in render(compute_slot_start(NETWORK, 4, 19) + 1.0, ROWS, "")


def test_plain_line_says_where_everybody_is() -> None:
    line = format_line(read_clock(NETWORK, IN_SLOT), ROWS)
    assert line.startswith("round 4 slot 2: 1 chain, node1=SYNCING:31:abababab:4p")
    assert "node2=(ended by SIGKILL)" in line
    assert "\n" not in line


def test_line_for_programs_is_json() -> None:
    parsed = json.loads(format_json(read_clock(NETWORK, IN_SLOT), ROWS))
    assert parsed["nodes"]["node1"]["status"]["height"] == 31
    assert parsed["nodes"]["node2"] == {
        "ip": "127.0.9.2",
        "address": "address2",
        "note": "ended by SIGKILL",
        "status": None,
    }


def test_verdict_says_what_was_wrong_and_who_was_killed() -> None:
    good = DevnetResult((), 19, 18, ((1, 3),), ("node2",))
    assert format_verdict(good, as_json=False).splitlines() == [
        "good: all nodes are on one chain, a block in 18 of 19 slots",
        "  killed and not started again: node2",
    ]
    bad = DevnetResult(("two chains",), 19, 18, (), ())
    assert "  two chains" in format_verdict(bad, as_json=False)
    parsed = json.loads(format_verdict(bad, as_json=True))
    assert (parsed["good"], parsed["problems"], parsed["slots"]) == (False, ["two chains"], 19)


def test_display_without_a_terminal_prints_a_line_at_the_end_of_each_slot() -> None:
    display, out = make_display("lines")
    display.show_start({}, 0)
    with display.live() as draw:
        for offset in range(10):
            draw(IN_SLOT + offset, ROWS, "")
    lines = out.getvalue().splitlines()
    assert lines[0] == "the header"
    assert [line.split(":")[0] for line in lines[1:]] == ["round 4 slot 2", "round 4 slot 3"]


def test_display_for_programs_prints_json_only() -> None:
    display, out = make_display("json")
    display.show_start({"node1": 77}, 78)
    display.say("something")
    with display.live() as draw:
        draw(IN_SLOT, ROWS, "")
        draw(IN_SLOT + 6, ROWS, "")
    events = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [event["event"] for event in events] == ["start", "note", "slot"]
    assert events[0] == {"event": "start", "port": 1, "pids": {"node1": 77}, "companion": 78}


def test_display_on_a_terminal_draws_the_table() -> None:
    display, out = make_display("table")
    with display.live() as draw:
        draw(IN_SLOT, ROWS, "address1")
        display.say("something")
    assert "SYNCING" in out.getvalue()
    assert "something" in out.getvalue()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_narrow_terminal_keeps_names_juror_mark_and_states_whole(width: int) -> None:
    long_state = replace(REPORT, state="CATCHING_UP_PRESYNC")
    rows = [replace(ROWS[0], report=long_state), ROWS[1]]
    shown = render(IN_SLOT, rows, rows[0].address, width)
    table = shown.splitlines()[2:]
    assert any(f"{rows[0].name} ◂" in line and "CATCHING_UP_PRESYNC" in line for line in table)
    assert all(len(line) <= width for line in table)
    assert ("mempool" in shown) == (width == 120)
    assert "height" in shown
