"""The screen of ``hypernode status`` (spec 10, 3), from a node's answers: pure, answers in, lines out.

The duty comes first, in words.  What a peer or the node said is escaped; a figure that is missing leaves its
piece out, so that an older node can be shown too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from hypernode.cli.status.layout import Line, Piece
from hypernode.core.printable import printable
from hypernode.health.files import format_bytes
from hypernode.health.status_values import LARGEST, get_text, get_value
from hypernode.health.words import count, format_age
from hypernode.machine.slot_account import Outcome

BAR_CHARS: Final = 19
STYLES: Final[Mapping[str, str]] = {
    "ok": "bold green",
    "attention": "bold yellow",
    "waiting": "bold cyan",
    "failing": "bold red",
    "warning": "yellow",
    "error": "bold red",
}
FIGURES_CHARS: Final = 40
"""Of the figures of a missed slot; more are a sentence."""
SHOWN_CHARS: Final = 9
"""Of an address."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a node said: ``status`` and ``round`` (getround), and where its clock stands in the round:
    ``slots`` with a juror, seconds until the round ends; ``now``: unix s."""

    address: str
    network: str
    status: Mapping[str, object]
    round: Mapping[str, object]
    slots: int
    round_left_s: float
    now: float


def make_screen(answers: Answers) -> list[Line]:
    """All lines but those of the problems."""
    return [
        _make_head(answers),
        make_duty(answers.status),
        _make_round(answers),
        _make_ours(answers),
        _make_day(answers.status),
        _make_chain(answers),
        _make_peers(answers.status),
        _make_companion(answers),
        _make_host(answers.status),
    ]


def get_duty(status: Mapping[str, object]) -> str:
    """The word of the duty; empty where the node tells none."""
    return get_text(status, "duty", "word")


def list_problems(status: Mapping[str, object]) -> list[tuple[str, str, str]]:
    """Severity, what was found, and what to do: warnings and errors, the worst first."""
    findings = get_value(status, "findings")
    shown = [
        (
            get_text(finding, "severity"),
            printable(get_text(finding, "found"), 400),
            printable(get_text(finding, "remedy"), 400),
        )
        for finding in (findings if isinstance(findings, list) else [])
    ]
    order = {"error": 0, "warning": 1}
    return sorted((row for row in shown if row[0] in order), key=lambda row: order[row[0]])


def _make_head(answers: Answers) -> Line:
    version = printable(get_text(answers.status, "instance", "version"))
    at = datetime.fromtimestamp(answers.now, UTC).strftime("%H:%M:%S UTC")
    uptime = _number(answers.status, "extra", "uptime")
    up = f"up {_format_span(uptime)}" if uptime is not None else ""
    pieces = (
        Piece(version, 6),
        Piece(_shorten(answers.address), 8),
        Piece(printable(answers.network), 7),
        Piece(up, 4),
        Piece(at, 3),
    )
    return Line("hypernode", pieces, "bold")


def make_duty(status: Mapping[str, object]) -> Line:
    """The word, and the sentence that stands behind it."""
    word = get_duty(status)
    if not word:
        return Line("DUTY", (Piece("not told: the node is older than this command", 9),), "bold")
    since = _number(status, "duty", "since")
    until = _number(status, "duty", "until")
    age = ""
    now = _number(status, "instance", "statustime")
    if since is not None and now is not None and word != "ok":
        age = f"for {format_age(max(0.0, now - since))}"
    if until is not None and now is not None:
        age += f", until in {format_age(max(0.0, until - now))}"
    sentence = printable(get_text(status, "duty", "sentence"), 400)
    pieces = (
        Piece(word.upper(), 9, STYLES.get(word, "bold")),
        Piece(sentence, 8, is_prose=True),
        Piece(age, 3),
    )
    return Line("DUTY", pieces, STYLES.get(word, "bold"))


def _make_round(answers: Answers) -> Line:
    state = get_value(answers.status, "state")
    round_, sir = _number(state, "round"), _number(state, "sir")
    if round_ is None or sir is None:
        return Line("Round", (Piece("not known", 9),))
    done = min(BAR_CHARS, round(BAR_CHARS * min(sir, answers.slots) / max(1, answers.slots)))
    bar = "█" * done + "░" * (BAR_CHARS - done)
    juror = get_text(state, "forger")
    who = (
        "closing slot" if sir >= answers.slots else f"juror {_shorten(juror)}" if juror else "no juror known"
    )
    pieces = (
        Piece(str(round_), 9, "bold"),
        Piece(bar, 2),
        Piece(f"slot {sir} of {answers.slots}", 8),
        Piece("ours, now" if juror and juror == answers.address else who, 6),
        Piece(f"ends in {format_age(answers.round_left_s)}", 4),
    )
    return Line("Round", pieces)


def _make_ours(answers: Answers) -> Line:
    """Our slots of the round: what became of those that are over, and which are to come."""
    slots = get_value(answers.round, "slots")
    own = [
        sir
        for sir, slot in enumerate(slots if isinstance(slots, list) else [])
        if isinstance(slot, list) and slot[:1] == [answers.address]
    ]
    accounts = {
        _number(account, "sir"): account
        for account in _list(answers.status, "extra", "own_slots")
        if _number(account, "round") == _number(answers.status, "state", "round")
    }
    present = _number(answers.status, "state", "sir") or 0
    pieces = [_show_slot(sir, accounts.get(sir), present) for sir in own]
    if not isinstance(slots, list):
        # the lists of the round were not asked for
        over = sorted(sir for sir in accounts if sir is not None)
        pieces = [_show_slot(int(sir), accounts[sir], present) for sir in over]
        return Line(" ours", tuple(pieces) or (Piece("none is over in this round", 9),))
    return Line(" ours", tuple(pieces) or (Piece("no slot of ours in this round", 9),))


def _show_slot(sir: int, account: object, present: float) -> Piece:
    if account is None:
        if sir < present:
            return Piece(f"{sir} not known", 5)
        return Piece(f"{sir} now" if sir == present else f"{sir} to come", 4)
    outcome = get_text(account, "outcome")
    if outcome == Outcome.FORGED.value:
        return Piece(f"{sir} forged", 6, "green")
    reason, figures = get_text(account, "reason"), printable(get_text(account, "figures"))
    if len(figures) > FIGURES_CHARS:
        figures = ""  # words, not figures: the problems have them
    why = f" {printable(reason)}" + (f" ({figures})" if figures else "") if reason else ""
    return Piece(f"{sir} {outcome.upper()}{why}", 8, "bold red")


def _make_day(status: Mapping[str, object]) -> Line:
    day = get_value(status, "extra", "day")
    if not isinstance(day, Mapping):
        return Line(" 24 h", (Piece("no round is final yet", 9),))
    won, forged, missed = (_number(day, name) for name in ("won", "forged", "missed"))
    tests, passed = _number(day, "tests"), _number(day, "tests_passed")
    score, rank, scored = (_number(day, name) for name in ("score", "rank", "scored"))
    ranked = f", rank {rank:.0f} of {scored:.0f}" if rank is not None and scored is not None else ""
    pieces = (
        Piece(f"won {won:.0f}", 7) if won is not None else Piece(""),
        Piece(f"forged {forged:.0f}", 8) if forged is not None else Piece(""),
        Piece(f"missed {missed:.0f}", 8, "red" if missed else "") if missed is not None else Piece(""),
        Piece(f"tests {tests:.0f} ({passed or 0:.0f} ok)", 5) if tests is not None else Piece(""),
        Piece(f"score {score:.1f}{ranked}", 4) if score is not None else Piece(""),
    )
    return Line(" 24 h", pieces)


def _make_chain(answers: Answers) -> Line:
    status = answers.status
    height = _number(status, "chain", "height")
    consensus = get_value(status, "state", "consensus")
    percent, agree, counted = (_number(consensus, name) for name in ("percent", "agree", "counted"))
    chains = len(_list(status, "extra", "chains"))
    tip = next((f for f in _list(status, "findings") if get_text(f, "code") in ("tip", "net-silent")), None)
    age = _number(tip, "value")
    pieces = (
        Piece(f"{height:,.0f}" if height is not None else "no block", 9),
        Piece(get_text(status, "chain", "block_hash")[:8], 1),
        Piece(f"{percent:.0f} % agree ({agree or 0:.0f} of {counted or 0:.0f})", 7)
        if percent is not None
        else Piece(""),
        Piece(f"{count(chains, 'chain')} in sight", 4, "yellow" if chains > 1 else "")
        if chains
        else Piece(""),
        Piece(f"{format_age(age)} ago", 6) if age is not None else Piece(""),
    )
    return Line("Chain", pieces)


def _make_peers(status: Mapping[str, object]) -> Line:
    out, into = len(_list(status, "peers", "outbound")), len(_list(status, "peers", "inbound"))
    oldest, offset = _number(status, "peers", "oldest_word"), _number(status, "extra", "clock_offset")
    counts = get_value(status, "mempool")
    messages = _number(counts, "total") if isinstance(counts, Mapping) else None
    pieces = (
        Piece(f"out {out}, in {into}", 9),
        Piece(f"oldest word {oldest:.0f} s", 4) if oldest is not None else Piece(""),
        Piece(f"clock {offset:+.2f} s", 5) if offset is not None else Piece(""),
        Piece(f"mempool {messages:.0f}", 2) if messages is not None else Piece(""),
    )
    return Line("Peers", pieces)


def _make_companion(answers: Answers) -> Line:
    companion = get_value(answers.status, "pow")
    if not isinstance(companion, Mapping):
        return Line("Companion", (Piece("not looked at yet", 9),))
    problem = printable(get_text(companion, "problem"), 200)
    height, timestamp = _number(companion, "height"), _number(companion, "timestamp")
    age = f"{format_age(max(0.0, answers.now - timestamp))} old" if timestamp else ""
    pieces = (
        Piece(problem or "in sync", 9, "bold red" if problem else ""),
        Piece(f"{height:,.0f}" if height else "", 5),
        Piece(age, 6),
    )
    return Line("Companion", pieces)


def _make_host(status: Mapping[str, object]) -> Line:
    free, memory = _number(status, "extra", "disk", "free"), _number(status, "extra", "memory")
    files, most = _number(status, "extra", "num_fd"), _number(status, "extra", "max_fd")
    lag = _number(status, "extra", "loop_lag_ms")
    limit = f" of {most:,.0f}" if most is not None else ""
    pieces = (
        Piece(f"disk {format_bytes(free)} free", 9) if free is not None else Piece(""),
        Piece(f"memory {format_bytes(memory)}", 6) if memory is not None else Piece(""),
        Piece(f"files {files:,.0f}{limit}", 4) if files is not None else Piece(""),
        Piece(f"loop {lag:.0f} ms", 3) if lag is not None else Piece(""),
    )
    return Line("Host", pieces if any(piece.text for piece in pieces) else (Piece("not told", 9),))


def _format_span(seconds: float) -> str:
    """``3d 4h``, ``4h 12m``, ``12m``."""
    minutes = int(seconds // 60)
    days, hours = minutes // 1_440, minutes // 60 % 24
    if days:
        return f"{days}d {hours}h"
    return f"{hours}h {minutes % 60}m" if hours else f"{minutes}m"


def _shorten(address: str) -> str:
    shown = printable(address)
    return shown if len(shown) <= SHOWN_CHARS else f"{shown[: SHOWN_CHARS - 1]}…"


def _list(value: object, *names: str) -> Sequence[object]:
    found = get_value(value, *names)
    return found if isinstance(found, list) else []


def _number(value: object, *names: str) -> int | float | None:
    found = get_value(value, *names)
    if not isinstance(found, int | float) or isinstance(found, bool):
        return None
    return found if abs(found) <= LARGEST else None
