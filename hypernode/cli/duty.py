"""``python -m hypernode duty``: what became of our slots, round by round, or the week so far (spec 10, 2).

Read from our own ledger, beside a running node or without one.  Exit status: 0 shown, 1 no such rounds yet,
75 it cannot be read for now, 78 configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from hypernode.cli.companion import add_folder_flags, load_tool_settings
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.config.settings import Settings
    from hypernode.health.duty_log import RoundSummary, SlotRecord

DEFAULT_ROUNDS: Final = 24
MAX_ROUNDS: Final = 18_600
"""What is kept: 25 months."""


@dataclass(frozen=True, slots=True)
class DutyReport:
    """Rounds ``first`` to ``last``: records of our slots, and the summaries of those rounds that are
    final."""

    first: int
    last: int
    records: Sequence[SlotRecord]
    summaries: Sequence[RoundSummary]


@dataclass(frozen=True, slots=True)
class WeekShare:
    """What a week has brought so far: ``share`` of all weights, and that of the ``pot`` (whole BIS) as it
    stands now: an estimate."""

    entries: int
    weight: int
    total_weight: int
    pot: int

    @property
    def estimate(self) -> float:
        return self.pot * self.weight / self.total_weight if self.total_weight else 0.0


def main(argv: list[str] | None = None) -> int:
    """Read and show; returns the exit status."""
    args = _make_parser().parse_args(argv)
    from hypernode.config.parameter_table import ConfigError
    from hypernode.node.chain.reward_week import WeekNotFinished
    from hypernode.ports.registrations import PowNotReady
    from hypernode.ports.storage_faults import StorageFault
    from hypernode.storage.interface import StorageError
    from hypernode.wallet.pos_wallet import WalletError

    try:
        settings = load_tool_settings(args, needs_node=True)
        return asyncio.run(_run(args, settings))
    except (ConfigError, WalletError) as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except WeekNotFinished as error:
        return _fail(str(error), Exit.NEGATIVE)
    except (PowNotReady, StorageError, StorageFault, OSError) as error:
        return _fail(str(error), Exit.TEMPORARY)
    except KeyboardInterrupt:
        return _fail("interrupted", Exit.TEMPORARY)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hypernode duty", description="Show what became of this node's slots, and why."
    )
    span = parser.add_mutually_exclusive_group()
    span.add_argument(
        "--rounds", type=_parse_count, default=DEFAULT_ROUNDS, help="how many, the newest last (default 24)"
    )
    span.add_argument("--week", action="store_true", help="the present week, with our share of it so far")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("-i", "--index", type=int, help="node of a local devnet: run folder node<INDEX>")
    add_folder_flags(parser)
    return parser


def _parse_count(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and 1 <= int(text) <= MAX_ROUNDS):
        raise argparse.ArgumentTypeError(f"expected 1 to {MAX_ROUNDS} rounds, not {text!a}")
    return int(text)


async def _run(args: argparse.Namespace, settings: Settings) -> int:
    from hypernode.app.system_clock import SystemClock
    from hypernode.core.timeline import compute_round_slot

    now = SystemClock().now()
    present, _ = compute_round_slot(settings.params, now)
    first = max(0, present - args.rounds + 1)
    share = None
    if args.week:
        from hypernode.wallet.pos_wallet import read_wallet_address

        first = _find_week_start(settings, now)
        own = read_wallet_address(settings.wallet_path, settings.params.address_byte)
        share = await gather_share(settings, range(first, present), own)
    report = await _read(settings, first, present)
    if args.json:
        print(json.dumps(to_object(report, share), separators=(",", ":")))
    else:
        print(format_report(report, share))
    return Exit.OK


def _find_week_start(settings: Settings, now: float) -> int:
    """The first round of the week that is under way; 0 where that began before the network."""
    from hypernode.core.rewards import compute_last_week, compute_week_rounds

    try:
        return compute_week_rounds(settings.params, compute_last_week(now) + 1)[0]
    except ValueError:
        return 0


async def _read(settings: Settings, first: int, last: int) -> DutyReport:
    from hypernode.health.duty_log import parse_summary
    from hypernode.storage.ledger import open_ledger_to_read
    from hypernode.storage.read_only import SnapshotDatabase

    database = SnapshotDatabase(settings.ledger_path)
    try:
        ledger = await open_ledger_to_read(database, settings.params)
        records = await ledger.get_slot_records(first, last)
        summaries = [parse_summary(found) for found in await ledger.get_summaries(first, last)]
        return DutyReport(first, last, records, summaries)
    finally:
        await database.close()


async def gather_share(settings: Settings, rounds: range, own: str) -> WeekShare | None:
    """Of ``own`` (an address), in the rounds that our chain and the companion have whole; None where there
    are none, or where there is no companion's ledger to read balances from."""
    if not len(rounds) or settings.params.hypernodes:
        return None
    from hypernode.cli.companion import open_companion
    from hypernode.core.rewards import compute_rewards
    from hypernode.node.chain.reward_week import WeekNotFinished, gather_week
    from hypernode.pow.ledger.past_balances import read_past_balances
    from hypernode.storage.ledger import open_ledger_to_read
    from hypernode.storage.read_only import SnapshotDatabase

    companion = open_companion(settings)
    database = SnapshotDatabase(settings.ledger_path)
    try:
        ledger = await open_ledger_to_read(database, settings.params)
        done = range(rounds[0], min(rounds[-1] + 1, ledger.get_height().round - 1))
        if not len(done):
            return None
        week = await gather_week(
            settings.params,
            ledger,
            companion.source,
            lambda addresses: read_past_balances(companion.file, addresses),
            done,
        )
    except WeekNotFinished:
        return None
    finally:
        await database.close()
        await companion.source.close()
    rewards = compute_rewards(week.entries, week.pot)
    ours = [row for row in rewards.hypernodes if row.address == own]
    entries = sum(entry.address == own for entry in week.entries)
    return WeekShare(entries, sum(row.total_weight for row in ours), rewards.total_weight, week.pot)


