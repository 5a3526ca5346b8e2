"""``hn_check.py``: is what this node has in order? (spec 6, command lines)

One check a row of ``CHECKS``.  Exit status: 0 in order (breaks of rules that are documented or of a lenient
history are counted and shown), 1 something is wrong, 2 usage, 75 it cannot be looked at now, 78
configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from hypernode.cli.companion import add_folder_flags, load_tool_settings
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.node.chain_check import CheckProgress, CheckState
    from hypernode.node.examining import Examiner
    from hypernode.node.settings import Settings
    from hypernode.ports import PowSource

SAVE_EVERY_S: Final = 30.0
SHOWN_BREAKS: Final = 20
"""Listed for people; ``--json`` has more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: lines for people, an object for programs."""

    is_ok: bool
    lines: list[str]
    data: dict[str, object]


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table.  ``is_default``: done when no check is named."""

    help: str
    run: Callable[[argparse.Namespace, Settings], Awaitable[Outcome]]
    is_default: bool = True


def main(argv: list[str] | None = None) -> int:
    """Do the checks asked for and print; returns the exit status."""
    args = make_parser().parse_args(argv)
    from hypernode.node.config_table import ConfigError
    from hypernode.ports import StorageTrouble
    from hypernode.storage.interface import StorageError

    try:
        return asyncio.run(_run(args, load_tool_settings(args)))
    except ConfigError as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except StorageError as error:
        return _fail(str(error), Exit.NEGATIVE)
    except (StorageTrouble, OSError) as error:
        return _fail(str(error), Exit.TEMPORARY)
    except KeyboardInterrupt:
        return _fail("interrupted; the next check of the chain goes on from here", Exit.TEMPORARY)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="hn_check.py", description="Check what this node has.  Nothing is changed; the node may run."
    )
    for name, check in CHECKS.items():
        parser.add_argument(f"--{name}", action="store_true", help=check.help)
    parser.add_argument(
        "--from-start", action="store_true", help="with --chain: do not go on from where the last check was"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    add_folder_flags(parser)
    return parser


async def _run(args: argparse.Namespace, settings: Settings) -> Exit:
    wanted = [name for name in CHECKS if getattr(args, name)]
    wanted = wanted or [name for name, check in CHECKS.items() if check.is_default]
    outcomes = {}
    for name in wanted:
        outcomes[name] = await CHECKS[name].run(args, settings)
        if not args.json:
            print(f"{name}: {'in order' if outcomes[name].is_ok else 'NOT IN ORDER'}")
            print("\n".join(f"  {line}" for line in outcomes[name].lines))
    is_ok = all(outcome.is_ok for outcome in outcomes.values())
    if args.json:
        result = {name: {"ok": outcome.is_ok, **outcome.data} for name, outcome in outcomes.items()}
        print(json.dumps({"ok": is_ok, **result}, separators=(",", ":")))
    return Exit.OK if is_ok else Exit.NEGATIVE


async def _check_ledger(args: argparse.Namespace, settings: Settings) -> Outcome:
    """The file: whole, of our version, and in agreement with itself."""
    from hypernode.storage.inspection import inspect_ledger
    from hypernode.storage.read_only import SnapshotDatabase

    database = SnapshotDatabase(settings.ledger_path)
    try:
        faults = await inspect_ledger(database)
    finally:
        await database.close()
    lines = [f"{fault.subject}: {fault.found}" for fault in faults]
    if faults:
        lines.append(
            "remedy: python -m hypernode ledger repair; or move data/ledger.db away and fetch or import"
        )
    data: dict[str, object] = {
        "file": str(settings.ledger_path),
        "faults": [asdict(fault) for fault in faults],
    }
    return Outcome(not faults, lines or [f"{settings.ledger_path} is whole"], data)


async def _check_chain(args: argparse.Namespace, settings: Settings) -> Outcome:
    """Every block with every rule, and the measures counted anew."""
    from hypernode.app.files import FolderFiles
    from hypernode.app.verifier import ThreadVerifier
    from hypernode.cli.progress import Meter
    from hypernode.node.chain_check import ChainCheck
    from hypernode.node.check_state import load_state, save_state
    from hypernode.node.clock import SystemClock
    from hypernode.node.examining import Examiner
    from hypernode.storage.ledger import open_ledger_to_read
    from hypernode.storage.read_only import SnapshotDatabase

    clock, files, network = SystemClock(), FolderFiles(settings.data_path), settings.network
    async with AsyncExitStack() as stack:
        ledger = await open_ledger_to_read(SnapshotDatabase(settings.ledger_path), network)
        stack.push_async_callback(ledger.close)
        source, why = open_source(settings)
        if source is not None:
            stack.push_async_callback(source.close)
        verifier = ThreadVerifier()
        stack.callback(verifier.close)
        state = None if args.from_start else await load_state(files, network, ledger)
        examiner = Examiner(network, verifier, source, clock.now(), why=why)
        first, saved = state.height if state else 0, clock.monotonic()
        with Meter("checking", first, ledger.get_height().height, quiet=args.json) as meter:

            def on_progress(progress: CheckProgress, reached: CheckState) -> None:
                nonlocal saved
                meter.show(progress.height, progress.messages)
                if clock.monotonic() - saved >= SAVE_EVERY_S:
                    saved = clock.monotonic()
                    save_state(files, network, reached)

            check = ChainCheck(network, ledger, examiner, state=state, on_progress=on_progress)
            try:
                result = await check.run()
            finally:
                save_state(files, network, check.state)
        return _report_chain(result, examiner, first, check.messages, ledger.get_pruned_below())


def open_source(settings: Settings) -> tuple[PowSource | None, str]:
    """The companion, or None and why it cannot be asked."""
    from hypernode.app.pow_source import open_pow_source
    from hypernode.node.config_table import ConfigError

    try:
        return open_pow_source(settings), ""
    except ConfigError as error:
        return None, str(error)


def _report_chain(result: CheckState, examiner: Examiner, first: int, messages: int, below: int) -> Outcome:
    from hypernode.node.chain_check import describe_counts
    from hypernode.node.examining import Verdict

    refused = result.count(Verdict.REFUSED)
    counts = describe_counts(result.counts)
    lines = [f"blocks {first + 1} to {result.height} checked, {messages} messages"]
    if first:
        lines[0] += " (those before were checked already; what was found in them is counted here)"
    if below:
        lines.append(f"messages of blocks below {below} are pruned")
    for rule, counted in counts.items():
        by_verdict = ", ".join(f"{number} {name}" for name, number in counted.items() if name != "class")
        lines.append(f"rule {rule} (class {counted['class']}): {by_verdict}")
    for rule, one in examiner.not_judged.items():
        lines.append(f"rule {rule} was not judged for {one.blocks} blocks: {one.reason}")
    listed = [brk for brk in result.breaks if brk.verdict == Verdict.REFUSED.value]
    for brk in listed[:SHOWN_BREAKS]:
        lines.append(f"block {brk.height} {brk.block_hash.hex()} breaks rule {brk.rule}: {brk.reason}")
    if refused > SHOWN_BREAKS:
        lines.append(f"… and {refused - SHOWN_BREAKS} more (--json lists them)")
    if refused:
        lines.append("remedy: stop the node, python -m hypernode ledger repair, start it again")
    data: dict[str, object] = {
        "first": first + 1,
        "height": result.height,
        "block_hash": result.block_hash.hex(),
        "messages": messages,
        "pruned_below": below,
        "findings": counts,
        "not_judged": {rule: asdict(one) for rule, one in examiner.not_judged.items()},
        "breaks": [{**asdict(brk), "block_hash": brk.block_hash.hex()} for brk in result.breaks],
    }
    return Outcome(not refused, lines, data)


def _fail(words: str, status: Exit) -> int:
    print(f"hn_check: {words}", file=sys.stderr)
    return status


CHECKS: Final[Mapping[str, Check]] = {
    "ledger": Check("the ledger's file: whole, and in agreement with itself (default)", _check_ledger),
    "chain": Check(
        "every block of the chain with every rule; goes on where the last check ended",
        _check_chain,
        is_default=False,
    ),
}
