"""``hn_client.py``: ask a hypernode one question (spec 6, command lines).

JSON on one line of standard output where that is no terminal or ``--json`` is said, else a table; words for
people go to standard error.  Exit status: see ``Exit``.  Imports wait until the command line was understood.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING, Final

from hypernode import __version__
from hypernode.cli.exit_codes import Exit
from hypernode.cli.flag_types import parse_host, parse_path, parse_port

if TYPE_CHECKING:
    from hypernode.cli.client.actions import Action
    from hypernode.cli.client.client_session import Target
    from hypernode.cli.client.whom import Whom
    from hypernode.core.params.chain_params import ChainParams
    from hypernode.wire.codec import Command

ACTION_NAMES: Final = (
    "hello",
    "ping",
    "status",
    "round",
    "block",
    "tx",
    "address_txs",
    "mempool",
    "blocksync",
    "hypernodes",
    "headers",
    "heights",
    "txtest",
    "update",
    "getconfig",
)
"""Named here too, so that a typo is told without loading what asks."""
CLOSED: Final = "'Closed'"
TIMEOUT: Final = "'Timeout'"
"""What existing scripts look for on standard output."""
_MAX_TIMEOUT_S: Final = 86_400.0


class UsageError(Exception):
    """A command line that cannot be used, in words."""


def main(argv: list[str] | None = None) -> int:
    """Ask and print; returns the exit status."""
    args = _make_parser().parse_args(argv)
    from hypernode.config.parameter_table import ConfigError
    from hypernode.wallet.pos_wallet import WalletError

    try:
        return _ask_and_print(args)
    except (UsageError, ConfigError, WalletError) as error:
        return _fail(str(error), Exit.USAGE)
    except KeyboardInterrupt:
        return _fail("interrupted", Exit.NO_CONNECTION)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hn_client.py", description="Ask a Bismuth hypernode.")
    parser.add_argument(
        "-I", "--ip", type=parse_host, help="the node's IP address (default: this folder's node, 127.0.0.1)"
    )
    parser.add_argument(
        "-p", "--port", type=parse_port, help="its TCP port (default: this folder's node's, 6969)"
    )
    parser.add_argument("-S", "--sourceip", type=parse_host, help="our address to leave from")
    parser.add_argument(
        "-t", "--timeout", type=_parse_seconds, default=5.0, help="seconds to connect (default: %(default)g)"
    )
    parser.add_argument(
        "-r",
        "--readtimeout",
        type=_parse_seconds,
        default=5.0,
        help="seconds to wait for an answer (default: %(default)g)",
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="say each step on standard error")
    parser.add_argument("-V", "--version", action="version", version=f"hypernode {__version__}")
    parser.add_argument(
        "--action", choices=ACTION_NAMES, default="hello", help="what to ask (default: hello)"
    )
    parser.add_argument("--param", default="", help="block, blocksync: a height; tx: an id; address_txs: …")
    parser.add_argument("--json", action="store_true", help="JSON on one line, also on a terminal")
    parser.add_argument(
        "--home", type=parse_path, help="run folder of the node (default: this one, if it is one)"
    )
    parser.add_argument(
        "--config", type=parse_path, help="its overrides (default: config.txt of the run folder)"
    )
    parser.add_argument(
        "--network", help="mainnet, testnet, devnet, or a network file (default: the node's, mainnet)"
    )
    parser.add_argument("--wallet", type=parse_path, help="wallet to speak as (default: the node's, if any)")
    return parser


def _parse_seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= _MAX_TIMEOUT_S:
        raise argparse.ArgumentTypeError(f"expected seconds, more than 0, not {text!a}")
    return seconds


def _ask_and_print(args: argparse.Namespace) -> int:
    """Raises UsageError, ConfigError, WalletError."""
    from hypernode.app.system_clock import SystemClock
    from hypernode.cli.client.actions import ACTIONS, BadAnswer
    from hypernode.cli.client.client_session import SaidKo, run_asking
    from hypernode.core.errors import Ignore, Reject
    from hypernode.net.client_session import HelloRefused
    from hypernode.ports.connections import TransportClosed

    action = ACTIONS[args.action]

    def tell(words: str) -> None:
        if args.verbose:
            print(f"hn_client: {words}", file=sys.stderr)

    whom = _find_whom(args)
    where = f"{whom.ip} port {whom.port}"
    try:
        target, question = _prepare(args, action, whom)
        answer = run_asking(target, action, question, SystemClock(), tell)
    except TimeoutError:
        print(TIMEOUT, flush=True)
        return _fail(f"{where} did not answer in time (-r, -t: seconds to wait)", Exit.NO_CONNECTION)
    except TransportClosed as error:
        print(CLOSED, flush=True)
        return _fail(f"{where} closed the connection or took none: {error}", Exit.NO_CONNECTION)
    except (SaidKo, HelloRefused) as error:
        return _print_ko(args, whom, error.reason)
    except Ignore as error:
        _print(args, whom, False)
        return _fail(error.reason, Exit.NEGATIVE)
    except (BadAnswer, Reject) as error:
        return _fail(f"bad answer: {error}", Exit.BAD_ANSWER)
    try:
        _print(args, whom, answer.value)
    except RecursionError:
        return _fail("bad answer: nested too deeply", Exit.BAD_ANSWER)
    return Exit.NEGATIVE if answer.is_negative else Exit.OK


def _find_whom(args: argparse.Namespace) -> Whom:
    """Raises ConfigError."""
    from hypernode.cli.client.whom import find_whom
    from hypernode.config.paths import get_start_folder
    from hypernode.config.settings import Flags

    flags = Flags(args.home, args.config, args.network, args.wallet, ip=args.ip, port=args.port)
    return find_whom(flags, get_start_folder())


def _prepare(args: argparse.Namespace, action: Action, whom: Whom) -> tuple[Target, Command]:
    """Whom to ask, and the question.  Raises UsageError, ConfigError, WalletError."""
    from hypernode.app.system_clock import SystemClock, SystemEntropy
    from hypernode.cli.client.actions import BadParam, make_question
    from hypernode.cli.client.client_session import Target, make_test_message
    from hypernode.cli.client.identity import Speaker, get_signer, get_speaker
    from hypernode.cli.client.resolving import resolve
    from hypernode.core.types import Endpoint
    from hypernode.net.signed_hello import Identity

    params = whom.params
    try:
        question = make_question(action, args.param)
    except BadParam as error:
        raise UsageError(f"--action {args.action} {error}") from None
    if args.action == "address_txs":
        _check_network_of(args.param, params)
    if args.action == "txtest":
        signer = get_signer(params, args.wallet, whom.wallet)
        question, speaker = make_test_message(signer, SystemClock()), Speaker(signer.address, signer)
    else:
        speaker = get_speaker(params, args.wallet, whom.wallet)
    target = Target(
        params=params,
        remote=Endpoint(resolve(whom.ip, args.timeout), whom.port),
        address=speaker.address,
        source_ip=args.sourceip,
        connect_timeout_s=args.timeout,
        read_timeout_s=args.readtimeout,
        identity=Identity(speaker.signer, SystemEntropy()) if speaker.signer else None,
    )
    return target, question


def _check_network_of(param: str, params: ChainParams) -> None:
    """Nobody there has an address of another network.  Raises UsageError."""
    from hypernode.core.address import find_address_violation

    if broken := find_address_violation(param.partition(",")[0].strip(), params.address_byte):
        raise UsageError(f"--action address_txs: {broken.reason}; we ask a node of {params.name} (--network)")


def _print(args: argparse.Namespace, whom: Whom, value: object) -> None:
    """A table for people, JSON on one line for programs; of a status that tells the duty the screen of
    ``hypernode status``."""
    if args.json or not sys.stdout.isatty():
        print(json.dumps(value), flush=True)
        return
    if args.action == "status" and isinstance(value, dict) and "duty" in value:
        from hypernode.cli.status.command import print_status

        print_status(whom.params, whom.network_name, value)
        return
    from hypernode.cli.client.tables import print_value

    print_value(args.action, value)


def _print_ko(args: argparse.Namespace, whom: Whom, reason: str) -> int:
    """The peer's no, with what to do where we know it."""
    from hypernode.core.printable import printable

    if args.json or not sys.stdout.isatty():
        print(json.dumps({"ko": reason}), flush=True)
    is_other_network = "posnet" in reason.lower() or "magic" in reason
    remedy = (
        f" (we spoke of {whom.network_name}: name its network with --network)" if is_other_network else ""
    )
    return _fail(f"ko: {printable(reason) or 'no reason given'}{remedy}", Exit.REFUSED)


def _fail(words: str, status: Exit) -> int:
    print(f"hn_client: {words}", file=sys.stderr)
    return status
