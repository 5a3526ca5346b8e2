"""The companion of a devnet, as a process (``python -m hypernode.devnet.companion``).

It keeps writing a block every ``pow_block_s`` seconds into a ledger file of the real schema, until SIGTERM
or SIGINT, or until the process named by ``--parent-pid`` is gone.  On SIGUSR1 it takes back the last
``--rollback`` blocks and writes others in their place.  The ledger is made by ``prepare_ledger`` of
``companion_ledger``, here when ``--hypernodes`` names a file of them, else by whoever starts this.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import sqlite3
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from hypernode.app.system_clock import SystemClock
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.network_file import network_from_json
from hypernode.devnet.companion_ledger import (
    DEFAULT_SEED,
    Hypernode,
    append_until,
    prepare_ledger,
    rollback,
)
from hypernode.devnet.pow_keys import create_pow_key
from hypernode.devnet.pow_ledger import Tip
from hypernode.ports.clock import Clock

PARENT_CHECK_S: Final = 1.0
DEFAULT_ROLLBACK: Final = 5


class Parent:
    """The process that we live with: the one that started us, or any other."""

    def __init__(self, pid: int | None) -> None:
        self._pid = pid
        self._is_ours = pid == os.getppid()

    def is_alive(self) -> bool:
        """True when there is nobody to watch."""
        if self._pid is None:
            return True
        if self._is_ours:
            return os.getppid() == self._pid
        try:
            os.kill(self._pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        return True


@dataclass(slots=True)
class Companion:
    """Writes blocks as they fall due.  ``forks`` counts rollbacks, so that the blocks after one are new."""

    path: Path
    params: ChainParams
    clock: Clock
    seed: bytes = DEFAULT_SEED
    rollback_blocks: int = DEFAULT_ROLLBACK
    forks: int = field(default=0, init=False)
    _is_stopped: bool = field(default=False, init=False)
    _rollbacks_due: int = field(default=0, init=False)
    _wake: asyncio.Event = field(default_factory=asyncio.Event, init=False)

    def request_stop(self) -> None:
        """``run`` ends as soon as it looks."""
        self._is_stopped = True
        self._wake.set()

    def request_rollback(self) -> None:
        """``run`` rolls back as soon as it looks."""
        self._rollbacks_due += 1
        self._wake.set()

    def write_due(self) -> Tip:
        """Append what is due by now."""
        return append_until(self.path, self.params, self.clock.now(), seed=self.seed, fork=self.forks)

    def roll_back(self) -> Tip:
        """Take back the last blocks and write others in their place.  Raises ValueError when that
        would take the setup."""
        rollback(self.path, self.rollback_blocks)
        self.forks += 1
        return self.write_due()

    async def run(self, parent: Parent) -> None:
        """Until stopped, or the parent is gone.  Raises sqlite3.Error when the ledger stays locked:
        some reader keeps it open."""
        pause_s = min(PARENT_CHECK_S, self.params.pow_block_s)
        while not self._is_stopped and parent.is_alive():
            self._wake.clear()
            self.write_due()
            while self._rollbacks_due:
                self._rollbacks_due -= 1
                self._try_roll_back()
            try:
                await asyncio.wait_for(self._wake.wait(), pause_s)
            except TimeoutError:
                continue

    def _try_roll_back(self) -> None:
        try:
            report(self.roll_back())
        except ValueError as error:
            print(f"companion: {error}", file=sys.stderr, flush=True)


def report(tip: Tip) -> None:
    """A line for the launcher's log."""
    print(f"companion: block {tip.height} {tip.block_hash}", flush=True)


def load_hypernodes(path: Path) -> list[Hypernode]:
    """A JSON list of [pos, ip, port, weight].  Raises ValueError naming the file and what was expected."""
    expected = f"{path}: expected a JSON list of [pos, ip, port, weight]"
    try:
        parsed = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{expected} ({error})") from None
    if not isinstance(parsed, list):
        raise ValueError(expected)
    hypernodes = []
    for entry in parsed:
        match entry:
            case [str(pos), str(ip), int(port), int(weight)]:
                hypernodes.append((pos, ip, port, weight))
            case _:
                raise ValueError(f"{expected}, not {entry!r}")
    return hypernodes


def main(argv: list[str]) -> int:
    """Exit status 0 when stopped, 1 when the ledger cannot be written, 2 for bad arguments."""
    args = _parse_arguments(argv)
    try:
        params = network_from_json(args.network.read_text(encoding="utf-8"), str(args.network))
        companion = Companion(args.ledger, params, SystemClock(), args.seed.encode(), args.rollback)
        if args.hypernodes is not None:
            _prepare(args, companion)
    except (OSError, ValueError) as error:
        print(f"companion: {error}", file=sys.stderr)
        return 2
    except sqlite3.Error as error:
        print(f"companion: {args.ledger}: {error}", file=sys.stderr)
        return 1
    try:
        asyncio.run(_run_until_signal(companion, Parent(args.parent_pid)))
    except (sqlite3.Error, ValueError) as error:
        print(f"companion: {args.ledger}: {error}", file=sys.stderr)
        return 1
    return 0


def _prepare(args: argparse.Namespace, companion: Companion) -> None:
    if args.control_key is None:
        raise ValueError("--hypernodes needs --control-key, a file with the secret of the control address")
    control = create_pow_key(bytes.fromhex(args.control_key.read_text(encoding="ascii").strip()))
    hypernodes = load_hypernodes(args.hypernodes)
    now = companion.clock.now()
    prepare_ledger(args.ledger, companion.params, hypernodes, control, now, seed=companion.seed)


async def _run_until_signal(companion: Companion, parent: Parent) -> None:
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, companion.request_stop)
    loop.add_signal_handler(signal.SIGUSR1, companion.request_rollback)
    report(companion.write_due())
    await companion.run(parent)


def _parse_arguments(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m hypernode.devnet.companion", description="The PoW chain of a devnet."
    )
    parser.add_argument("--ledger", type=Path, required=True, help="the ledger file that is written")
    parser.add_argument("--network", type=Path, required=True, help="the network's JSON file")
    parser.add_argument("--hypernodes", type=Path, help="JSON list of [pos, ip, port, weight] to register")
    parser.add_argument("--control-key", type=Path, help="file with the control address's secret in hex")
    parser.add_argument("--seed", default=DEFAULT_SEED.decode(), help="all keys and nonces follow from it")
    parser.add_argument("--parent-pid", type=int, help="stop when this process is gone")
    parser.add_argument(
        "--rollback", type=int, default=DEFAULT_ROLLBACK, help="blocks that SIGUSR1 takes back"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
