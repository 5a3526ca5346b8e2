"""``python -m hypernode status``: does my node do its duty, and if not, what to do (spec 10, 3).

The node of the run folder is asked; nothing else has to be named.  Exit status: 0 ok, 1 attention or waiting,
2 failing, 3 the node cannot be asked (then what its files and its host say is shown), 64 the command line, 78
configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import shutil
import sys
import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

from hypernode.cli.companion import add_folder_flags, read_flags
from hypernode.cli.exit_codes import Exit, MonitoringParser
from hypernode.cli.status.layout import GAP, Line, Piece, fit, fold, format_label, to_ascii

if TYPE_CHECKING:
    from rich.text import Text

    from hypernode.cli.check.inquiry import Inquiry
    from hypernode.config.settings import Settings
    from hypernode.core.params.chain_params import ChainParams
    from hypernode.health.findings import Finding
    from hypernode.health.node import NodeFacts

LEAST_WATCH_S: Final = 1.0
DEFAULT_WATCH_S: Final = 2.0
PLAIN_WIDTH: Final = 120
"""Where there is no terminal."""
LEAST_WIDTH: Final = 40
ABSENT_CODES: Final = ("no-node", "no-answer")
"""Why nothing could be asked: the first of the problems of equal weight."""
ASK_ALONE_S: Final = 0.7
"""A node that runs answers within this; then its files and its host are looked at, too."""


def main(argv: list[str] | None = None) -> int:
    """Ask and show; returns the exit status."""
    args = _make_parser().parse_args(argv)
    from hypernode.cli.output import need_reader
    from hypernode.config.parameter_table import ConfigError

    if args.watch is not None:
        need_reader()
    try:
        while True:
            status = _show_once(args)
            if args.watch is None:
                return status
            time.sleep(args.watch)
    except ConfigError as error:
        print(f"status: {error}", file=sys.stderr)
        return Exit.CONFIGURATION
    except KeyboardInterrupt:
        return Exit.OK if args.watch is not None else Exit.INTERRUPTED


def _make_parser() -> argparse.ArgumentParser:
    parser = MonitoringParser(
        prog="python -m hypernode status", description="Show whether this node does its duty, and what to do."
    )
    parser.add_argument(
        "--watch",
        nargs="?",
        const=DEFAULT_WATCH_S,
        type=_parse_interval,
        metavar="S",
        help="show it again every S seconds (default 2), until Ctrl-C",
    )
    parser.add_argument("--json", action="store_true", help="the whole answer as one JSON object")
    parser.add_argument("--ascii", action="store_true", help="only characters that every terminal has")
    parser.add_argument("-i", "--index", type=int, help="node of a local devnet: run folder node<INDEX>")
    add_folder_flags(parser)
    return parser


def _parse_interval(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = float("nan")
    if not LEAST_WATCH_S <= seconds <= 3_600:
        raise argparse.ArgumentTypeError(f"expected seconds from {LEAST_WATCH_S:g} to 3600, not {text!a}")
    return seconds


def _show_once(args: argparse.Namespace) -> int:
    from hypernode.app.home import check_home
    from hypernode.app.system_clock import SystemClock
    from hypernode.cli.check.inquiry import Inquiry
    from hypernode.config.paths import get_start_folder
    from hypernode.config.run_file import follow_running
    from hypernode.config.settings import load_settings

    flags = read_flags(args)
    settings, remarks = load_settings(follow_running(flags, get_start_folder()), get_start_folder())
    check_home(settings, flags)
    inquiry = Inquiry(settings, remarks, SystemClock())
    return asyncio.run(_look(args, settings, inquiry))


async def _look(args: argparse.Namespace, settings: Settings, inquiry: Inquiry) -> int:
    from hypernode.cli.check.look_node import look_at_node
    from hypernode.health.node import NodeFacts

    asking = asyncio.ensure_future(inquiry.once(look_at_node))
    await asyncio.wait({asking}, timeout=ASK_ALONE_S)
    if not asking.done():
        # it may hang: its files and its host are looked at meanwhile, so that all is known in five seconds
        looking = asyncio.ensure_future(inquiry.once(_look_at_all))
        await asyncio.wait({asking, looking}, return_when=asyncio.FIRST_COMPLETED)
    try:
        facts = await asking
    except OSError as problem:
        facts = NodeFacts(settings.params, inquiry.now, "", is_running=True, problem=str(problem))
    if facts.answers is None:
        return await _show_files(args, inquiry, facts)
    lines, problems = _compose(settings, facts)
    _print(args, lines, problems, facts.answers.status)
    return _find_exit(facts.answers.status)


def _find_exit(status: object) -> int:
    """By the duty that the node tells; one that tells none needs a look."""
    from hypernode.cli.status.screen import get_duty
    from hypernode.health.duty import Duty

    word = get_duty(status) if isinstance(status, dict) else ""
    return Duty(word).exit_status if word in {duty.value for duty in Duty} else 1


def _compose(settings: Settings, facts: NodeFacts) -> tuple[list[Line], list[tuple[str, str, str]]]:
    from hypernode.cli.status.screen import Answers, list_problems, make_screen
    from hypernode.core.timeline import compute_round_slot, compute_round_start

    params, answers = facts.params, facts.answers
    if answers is None:
        return [], []
    round_, _ = compute_round_slot(params, facts.now)
    left_s = compute_round_start(params, round_ + 1) - facts.now
    shown = Answers(
        answers.address, params.name, answers.status, answers.round, params.slots, left_s, facts.now
    )
    return make_screen(shown), list_problems(answers.status)


async def _show_files(args: argparse.Namespace, inquiry: Inquiry, facts: NodeFacts) -> int:
    """No node answers: what the files and the host say, as ``hn_check`` looks at them."""
    from hypernode.health.findings import Severity

    found = await inquiry.once(_look_at_all)
    sentence = f"the node runs and does not answer: {facts.problem}" if facts.is_running else "no node runs"
    lines = [Line("DUTY", (Piece("FAILING", 9, "bold red"), Piece(sentence, 8, is_prose=True)), "bold red")]
    judged = [finding for findings in found.values() for finding in findings]
    worst_first = sorted(judged, key=lambda finding: (-finding.severity, finding.code not in ABSENT_CODES))
    problems = [_to_row(f) for f in worst_first if f.severity >= Severity.WARNING]
    duty = {"word": "failing", "sentence": sentence, "since": None, "until": None, "ready": False}
    _print(args, lines, problems, {"duty": duty, "findings": [f.to_object() for f in judged]})
    return Exit.NO_CONNECTION


async def _look_at_all(inquiry: Inquiry) -> dict[str, list[Finding]]:
    """Every row of ``hn_check``, once."""
    from hypernode.cli.check.table import look_at_all

    return await look_at_all(inquiry)


def _to_row(finding: Finding) -> tuple[str, str, str]:
    return finding.severity.word, finding.found, finding.remedy


def _print(
    args: argparse.Namespace, lines: Sequence[Line], problems: Sequence[tuple[str, str, str]], whole: object
) -> None:
    if args.json:
        print(json.dumps(whole, separators=(",", ":")), flush=True)
        return
    is_terminal = sys.stdout.isatty()
    width = shutil.get_terminal_size().columns if is_terminal else PLAIN_WIDTH
    texts = render(lines, problems, max(LEAST_WIDTH, width), ascii_only=args.ascii)
    if args.watch is not None and is_terminal:
        print("\x1b[H\x1b[J", end="")
    _write(texts, is_terminal=is_terminal)


def print_status(params: ChainParams, network: str, status: Mapping[str, object]) -> None:
    """The screen of a status that was asked for alone, without the lists of the round."""
    from hypernode.app.system_clock import SystemClock
    from hypernode.cli.status.screen import Answers, list_problems, make_screen
    from hypernode.core.timeline import compute_round_slot, compute_round_start

    now = SystemClock().now()
    round_, _ = compute_round_slot(params, now)
    left_s = compute_round_start(params, round_ + 1) - now
    answers = Answers("", network, status, {}, params.slots, left_s, now)
    width = max(LEAST_WIDTH, shutil.get_terminal_size().columns)
    _write(render(make_screen(answers), list_problems(status), width), is_terminal=True)


def _write(texts: Sequence[Text], *, is_terminal: bool) -> None:
    if not is_terminal:
        print("\n".join(text.plain for text in texts), flush=True)
        return
    from hypernode.cli.output import make_console

    console = make_console()
    for text in texts:
        console.print(text, soft_wrap=True)


def render(
    lines: Sequence[Line], problems: Sequence[tuple[str, str, str]], width: int, *, ascii_only: bool = False
) -> list[Text]:
    """The screen as lines of at most ``width`` characters: each line's pieces, as many as fit, then the
    problems with what to do, folded."""
    from rich.text import Text

    from hypernode.cli.status.screen import STYLES

    show = to_ascii if ascii_only else str
    texts = []
    for line in lines:
        text = Text(show(format_label(line.label)), style="")
        text.stylize(line.style or "bold", 0, len(line.label))
        for number, piece in enumerate(fit(line, width)):
            text.append(GAP if number else "")
            text.append(show(piece.text), style=piece.style)
        text.rstrip()
        texts.append(text)
    if not problems:
        texts.append(Text(f"{format_label('Problems')}none"))
        return texts
    texts.append(Text("Problems", style="bold"))
    for severity, found, remedy in problems:
        for row, line_text in enumerate(fold(show(f"{severity}: {found}"), width, 2)):
            texts.append(Text(line_text, style=STYLES.get(severity, "") if row == 0 else ""))
        for line_text in fold(show(f"  → {remedy}"), width, 4) if remedy else ():
            texts.append(Text(line_text, style="italic"))
    return texts
