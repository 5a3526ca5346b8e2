"""``python -m hypernode devnet``: a local network in the foreground (``make run``).

Exit status: 0 stopped by Ctrl-C, or all rounds ended well; 1 the rounds did not end well, were not waited
for, or nothing could be started; 2 usage.
"""

from __future__ import annotations

import argparse
import contextlib
import shlex
import shutil
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from random import SystemRandom
from typing import TYPE_CHECKING, Final

from hypernode.cli.exit_codes import Exit
from hypernode.cli.output import make_console, need_reader
from hypernode.core.types import MAX_PORT

if TYPE_CHECKING:
    from hypernode.devnet.display import Display, Form
    from hypernode.devnet.plan import DevnetPlan

MIN_NODES: Final = 3
"""A block needs messages of three senders."""
MAX_SLOT_S: Final = 3_600
PARENT_FOLDER: Final = "devnet"
"""Run folders are made in here, below the current folder."""


def main(argv: list[str]) -> int:
    """Run a devnet; returns the exit status."""
    args = _parse(argv)
    need_reader()
    from hypernode.wallet.pos_wallet import WalletError

    try:
        folder = _make_folder(args.folder)
    except OSError as error:
        print(f"devnet: {error}", file=sys.stderr)
        return Exit.USAGE
    try:
        status = _run(args, folder)
    except (OSError, WalletError) as error:
        print(f"devnet: {error}", file=sys.stderr)
        status = Exit.NEGATIVE
    if status == Exit.OK and not args.keep:
        _remove(folder)
    elif not args.json:
        print(f"everything is kept in {folder}", file=sys.stderr)
    return status


def _run(args: argparse.Namespace, folder: Path) -> Exit:
    from hypernode.app.system_clock import SystemClock, SystemEntropy
    from hypernode.devnet.addresses import choose_addresses, is_free
    from hypernode.devnet.launcher import Launcher, RunOptions, run_launcher
    from hypernode.devnet.plan import make_devnet
    from hypernode.devnet.view import format_verdict

    addresses = choose_addresses(args.nodes, args.port, random=SystemRandom(), is_free=is_free)
    clock = SystemClock()
    plan = make_devnet(folder, addresses, args.slot, clock.now(), SystemEntropy().token)
    display = _make_display(args, plan)
    options = RunOptions(rounds=args.rounds, rollback=args.rollback, restart=args.restart)
    verdict = run_launcher(lambda: Launcher(plan, options, display, clock))
    if verdict is not None:
        display.show_raw(format_verdict(verdict, as_json=args.json))
        return Exit.OK if verdict.is_good else Exit.NEGATIVE
    if args.rounds is not None:
        display.say("stopped before the last round ended: nothing was judged")
        return Exit.NEGATIVE
    display.say("stopped")
    return Exit.OK


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hypernode devnet",
        description="Run a local network of hypernodes with a companion chain, until Ctrl-C or for --rounds.",
    )
    nodes = _number("nodes", MIN_NODES, 200)
    parser.add_argument("--nodes", type=nodes, default=5, help="how many (default 5)")
    parser.add_argument(
        "--slot", type=_number("s", 1, MAX_SLOT_S), default=6, help="seconds a slot (default 6)"
    )
    parser.add_argument(
        "--rounds",
        type=_number("rounds", 1, 1_000_000),
        help="end after so many whole rounds: 0 if all nodes are on one chain with a block in 80 %% of the "
        "slots, else 1 with what was wrong",
    )
    parser.add_argument(
        "--port", type=_number("a port", 1_024, MAX_PORT), help="of all nodes (default: a free one)"
    )
    parser.add_argument(
        "--folder", type=Path, help="run folder, new or empty (default: a new one in ./devnet)"
    )
    parser.add_argument("--keep", action="store_true", help="keep the run folder")
    parser.add_argument(
        "--rollback",
        type=_number("blocks", 1, 10_000),
        help="PoW blocks that the companion takes back once, in the middle of the first round",
    )
    parser.add_argument("--restart", action="store_true", help="start nodes that were killed again after 3 s")
    parser.add_argument("--json", action="store_true", help="one JSON object a line")
    return parser.parse_args(argv)


def _number(what: str, least: int, most: int) -> Callable[[str], int]:
    """A parser of whole numbers within bounds, for argparse."""

    def parse(text: str) -> int:
        if not text.isdecimal() or not least <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"expected {what} from {least} to {most}, not {text!r}")
        return int(text)

    return parse


def _make_folder(given: Path | None) -> Path:
    """The run folder: all that will be in it is ours.  Raises OSError when it is not empty."""
    if given is None:
        parent = Path(PARENT_FOLDER)
        parent.mkdir(exist_ok=True)
        return Path(tempfile.mkdtemp(prefix="run-", dir=parent))
    given.mkdir(parents=True, exist_ok=True)
    if any(given.iterdir()):
        raise OSError(f"{given} is not empty: give a new folder (--folder)")
    return given


def _remove(folder: Path) -> None:
    """The run folder, and the folder around it when that is empty then."""
    shutil.rmtree(folder, ignore_errors=True)
    if folder.parent.name == PARENT_FOLDER:
        with contextlib.suppress(OSError):
            folder.parent.rmdir()


def _make_display(args: argparse.Namespace, plan: DevnetPlan) -> Display:
    from hypernode.devnet.display import Display

    console = make_console()
    form: Form = "json" if args.json else "table" if console.is_terminal else "lines"
    facts = {
        "folder": str(plan.folder),
        "network": str(plan.network_path),
        "ledger": str(plan.ledger_path),
        "nodes": [
            {"name": n.name, "address": n.address, "ip": n.ip, "port": n.port, "home": str(n.home)}
            for n in plan.nodes
        ],
    }
    return Display(console, form, plan.params, _make_header(plan), facts)


def _make_header(plan: DevnetPlan) -> str:
    """What people are told once."""
    from hypernode.devnet.plan import make_client_command

    params, first, last = plan.params, plan.nodes[0], plan.nodes[-1]
    python = Path(sys.executable)
    shown = python.relative_to(Path.cwd()) if python.is_relative_to(Path.cwd()) else python
    client = ["hn_client.py"] if Path("hn_client.py").exists() else ["-m", "hypernode", "client"]
    command = make_client_command(plan, first, [str(shown), *client])
    return "\n".join(
        [
            f"devnet of {len(plan.nodes)} nodes, slots of {params.slot_s} s, rounds of {params.round_s} s",
            f"  {first.name} to {last.name}: {first.ip} to {last.ip}, port {first.port}, in {plan.folder}",
            f"  to ask a node: {shlex.join(command)}",
        ]
    )
