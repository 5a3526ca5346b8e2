"""``hn_reg_feed.py``: what became of every registration in the companion's ledger, and why (spec 6, command
lines).

Up to the reference height of the present round, or of another one (``-r``), or up to the last block (``-f``).
Exit status: 0 shown, 1 nothing of what was asked for, 75 the companion is late or cannot be read, 78
configuration.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from hypernode.cli.companion import add_folder_flags, load_tool_settings, open_companion
from hypernode.cli.exit_codes import Exit
from hypernode.cli.flag_types import parse_ipv4, parse_pow_address
from hypernode.cli.output import need_reader

if TYPE_CHECKING:
    from hypernode.cli.companion import Companion
    from hypernode.core.counting import Uncounted
    from hypernode.core.types import PowHeight
    from hypernode.node.chain.registration_feed import BalanceCheck, Event

Sleep = Callable[[float], Awaitable[None]]


def main(argv: list[str] | None = None) -> int:
    """Read, select, print; returns the exit status."""
    args = _make_parser().parse_args(argv)
    from hypernode.app.system_clock import SystemClock
    from hypernode.config.parameter_table import ConfigError
    from hypernode.ports.registrations import PowNotReady

    try:
        companion = open_companion(load_tool_settings(args))
        return asyncio.run(show_feed(args, companion, SystemClock().now))
    except ConfigError as error:
        return _fail(str(error), Exit.CONFIGURATION)
    except PowNotReady as error:
        return _fail(str(error), Exit.TEMPORARY)
    except KeyboardInterrupt:
        return Exit.OK


def _make_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="hn_reg_feed.py",
        description="Show the registrations in the companion's ledger, and why some are void.",
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument("-I", "--ip", type=parse_ipv4, help="only those that name this ip")
    which.add_argument("-P", "--pow", type=parse_pow_address, help="only those of this PoW address")
    until = parser.add_mutually_exclusive_group()
    until.add_argument(
        "-r", "--round", type=_parse_round, help="up to the list of this round (default: the present one)"
    )
    until.add_argument(
        "-f", "--force", action="store_true", help="up to the last block, also what counts in no round yet"
    )
    until.add_argument(
        "--follow", action="store_true", help="up to the last block, then what comes, until Ctrl-C"
    )
    parser.add_argument("-b", "--balancecheck", action="store_true", help="check all registered balances")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is read on standard error")
    parser.add_argument("--json", action="store_true", help="JSON on one line; with --follow a line an event")
    add_folder_flags(parser)
    return parser


def _parse_round(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise argparse.ArgumentTypeError(f"expected the number of a round, not {text!a}")
    return int(text)


async def show_feed(
    args: argparse.Namespace, companion: Companion, now: Callable[[], float], sleep: Sleep = asyncio.sleep
) -> Exit:
    """All of ``main`` but its surroundings.  Raises PowNotReady."""
    from hypernode.cli.reg_feed_view import Feed, print_events, print_feed

    try:
        height, until = await _choose_height(args, companion, now())
        if args.verbose:
            print(f"hn_reg_feed: reading up to PoW block {height}, {until}", file=sys.stderr)
        events = await companion.source.get_feed(height)
        checks = _check_balances(companion, events, height) if args.balancecheck else None
        chosen = _select(args, events)
        if args.follow:
            need_reader()
            print_events(chosen, as_json=args.json)
            await _follow(args, companion, events, now, sleep)
        uncounted = await _find_uncounted(companion, events, height)
        feed = Feed(companion.params, height, until, tuple(events), tuple(chosen), checks, uncounted)
        print_feed(feed, as_json=args.json)
        if chosen or not (args.ip or args.pow):
            return Exit.OK
        if not (args.force or args.follow):
            await _tell_later(args, companion, len(events), now())
        return Exit.NEGATIVE
    finally:
        await companion.source.close()


async def _choose_height(args: argparse.Namespace, companion: Companion, now: float) -> tuple[PowHeight, str]:
    """The height to read up to, and why that one."""
    from hypernode.core.timeline import compute_round_slot
    from hypernode.ports.registrations import PowNotReady

    if args.force or args.follow:
        status = await companion.source.get_status(now)
        if status.height == 0:
            raise PowNotReady(status.problem)
        return status.height, "the last one" + (f" ({status.problem})" if status.problem else "")
    # 0 is the present one, as it was for the older tool
    round_ = args.round or compute_round_slot(companion.params, now)[0]
    return (await companion.source.get_registered(round_)).pow_height, f"the reference of round {round_}"


async def _tell_later(args: argparse.Namespace, companion: Companion, known: int, now: float) -> None:
    """Say when what is asked for is in the ledger, but after the height that was read up to: a registration
    of this hour, which counts in no list yet.  ``known`` events were looked at."""
    from hypernode.core.timeline import compute_reference_time, compute_round_slot
    from hypernode.ports.registrations import PowNotReady

    try:
        status = await companion.source.get_status(now)
        events = await companion.source.get_feed(status.height) if status.height else []
    except PowNotReady:
        return
    if not (later := _select(args, events[known:])):
        return
    row, result = later[-1]
    round_ = compute_round_slot(companion.params, row.timestamp)[0]
    while compute_reference_time(companion.params, round_) < row.timestamp:
        round_ += 1
    verdict = f"it counts from round {round_} on" if result.ok else f"void: {result.reason!a}"
    print(
        f"hn_reg_feed: nothing yet in that list. After it, in PoW block {row.height}, there is a "
        f"{row.operation!a}: "
        f"{verdict}. With -f all rows up to the last block are shown",
        file=sys.stderr,
    )


def _select(args: argparse.Namespace, events: Sequence[Event]) -> list[Event]:
    from hypernode.node.chain.registration_feed import select_by_ip, select_by_sender

    if args.ip:
        return select_by_ip(events, args.ip)
    return select_by_sender(events, args.pow) if args.pow else list(events)


def _check_balances(
    companion: Companion, events: Sequence[Event], height: PowHeight
) -> tuple[BalanceCheck, ...]:
    from hypernode.node.chain.registration_feed import check_balances, replay
    from hypernode.pow.ledger.past_balances import read_past_balances

    state = replay(companion.params, events)
    balances = read_past_balances(companion.file, {entry.collateral for entry in state.entries})
    return tuple(check_balances(companion.params, state, lambda address: balances.get(address, height)))


async def _find_uncounted(
    companion: Companion, events: Sequence[Event], height: PowHeight
) -> dict[str, Uncounted]:
    """Who is registered and does not count, by PoS address, and why."""
    from hypernode.core.counting import find_uncounted
    from hypernode.node.chain.registration_feed import replay

    entries = replay(companion.params, events).entries
    return find_uncounted(entries, await companion.source.get_weights(entries, height))


async def _follow(
    args: argparse.Namespace,
    companion: Companion,
    known: Sequence[Event],
    now: Callable[[], float],
    sleep: Sleep,
) -> None:
    """Print what comes, until Ctrl-C.  What the companion cannot answer for now is waited out."""
    from hypernode.cli.reg_feed_view import print_events
    from hypernode.node.chain.registration_feed import count_equal
    from hypernode.ports.registrations import PowNotReady

    while True:
        await sleep(companion.params.pow_block_s)
        try:
            status = await companion.source.get_status(now())
            if status.height == 0:
                raise PowNotReady(status.problem)
            events = await companion.source.get_feed(status.height)
        except PowNotReady as error:
            print(f"hn_reg_feed: {error}", file=sys.stderr)
            continue
        same = count_equal(known, events)
        if same < len(known):
            print(f"hn_reg_feed: {len(known) - same} events were rolled back", file=sys.stderr)
        # by identity: a row may come twice, and comparing each with each costs the square of their number
        news = {id(event) for event in events[same:]}
        print_events([event for event in _select(args, events) if id(event) in news], as_json=args.json)
        known = events


def _fail(words: str, status: Exit) -> int:
    print(f"hn_reg_feed: {words}", file=sys.stderr)
    return status
