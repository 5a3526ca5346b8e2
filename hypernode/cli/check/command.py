"""``hn_check.py``: does this node do its duty, and are its files in order? (spec 6, command lines)

One check a row of ``CHECKS``; without a name the node's, whose rows are in ``duty.table``.  Exit status of
that one: 0 all well (notes do not count), 1 warnings, 2 errors, as monitoring tools have it.  Of the
others: 0 in order (breaks of rules that are documented or of a lenient history are counted and shown), 1
something is wrong, 75 it cannot be looked at now, 78 configuration.  Of several the largest.  64: the command
line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from hypernode.cli.check.stored import Outcome, check_chain, check_ledger
from hypernode.cli.companion import add_folder_flags, read_flags
from hypernode.cli.exit_codes import Exit, Health, MonitoringParser
from hypernode.cli.flag_types import parse_listen_ip, parse_path, parse_port


@dataclass(frozen=True, slots=True)
class Check:
    """A row of the table.  ``is_default``: done when no check is named."""

    help: str
    run: Callable[[argparse.Namespace], Awaitable[Outcome]]
    is_default: bool = False


def main(argv: list[str] | None = None) -> int:
    """Do the checks asked for and print; returns the exit status."""
    args = make_parser().parse_args(argv)
    try:
        return _check(args)
    except ImportError as error:
        words = f"a package is missing ({error}): make venv, and start with .venv/bin/python"
        return _fail(words, Health.ERROR)
    except KeyboardInterrupt:
        return _fail("interrupted; the next check of the chain goes on from here", Exit.TEMPORARY)


def _check(args: argparse.Namespace) -> int:
    """``main`` once the command line was understood."""
    from hypernode.config.parameter_table import ConfigError
    from hypernode.files.own_files import explain, is_lasting
    from hypernode.ports.storage_faults import StorageFault
    from hypernode.storage.interface import StorageError

    try:
        return asyncio.run(_run(args))
    except ConfigError as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except StorageError as error:
        return _fail(str(error), Exit.NEGATIVE)
    except StorageFault as error:
        return _fail(str(error), Exit.TEMPORARY)
    except OSError as error:
        return _fail(explain(error), Exit.CONFIGURATION if is_lasting(error) else Exit.TEMPORARY)


def make_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = MonitoringParser(
        prog="hn_check.py",
        description="Check whether this node does its duty, and what to do if not; or what it has stored.  "
        "Nothing is changed; the node may run or not.",
    )
    for name, check in CHECKS.items():
        parser.add_argument(f"--{name}", action="store_true", help=check.help)
    parser.add_argument(
        "--from-start", action="store_true", help="with --chain: do not go on from where the last check was"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument(
        "-I", "--ip", type=parse_listen_ip, help="address that the node listens on, as for hn_instance.py"
    )
    parser.add_argument("-p", "--port", type=parse_port, help="its TCP port, as for hn_instance.py")
    parser.add_argument("-i", "--index", type=int, help="node of a local devnet: run folder node<INDEX>")
    parser.add_argument(
        "--wallet", type=parse_path, help="wallet (default: poswallet.json of the run folder)"
    )
    add_folder_flags(parser)
    return parser


async def _run(args: argparse.Namespace) -> int:
    wanted = [name for name in CHECKS if getattr(args, name)]
    wanted = wanted or [name for name, check in CHECKS.items() if check.is_default]
    outcomes = {}
    for name in wanted:
        outcomes[name] = await CHECKS[name].run(args)
        if not args.json:
            _print(name, outcomes[name])
    status = max(outcome.status for outcome in outcomes.values())
    if args.json:
        result = {name: {"ok": outcome.status == 0, **outcome.data} for name, outcome in outcomes.items()}
        print(json.dumps({"ok": status == 0, "status": int(status), **result}, separators=(",", ":")))
    return status


def _print(name: str, outcome: Outcome) -> None:
    if outcome.found is not None:
        from hypernode.cli.check.view import print_found

        print_found(outcome.found, is_terminal=sys.stdout.isatty())
        return
    print(f"{name}: {'in order' if outcome.status == 0 else 'NOT IN ORDER'}")
    print("\n".join(f"  {line}" for line in outcome.lines))


async def _check_node(args: argparse.Namespace) -> Outcome:
    """Every row of the table; what cannot be looked at is a finding, too."""
    from hypernode.app.home import check_home
    from hypernode.app.system_clock import SystemClock
    from hypernode.cli.check.inquiry import Inquiry
    from hypernode.cli.check.table import find_worst, look_at_all, look_without_settings
    from hypernode.cli.check.view import to_json
    from hypernode.config.parameter_table import ConfigError
    from hypernode.config.paths import get_start_folder
    from hypernode.config.run_file import follow_running
    from hypernode.config.settings import load_settings
    from hypernode.health.findings import Severity

    flags = replace(read_flags(args), ip=args.ip, port=args.port)
    try:
        settings, remarks = load_settings(follow_running(flags, get_start_folder()), get_start_folder())
        check_home(settings, flags)
    except ConfigError as problem:
        found = look_without_settings(str(problem))
    else:
        found = await look_at_all(Inquiry(settings, remarks, SystemClock()))
    worst = find_worst(found)
    health = {Severity.WARNING: Health.WARNING, Severity.ERROR: Health.ERROR}.get(worst, Health.OK)
    data: dict[str, object] = {"severity": worst.word, "findings": to_json(found)}
    return Outcome(health, [], data, found)


def _fail(words: str, status: int) -> int:
    print(f"hn_check: {words}", file=sys.stderr)
    return status


CHECKS: Final[Mapping[str, Check]] = {
    "node": Check("wallet to reachability, in five seconds (default)", _check_node, is_default=True),
    "ledger": Check("the ledger's file: whole, and in agreement with itself", check_ledger),
    "chain": Check(
        "every block of the chain with every rule; goes on where the last check ended", check_chain
    ),
}
