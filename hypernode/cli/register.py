"""``python -m hypernode register``: what to paste in a wallet to register or unregister (spec 5).

Every rule of the list is checked before, against the companion's ledger as it is now; with an error nothing
is printed that could be sent.  Exit status: 0 printed, 1 a rule is against it, 2 usage, 75 the companion
cannot be read, 78 configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypernode.cli.companion import add_folder_flags, load_tool_settings, open_companion
from hypernode.cli.exit_codes import Exit

if TYPE_CHECKING:
    from hypernode.cli.companion import Companion
    from hypernode.config.settings import Settings
    from hypernode.core.params.chain_params import ChainParams
    from hypernode.core.registrations.registration_check import CountsFrom, Draft, PreflightResult, Wish
    from hypernode.core.registrations.registry import RegistryState

NEXT_ROUNDS: Final = 3
AMOUNT: Final = "0"
_TIME: Final = "%Y-%m-%d %H:%M:%S UTC"


def main(argv: list[str] | None = None) -> int:
    """Check and print; returns the exit status."""
    args = _make_parser().parse_args(argv)
    from hypernode.app.system_clock import SystemClock
    from hypernode.config.parameter_table import ConfigError
    from hypernode.ports.registrations import PowNotReady
    from hypernode.wallet.pos_wallet import WalletError

    try:
        settings = load_tool_settings(args)
        companion = None if args.offline else open_companion(settings)
        return help_to_register(args, settings, companion, SystemClock().now())
    except (ConfigError, WalletError) as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except PowNotReady as error:
        return _fail(f"{error}. With --offline only the texts are checked", Exit.TEMPORARY)


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m hypernode register",
        description="Print the openfield and the bis:// URL that register a hypernode, if rules allow it.",
    )
    parser.add_argument("--unregister", action="store_true", help="unregister it in place of registering it")
    parser.add_argument("-P", "--pow", required=True, help="PoW address with the collateral, which will send")
    parser.add_argument("-I", "--ip", help="public IPv4 address (default: OUT_IP of the configuration)")
    parser.add_argument("-p", "--port", help="TCP port (default: that of the configuration)")
    parser.add_argument("--pos", help="PoS address (default: that of the wallet)")
    parser.add_argument(
        "--reward", default="", help="PoW address for the rewards (default: the collateral's)"
    )
    parser.add_argument("--reason", default="", help="with --unregister: why")
    parser.add_argument("--wallet", type=Path, help="wallet (default: poswallet.json of the run folder)")
    parser.add_argument("--offline", action="store_true", help="do not look at the companion's ledger")
    parser.add_argument("--json", action="store_true", help="JSON on one line")
    add_folder_flags(parser)
    return parser


def help_to_register(
    args: argparse.Namespace, settings: Settings, companion: Companion | None, now: float
) -> Exit:
    """All of ``main`` but its surroundings.  Raises PowNotReady, WalletError."""
    from hypernode.core.registrations.registration_check import (
        Level,
        draft_register,
        draft_unregister,
        list_next_rounds,
    )

    params, state, balance = settings.params, None, 0
    if companion is not None:
        state, balance = asyncio.run(_read_ledger(companion, args.pow, now))
    wish = _make_wish(args, settings, state)
    findings = _check(params, wish, state, balance, is_leaving=args.unregister)
    is_good = all(finding.level is not Level.ERROR for finding in findings)
    draft = (draft_unregister if args.unregister else draft_register)(wish) if is_good else None
    rounds = list_next_rounds(params, now, NEXT_ROUNDS)
    if args.json:
        _print_json(wish, draft, findings, rounds, is_offline=companion is None)
    else:
        _print_text(wish, draft, findings, rounds, now, is_offline=companion is None)
    return Exit.OK if is_good else Exit.NEGATIVE


def _check(
    params: ChainParams, wish: Wish, state: RegistryState | None, balance: int, *, is_leaving: bool
) -> list[PreflightResult]:
    from hypernode.core.registrations.registration_check import (
        check_register,
        check_sender,
        check_texts,
        check_unregister,
    )

    if state is None:
        return check_texts(params, wish)
    if is_leaving:
        return [*check_sender(wish), *check_unregister(params, wish, state)]
    return [*check_texts(params, wish), *check_register(params, wish, state, balance)]


async def _read_ledger(companion: Companion, pow_address: str, now: float) -> tuple[RegistryState, int]:
    """The list at the last block, and the balance of the sender there (1e-8 BIS).  Raises PowNotReady."""
    from hypernode.node.chain.registration_feed import replay
    from hypernode.ports.registrations import PowNotReady
    from hypernode.pow.ledger.past_balances import read_past_balances

    try:
        status = await companion.source.get_status(now)
        if status.problem:
            raise PowNotReady(status.problem)
        events = await companion.source.get_feed(status.height)
        balance = read_past_balances(companion.file, {pow_address}).get_total(pow_address, status.height)
    finally:
        await companion.source.close()
    return replay(companion.params, events), balance


def _make_wish(args: argparse.Namespace, settings: Settings, state: RegistryState | None) -> Wish:
    """What is asked for, with what is configured where nothing is said; to unregister, with what is
    registered: by the sender, or at the ip that the control address names.  Raises WalletError."""
    from hypernode.core.registrations.registration_check import Wish, find_at, find_own
    from hypernode.wallet.pos_wallet import read_wallet_address

    own = find_own(state, args.pow) if args.unregister and state is not None else None
    if own is None and args.unregister and state is not None and args.pow == settings.params.control_pow:
        own = find_at(state, args.ip)
    pos = args.pos or (own.pos if own else None)
    if pos is None:
        pos = read_wallet_address(settings.wallet_path, settings.params.address_byte)
    return Wish(
        pow_address=args.pow,
        ip=args.ip or (own.ip if own else settings.out_ip or ""),
        port=args.port or (own.port if own else str(settings.port)),
        pos=pos,
        reward="" if args.unregister else args.reward,
        reason=args.reason if args.unregister else "",
    )


def _make_url(wish: Wish, draft: Draft) -> str:
    from hypernode.core.registrations.bis_url import encode_bis_url

    return encode_bis_url(wish.pow_address, AMOUNT, draft.operation, draft.openfield)


def _print_json(
    wish: Wish,
    draft: Draft | None,
    findings: Sequence[PreflightResult],
    rounds: Sequence[CountsFrom],
    *,
    is_offline: bool,
) -> None:
    answer: dict[str, object] = {
        "ok": draft is not None,
        "offline": is_offline,
        "findings": [
            {"level": found.level.value, "rule": found.rule.label, "words": found.words} for found in findings
        ],
    }
    if draft is not None:
        answer |= {
            "recipient": wish.pow_address,
            "amount": AMOUNT,
            "operation": draft.operation,
            "openfield": draft.openfield,
            "url": _make_url(wish, draft),
            "counts_from": [asdict(counts) for counts in rounds],
        }
    print(json.dumps(answer))


def _print_text(
    wish: Wish,
    draft: Draft | None,
    findings: Sequence[PreflightResult],
    rounds: Sequence[CountsFrom],
    now: float,
    *,
    is_offline: bool,
) -> None:
    from hypernode.core.printable import printable

    for finding in findings:
        print(f"{finding.level.value:<8} {finding.rule.label:<13} {printable(finding.words)}")
    if is_offline:
        print("warning  offline       not looked at: what is registered already, and the balance")
    print()
    if draft is None:
        print("Nothing to send: mend what is an error first.")
        return
    print(f"From {wish.pow_address} to itself, amount {AMOUNT}:")
    print(f"  operation  {draft.operation}")
    print(f"  openfield  {draft.openfield}")
    print(f"  URL        {_make_url(wish, draft)}")
    print()
    print("It takes effect from a round on when it is in a PoW block in time:")
    for counts in rounds:
        minutes = max(0, int(counts.reference - now) // 60)
        print(
            f"  by {_show_time(counts.reference)} (in {minutes} min): round {counts.round}, "
            f"which begins {_show_time(counts.start)}"
        )


def _show_time(t: float) -> str:
    return time.strftime(_TIME, time.gmtime(t))


def _fail(words: str, status: Exit) -> int:
    print(f"register: {words}", file=sys.stderr)
    return status