def to_object(report: DutyReport, share: WeekShare | None = None) -> dict[str, object]:
    """For programs."""
    from hypernode.health.duty_log import count_slots

    shown: dict[str, object] = {
        "first": report.first,
        "last": report.last,
        "slots": [record.to_object() for record in report.records],
        "rounds": [summary.to_object() for summary in report.summaries],
        "reasons": count_reasons(report.records),
    }
    tally = count_slots(report.records)
    shown["total"] = {name: getattr(tally, name) for name in ("won", "forged", "missed", "taken", "replaced")}
    if share is not None:
        shown["week"] = {
            "entries": share.entries,
            "weight": share.weight,
            "total_weight": share.total_weight,
            "pot": share.pot,
            "estimate": share.estimate,
        }
    return shown


def count_reasons(records: Sequence[SlotRecord]) -> Mapping[str, int]:
    """How often each reason stood against forging, the most frequent first; of final records."""
    counts: dict[str, int] = {}
    for record in records:
        if record.is_final and record.reason is not None:
            counts[record.reason.value] = counts.get(record.reason.value, 0) + 1
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def format_report(report: DutyReport, share: WeekShare | None = None) -> str:
    """For people: a line a round, the slots that have no block of ours with their reasons, the totals."""
    from hypernode.cli.text_table import format_table
    from hypernode.health.duty_log import count_slots

    if not report.records and not report.summaries:
        return (
            f"rounds {report.first} to {report.last}: no slot of ours, and no round is final yet "
            "(a round is final two rounds on)"
        )
    lines = []
    if report.summaries:
        headings = (
            "round",
            "won",
            "forged",
            "missed",
            "tests",
            "ok",
            "failed",
            "not done",
            "200",
            "101",
            "score",
            "rank",
        )
        rows = [_show_round(summary) for summary in report.summaries]
        lines += [format_table(headings, rows), ""]
    lines += [_show_slot(record) for record in report.records if record.reason is not None]
    tally = count_slots(report.records)
    lines.append(
        f"final: won {tally.won}, forged {tally.forged}, missed {tally.missed}, taken {tally.taken}, "
        f"replaced {tally.replaced}"
    )
    fresh = [record.outcome.value for record in report.records if not record.is_final]
    if fresh:
        counted = ", ".join(f"{name} {fresh.count(name)}" for name in dict.fromkeys(fresh))
        lines.append(f"not final yet: {counted}")
    if reasons := count_reasons(report.records):
        lines.append("why: " + ", ".join(f"{name} {count}" for name, count in reasons.items()))
    if share is not None:
        part = 100 * share.weight / share.total_weight if share.total_weight else 0.0
        lines.append(
            f"week so far: {share.entries} entries, weight {share.weight} of {share.total_weight} "
            f"({part:.2f} %); of the pot now ({share.pot} BIS) that is about {share.estimate:.2f} BIS"
        )
    return "\n".join(lines)


def _show_round(summary: RoundSummary) -> tuple[object, ...]:
    score = "-" if summary.score is None else f"{summary.score:.1f}"
    rank = "-" if summary.rank is None else f"{summary.rank} of {summary.scored}"
    return (
        *(summary.round, summary.won, summary.forged, summary.missed),
        *(summary.tests, summary.tests_passed, summary.tests_failed, summary.tests_not_done),
        *(summary.received_ok, summary.received_ko, score, rank),
    )


def _show_slot(record: SlotRecord) -> str:
    from hypernode.core.printable import printable

    final = "" if record.is_final else " (not final)"
    also = "".join(f"; also {reason.value} {seconds:.0f} s" for reason, seconds in record.also)
    reason = record.reason.value if record.reason is not None else ""
    whose = f" by {printable(record.forger)}" if record.forger else ""
    return (
        f"round {record.round} slot {record.sir}: {record.outcome.value}{whose}{final}, {reason}: "
        f"{printable(record.figures)}{also}"
    )


def _fail(words: str, status: Exit) -> int:
    print(f"duty: {words}", file=sys.stderr)
    return status
