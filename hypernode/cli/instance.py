"""``hn_instance.py``: run a hypernode in the foreground (spec 6, command lines).

Exit status: 0 stopped as asked, 2 usage, 70 a fault of ours, 75 a fault that may pass (in use, no disk), 78
a configuration that the operator must mend; the reason of any is in the log.  Imports wait until the command
line was understood, so that ``--version`` and a typo answer at once.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final, TextIO, cast

from hypernode import __version__
from hypernode.cli.background import Background
from hypernode.cli.ends import find_home, judge_end, note_end
from hypernode.cli.exit_codes import Exit
from hypernode.cli.flag_types import parse_path
from hypernode.cli.output import OutputLost, Words, fail

_SQLITE_HEAD: Final = b"SQLite format 3\0"

if TYPE_CHECKING:
    from hypernode.config.settings import Settings
    from hypernode.health.remarks import Remark


def main(argv: list[str] | None = None) -> int:
    """Run the node, or the action asked for; returns the exit status."""
    args = _make_parser().parse_args(argv)
    try:
        with _interruptible():
            settings, remarks = _load_settings(args)
            return ACTIONS[args.action](args, settings, remarks)
    except (SystemExit, OutputLost):
        raise
    except BaseException as error:
        end = judge_end(error)
        if args.action == "run":
            note_end(end, find_home(args.home, args.index))
        return fail("hn_instance", end.words, end.status)


@contextmanager
def _interruptible() -> Iterator[None]:
    """SIGTERM is like Ctrl-C until the node hears signals itself: it ends with its reason in the log."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hn_instance.py", description="Run a Bismuth hypernode in the foreground."
    )
    parser.add_argument("-I", "--ip", help="address to listen on, or ALL")
    parser.add_argument("-N", "--interface", help="listen on the address of this network interface")
    parser.add_argument("-p", "--port", type=int, help="TCP port to listen on")
    parser.add_argument("-v", "--verbose", action="store_true", help="log to the terminal too")
    parser.add_argument("-i", "--index", type=int, help="node of a local devnet: run folder node<INDEX>")
    parser.add_argument(
        "--action",
        choices=list(ACTIONS),
        default="run",
        help="run (default) the node; wallet: show its address, make one if there is none; "
        "check-config: say what is configured",
    )
    parser.add_argument("--home", type=parse_path, help="run folder (default: this one)")
    parser.add_argument("--config", type=parse_path, help="overrides (default: config.txt of the run folder)")
    parser.add_argument("--network", help="mainnet, testnet, or a network file")
    parser.add_argument(
        "--wallet", type=parse_path, help="wallet (default: poswallet.json of the run folder)"
    )
    parser.add_argument("--pow-ledger", type=parse_path, help="the companion's ledger file")
    parser.add_argument("--encrypt", action="store_true", help="with --action wallet: seal a new wallet")
    parser.add_argument("-V", "--version", action="version", version=f"hypernode {__version__}")
    return parser


def _load_settings(args: argparse.Namespace) -> tuple[Settings, tuple[Remark, ...]]:
    from hypernode.app.home import check_home
    from hypernode.config.paths import get_start_folder
    from hypernode.config.settings import Flags, load_settings

    flags = Flags(
        home=args.home,
        config=args.config,
        network=args.network,
        wallet=args.wallet,
        pow_ledger=args.pow_ledger,
        ip=_find_interface_ip(args.interface) if args.interface else args.ip,
        port=args.port,
        index=args.index,
    )
    settings, remarks = load_settings(flags, get_start_folder())
    if args.action != "wallet":  # which begins a new one
        check_home(settings, flags)
    return settings, remarks


def _find_interface_ip(name: str) -> str:
    """The first IPv4 address of a network interface.  Raises ConfigError."""
    import socket

    import psutil

    from hypernode.config.parameter_table import ConfigError

    interfaces = psutil.net_if_addrs()
    for address in interfaces.get(name, ()):
        if address.family == socket.AF_INET:
            return str(address.address)
    expected = f"expected a network interface with an IPv4 address, not {name!a}"
    raise ConfigError("--interface", 0, "", expected, f"There are: {', '.join(sorted(interfaces))}")


def _run(args: argparse.Namespace, settings: Settings, remarks: tuple[Remark, ...]) -> int:
    from hypernode.app.daemon import run
    from hypernode.cli.sync_bar import SyncBar

    console = Background(Words(sys.stderr))
    # With --verbose the log is on the terminal, and says how far it is.
    show = None if args.verbose else SyncBar(cast(TextIO, console))
    try:
        return run(
            settings,
            remarks,
            verbose=args.verbose,
            console=cast(TextIO, console),
            reload=lambda: _load_settings(args)[0],
            show_sync=show,
        )
    finally:
        if show is not None:
            show(None)  # while a bar is shown, what is printed goes through it
        console.drain()


