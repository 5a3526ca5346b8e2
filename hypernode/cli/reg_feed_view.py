"""The registration feed as JSON and as text.  What strangers wrote into the ledger is escaped."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from hypernode.cli.text_table import format_table
from hypernode.core.counting import Uncounted
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.printable import printable
from hypernode.core.registrations.registry import COIN
from hypernode.core.types import PowHeight, Registration
from hypernode.node.chain.registration_feed import BalanceCheck, Event, replay

_TIME: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, slots=True)
class Feed:
    """What is shown: ``events`` up to a height that was taken for a reason (``until``), those of them that
    were asked for, and the checks of balances if they were."""

    params: ChainParams
    pow_height: PowHeight
    until: str
    events: tuple[Event, ...]
    chosen: tuple[Event, ...]
    checks: tuple[BalanceCheck, ...] | None
    uncounted: Mapping[str, Uncounted] = field(default_factory=dict)
    """By PoS address, why one that is registered does not count (spec 3)."""


def print_feed(feed: Feed, *, as_json: bool) -> None:
    """All of it: JSON on one line, or text."""
    entries = replay(feed.params, feed.events).entries
    registered, left_out = len(entries), [entry for entry in entries if entry.pos in feed.uncounted]
    if as_json:
        answer = {
            "pow_height": feed.pow_height,
            "until": feed.until,
            "registered": registered,
            "counted": registered - len(left_out),
            "uncounted": [_describe_uncounted(entry, feed.uncounted) for entry in left_out],
            "events": [describe_event(event) for event in feed.chosen],
        }
        if feed.checks is not None:
            answer["balances"] = [_describe_check(check) for check in feed.checks]
        print(json.dumps(answer))
        return
    print_events(feed.chosen, as_json=False)
    if feed.checks is not None:
        headings = ("ip", "address", "registered", "weight", "balance", "")
        print(format_table(headings, [_make_row(check) for check in feed.checks], left=(0, 1, 5)))
    if left_out:
        rows = [(e.ip, e.collateral, e.weight, feed.uncounted[e.pos].value) for e in left_out]
        print(format_table(("ip", "address", "registered", "does not count"), rows, left=(0, 1, 3)))
    print(
        f"{registered} hypernodes are registered at PoW block {feed.pow_height}, {feed.until}; "
        f"{registered - len(left_out)} of them count"
    )


def print_events(events: Sequence[Event], *, as_json: bool) -> None:
    """One after the other, flushed: somebody may be watching."""
    for row, result in events:
        if as_json:
            print(json.dumps(describe_event((row, result))), flush=True)
            continue
        when = time.strftime(_TIME, time.gmtime(min(max(0.0, row.timestamp), 2.0**32)))
        verdict = "Ok" if result.rule is None else f"Ko ({result.rule.label})"
        print(f"{row.height} {when} {row.operation} from {printable(row.address)}")
        print(f"    {printable(row.openfield)}")
        print(f"    {verdict}: {printable(result.reason)}", flush=True)


def describe_event(event: Event) -> dict[str, object]:
    """A row and what became of it, as a JSON object."""
    row, result = event
    return {
        "height": row.height,
        "timestamp": row.timestamp,
        "address": row.address,
        "operation": row.operation,
        "openfield": row.openfield,
        "ok": result.ok,
        "reason": result.reason,
        "rule": "" if result.rule is None else result.rule.label,
        "weight": result.weight,
    }


def _describe_check(check: BalanceCheck) -> dict[str, object]:
    return {
        "address": check.entry.collateral,
        "ip": check.entry.ip,
        "pos": check.entry.pos,
        "registered_weight": check.entry.weight,
        "weight": check.weight,
        "balance": None if check.balance is None else check.balance / COIN,
        "ok": check.is_enough,
    }


def _describe_uncounted(entry: Registration, uncounted: Mapping[str, Uncounted]) -> dict[str, object]:
    return {
        "address": entry.collateral,
        "ip": entry.ip,
        "pos": entry.pos,
        "registered_weight": entry.weight,
        "reason": uncounted[entry.pos].value,
    }


def _make_row(check: BalanceCheck) -> list[object]:
    balance = "-" if check.balance is None else f"{check.balance / COIN:.8f}"
    entry, verdict = check.entry, "ok" if check.is_enough else "below its weight"
    return [entry.ip, entry.collateral, entry.weight, check.weight, balance, verdict]
