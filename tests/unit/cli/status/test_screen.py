"""The status screen in terminals of each width: the duty first, nothing too wide, and nothing that lies."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.cli.status.command import render
from hypernode.cli.status.screen import Answers, list_problems, make_screen

OWN = "BH3B1YPW1234567890"
STATUS: dict[str, Any] = {
    "duty": {
        "word": "ok",
        "sentence": "registered, weight 2, counted; our next slot: 14, in 21 min",
        "since": 100,
        "until": None,
    },
    "findings": [{"code": "tip", "severity": "ok", "found": "x", "remedy": "", "value": 72.0}],
    "instance": {"version": "0.2.0", "statustime": 1_000},
    "chain": {"height": 1_371_004, "block_hash": "0a0ceb4f" * 5},
    "state": {
        "round": 72_612,
        "sir": 10,
        "forger": "B7xkother",
        "consensus": {"percent": 82, "agree": 97, "counted": 118},
    },
    "peers": {"outbound": ["a"] * 38, "inbound": ["b"] * 22, "oldest_word": 12.2},
    "mempool": {"total": 31},
    "pow": {"problem": "", "height": 4_301_233, "timestamp": 959.0},
    "extra": {
        "uptime": 3 * 86_400 + 4 * 3_600,
        "clock_offset": 0.031,
        "chains": [{}],
        "disk": {"free": 81_000_000_000},
        "memory": 61_000_000,
        "num_fd": 32,
        "loop_lag_ms": 3,
        "own_slots": [
            {"round": 72_612, "sir": 3, "outcome": "forged"},
            {
                "round": 72_612,
                "sir": 9,
                "outcome": "missed",
                "reason": "no-consensus",
                "figures": "8 %, over 18 needed",
            },
        ],
        "day": {
            "won": 10,
            "forged": 9,
            "missed": 1,
            "tests": 288,
            "tests_passed": 285,
            "score": 4.7,
            "rank": 31,
            "scored": 118,
        },
    },
}
ROUND = {"slots": [[OWN, n] if n in (3, 9, 14) else ["Bother", n] for n in range(19)]}


def show(status: dict[str, Any], width: int, *, ascii_only: bool = False) -> list[str]:
    answers = Answers(OWN, "mainnet", status, ROUND, 19, 1_740.0, 1_000.0)
    texts = render(make_screen(answers), list_problems(status), width, ascii_only=ascii_only)
    return [text.plain for text in texts]


def test_a_healthy_node_at_eighty_columns() -> None:
    assert show(STATUS, 80) == [
        "hypernode  0.2.0  BH3B1YPW…  mainnet  up 3d 4h  00:16:40 UTC",
        "DUTY       OK  registered, weight 2, counted; our next slot: 14, in 21 min",
        "Round      72612  slot 10 of 19  juror B7xkother  ends in 29 min",
        " ours      3 forged  9 MISSED no-consensus (8 %, over 18 needed)  14 to come",
        " 24 h      won 10  forged 9  missed 1  tests 288 (285 ok)",
        "Chain      1,371,004  82 % agree (97 of 118)  1 chain in sight  72 s ago",
        "Peers      out 38, in 22  oldest word 12 s  clock +0.03 s  mempool 31",
        "Companion  in sync  4,301,233  41 s old",
        "Host       disk 81.0 GB free  memory 61.0 MB  files 32  loop 3 ms",
        "Problems   none",
    ]


@pytest.mark.parametrize("width", [40, 60, 80, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_line_is_wider_than_the_terminal_and_no_name_goes(width: int, ascii_only: bool) -> None:
    failing = {
        **STATUS,
        "duty": {"word": "failing", "sentence": "the companion is late " * 9, "since": 1, "until": None},
        "findings": [
            {"severity": "error", "found": "the companion is late " * 9, "remedy": "Bring it in order " * 9}
        ],
    }
    lines = show(failing, width, ascii_only=ascii_only)
    assert max(map(len, lines)) <= width
    for label in ("hypernode", "DUTY", "Round", " ours", " 24 h", "Chain", "Peers", "Companion", "Host"):
        assert any(line.startswith(label) for line in lines), label
    assert lines[1].startswith("DUTY       FAILING  the ")
    if ascii_only:
        assert all(line.isascii() for line in lines)


def test_the_least_important_goes_first() -> None:
    lines = show(STATUS, 50)
    assert lines[0] == "hypernode  0.2.0  BH3B1YPW…  mainnet  up 3d 4h"
    chain = next(line for line in lines if line.startswith("Chain"))
    assert "0a0ceb4f" not in chain
    assert "82 %" in chain
    assert "1,371,004" in chain


def test_problems_come_worst_first_with_what_to_do() -> None:
    status = {
        **STATUS,
        "findings": [
            {"severity": "warning", "found": "little room", "remedy": "Make room"},
            {"severity": "note", "found": "not shown", "remedy": ""},
            {"severity": "error", "found": "not registered", "remedy": "Register"},
        ],
    }
    assert show(status, 80)[-5:] == [
        "Problems",
        "error: not registered",
        "  → Register",
        "warning: little room",
        "  → Make room",
    ]


def test_a_node_that_is_older_or_says_nothing_is_shown_as_far_as_it_goes() -> None:
    lines = show({}, 80)
    assert lines[1] == "DUTY       not told: the node is older than this command"
    assert lines[2] == "Round      not known"
    assert lines[-1] == "Problems   none"


def test_what_strangers_wrote_is_escaped() -> None:
    status = {**STATUS, "state": {**STATUS["state"], "forger": "\x1b[31mB\n"}}
    assert all(line.isprintable() for line in show(status, 120))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(STATUS)), JSON, st.integers(40, 130))
def test_whatever_a_node_answers_it_is_shown(key: str, value: object, width: int) -> None:
    assert all(len(line) <= width for line in show({**STATUS, key: value}, width))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(STATUS["extra"])), JSON)
def test_whatever_a_figure_is_it_is_shown_or_left_out(key: str, value: object) -> None:
    assert show({**STATUS, "extra": {**STATUS["extra"], key: value}}, 80)


def test_a_status_asked_for_alone_shows_what_is_over_and_no_more() -> None:
    answers = Answers("", "mainnet", STATUS, {}, 19, 1_740.0, 1_000.0)
    lines = [text.plain for text in render(make_screen(answers), [], 80)]
    assert lines[3] == " ours      3 forged  9 MISSED no-consensus (8 %, over 18 needed)"
    assert lines[1].startswith("DUTY       OK  registered")