def _show_wallet(args: argparse.Namespace, settings: Settings, remarks: tuple[Remark, ...]) -> int:
    """The address of the wallet; a new one where there is none."""
    from hypernode.app.hardening import forbid_dumps
    from hypernode.wallet.passphrase import get_passphrase
    from hypernode.wallet.pos_wallet import find_exposure, load_wallet

    forbid_dumps()
    path, address_byte = settings.wallet_path, settings.params.address_byte
    if not path.exists():
        _create_wallet(args, settings)
        return Exit.OK
    wallet = load_wallet(
        path, address_byte, lambda: get_passphrase(path, settings.passphrase_path, os.environ)
    )
    print(f"{wallet.address}  {path}")
    if exposure := find_exposure(path):
        print(f"hn_instance: warning: {exposure}", file=sys.stderr)
    return Exit.OK


def _create_wallet(args: argparse.Namespace, settings: Settings) -> None:
    from hypernode.app.home import check_new_wallet
    from hypernode.app.system_clock import SystemClock, SystemEntropy
    from hypernode.files.own_files import OWN_FOLDER
    from hypernode.wallet.passphrase import get_new_passphrase
    from hypernode.wallet.pos_wallet import create_wallet

    path = settings.wallet_path
    if path.parent == settings.home and not settings.home.exists():
        # not its parents: where they are missing it is a typo, or a disk that is not mounted
        settings.home.mkdir(mode=OWN_FOLDER)
    check_new_wallet(settings, is_asked_for=True)
    passphrase = get_new_passphrase(path, settings.passphrase_path, os.environ) if args.encrypt else ""
    wallet = create_wallet(
        path,
        settings.params.address_byte,
        token=SystemEntropy().token,
        created=int(SystemClock().now()),
        passphrase=passphrase,
    )
    print(f"{wallet.address}  {path} (new: make a backup of it)")


def _check_config(args: argparse.Namespace, settings: Settings, remarks: tuple[Remark, ...]) -> int:
    """What the node would run with; a fault has ended in exit 78 before this.  Raises WalletError."""
    from hypernode.app.home import check_new_wallet

    if not settings.wallet_path.exists():
        check_new_wallet(settings, is_asked_for=False)
    for label, value in _describe(settings).items():
        print(f"{label + ':':<14}{value}")
    for remark in remarks:
        print(f"{remark.level + ':':<14}{remark.text}")
    if fault := _find_companion_fault(settings):
        print(f"{'warning:':<14}{fault}")
    return Exit.OK


def _find_companion_fault(settings: Settings) -> str:
    """Why the companion's ledger cannot be read, with what to do; empty where it can, or is not needed."""
    path = settings.pow_ledger_path
    if settings.params.hypernodes or settings.pow_source == "node":
        return ""
    remedy = "Name the PoW node's ledger (POW_LEDGER_DB, or its folder: NODE_PY_PATH)"
    try:
        if path.exists() and not path.is_file():
            return f"{path} is no file, but a folder, a pipe or a device. {remedy}"
        with path.open("rb") as file:
            head = file.read(len(_SQLITE_HEAD))
    except FileNotFoundError:
        return f"there is no companion's ledger {path}: the node waits for it (POW_NOT_SYNC). {remedy}"
    except OSError as error:
        return f"the companion's ledger cannot be read by this user: {error}. {remedy}, and give it the right"
    return "" if head == _SQLITE_HEAD else f"{path} is no SQLite database. {remedy}"


def _describe(settings: Settings) -> Mapping[str, object]:
    is_read = settings.config_path.exists()
    topics = ", ".join(sorted(settings.log_topics)) or "no subjects"
    return {
        "network": f"{settings.params.name} ({settings.params.posnet})",
        "listens on": f"{settings.listen_ip} port {settings.port}",
        "run folder": settings.home,
        "overrides": f"{settings.config_path}{'' if is_read else ' (there is none)'}",
        "wallet": f"{settings.wallet_path}{'' if settings.wallet_path.exists() else ' (will be made)'}",
        "journal": settings.journal_path,
        "data": settings.data_path,
        "logs": f"{settings.logs_path}, {settings.log_level}, {topics}",
        "companion": f"{settings.pow_source}: {settings.pow_ledger_path}",
    }


Action = Callable[[argparse.Namespace, "Settings", "tuple[Remark, ...]"], int]

ACTIONS: Final[Mapping[str, Action]] = {
    "run": _run,
    "wallet": _show_wallet,
    "check-config": _check_config,
}
