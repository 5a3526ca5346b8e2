"""Checks what a node has stored: the ledger's file and every block in it (``hn_check.py --ledger``,
``--chain``)."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final

from hypernode.cli.companion import load_tool_settings
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.cli.check.view import Found
    from hypernode.config.settings import Settings
    from hypernode.node.chain.chain_check import CheckProgress
    from hypernode.node.chain.check_state import CheckState
    from hypernode.node.chain.examiner import Examiner
    from hypernode.ports.registrations import PowSource

SAVE_EVERY_S: Final = 30.0
SHOWN_BREAKS: Final = 20
"""Listed for people; ``--json`` has more."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a check found: lines for people (or a table of ``found``), an object for programs."""

    status: int
    lines: list[str]
    data: dict[str, object]
    found: Found | None = None


async def check_ledger(args: argparse.Namespace) -> Outcome:
    """The file: whole, of our version, and in agreement with itself."""
    from hypernode.storage.inspection import inspect_ledger
    from hypernode.storage.read_only import SnapshotDatabase

    settings = load_tool_settings(args, needs_node=True)
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
    status = Exit.NEGATIVE if faults else Exit.OK
    return Outcome(status, lines or [f"{settings.ledger_path} is whole"], data)


async def check_chain(args: argparse.Namespace) -> Outcome:
    """Every block with every rule, and the measures counted anew."""
    from hypernode.app.files import FolderFiles
    from hypernode.app.system_clock import SystemClock
    from hypernode.app.verifier import ThreadVerifier
    from hypernode.cli.progress import Meter
    from hypernode.node.chain.chain_check import ChainCheck
    from hypernode.node.chain.check_state import load_state, save_state
    from hypernode.node.chain.examiner import Examiner
    from hypernode.storage.ledger import open_ledger_to_read
    from hypernode.storage.read_only import SnapshotDatabase

    settings = load_tool_settings(args, needs_node=True)
    clock, files, params = SystemClock(), FolderFiles(settings.data_path), settings.params
    async with AsyncExitStack() as stack:
        ledger = await open_ledger_to_read(SnapshotDatabase(settings.ledger_path), params)
        stack.push_async_callback(ledger.close)
        source, why = open_source(settings)
        if source is not None:
            stack.push_async_callback(source.close)
        verifier = ThreadVerifier()
        stack.callback(verifier.close)
        state = None if args.from_start else await load_state(files, params, ledger)
        examiner = Examiner(params, verifier, source, clock.now(), why=why)
        first, saved = state.height if state else 0, clock.monotonic()
        with Meter("checking", first, ledger.get_height().height, quiet=args.json) as meter:

            def on_progress(progress: CheckProgress, reached: CheckState) -> None:
                nonlocal saved
                meter.show(progress.height, progress.messages)
                if clock.monotonic() - saved >= SAVE_EVERY_S:
                    saved = clock.monotonic()
                    save_state(files, params, reached)

            check = ChainCheck(params, ledger, examiner, state=state, on_progress=on_progress)
            try:
                result = await check.run()
            finally:
                save_state(files, params, check.state)
        return _report_chain(result, examiner, first, check.messages, ledger.get_pruned_below())


def open_source(settings: Settings) -> tuple[PowSource | None, str]:
    """The companion, or None and why it cannot be asked."""
    from hypernode.app.pow_source import open_pow_source
    from hypernode.config.parameter_table import ConfigError

    try:
        return open_pow_source(settings), ""
    except ConfigError as error:
        return None, str(error)


def _report_chain(result: CheckState, examiner: Examiner, first: int, messages: int, below: int) -> Outcome:
    from hypernode.node.chain.check_state import describe_counts
    from hypernode.node.chain.examiner import BlockGrade

    refused = result.count(BlockGrade.REFUSED)
    counts = describe_counts(result.counts)
    lines = [f"blocks {first + 1} to {result.height} checked, {messages} messages"]
    if first:
        lines[0] += " (those before were checked already; what was found in them is counted here)"
    if below:
        lines.append(f"messages of blocks below {below} are pruned")
    for name, counted in counts.items():
        by_verdict = ", ".join(f"{number} {key}" for key, number in counted.items() if key != "class")
        lines.append(f"rule {name} (class {counted['class']}): {by_verdict}")
    for rule, one in examiner.not_judged.items():
        lines.append(f"rule {rule.number} was not judged for {one.blocks} blocks: {one.reason}")
    listed = [violation for violation in result.breaks if violation.verdict is BlockGrade.REFUSED]
    for each in listed[:SHOWN_BREAKS]:
        lines.append(
            f"block {each.height} {each.block_hash.hex()} breaks rule {each.rule.number}: {each.reason}"
        )
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
        "not_judged": {rule.number: asdict(one) for rule, one in examiner.not_judged.items()},
        "breaks": [violation.describe() for violation in result.breaks],
    }
    return Outcome(Exit.NEGATIVE if refused else Exit.OK, lines, data)
