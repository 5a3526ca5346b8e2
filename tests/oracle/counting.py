"""Spec 1 (height) and spec 7 (KPIs, score): by counting over whole chains."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def measure(chain: Sequence[Any]) -> dict[str, object]:
    """The height of a chain of blocks that begins with genesis, which counts in nothing but its own round."""
    last = chain[-1]
    earlier = [b for b in chain[1:] if b.round < last.round]
    same = [b for b in chain[1:] if b.round == last.round]
    forgers_round = {b.forger for b in same}
    return {
        "height": last.height,
        "round": last.round,
        "sir": last.sir,
        "block_hash": last.block_hash,
        "uniques": len({m.sender for b in earlier for m in b.messages}),
        "uniques_round": len({m.sender for b in same for m in b.messages}),
        "forgers": len({b.forger for b in earlier}),
        "forgers_round": len(forgers_round) if len(chain) > 1 else 1,
    }


def count_kpis(blocks: Sequence[Any]) -> dict[str, dict[str, int]]:
    """By address, over the blocks of a span of rounds."""
    messages = [m for b in blocks for m in b.messages]
    forgers = [b.forger for b in blocks]
    found: dict[str, dict[str, int]] = {}
    candidates = {*forgers, *(m.sender for m in messages), *(m.recipient for m in messages if m.what == 200)}
    for who in candidates:
        sent = [m for m in messages if m.sender == who]
        got_101 = {m.sender for m in messages if m.what == 101 and m.recipient == who}
        gave_101 = {m.recipient for m in sent if m.what == 101}
        found[who] = {
            "forged": forgers.count(who),
            "sources": len(sent),
            "start_count": sum(m.what == 202 and m.params == "START" for m in sent),
            "no_tests_sent": sum(m.what == 201 for m in sent),
            "ok_tests_sent": sum(m.what == 202 and m.params != "START" for m in sent),
            "ko_tests_sent": sum(m.what == 204 for m in sent),
            "ok_actions_received": sum(m.what == 200 and m.recipient == who for m in messages),
            "ko_actions_received": len(got_101) + len(gave_101),
        }
    return found


def score(kpis: dict[str, int], weight: int) -> float:
    """Of a round."""
    get = {**dict.fromkeys(KPI_NAMES, 0), **kpis}
    t = get["sources"] - get["start_count"]
    total = 0.0
    if t >= 3:
        total += min(t, 9) / 3
    if t > 80:
        total -= 1
    if get["forged"]:
        total += 1
    total -= get["start_count"] / 3 * weight
    total += min((get["no_tests_sent"] + get["ok_tests_sent"] + get["ko_tests_sent"]) / 10, 1)
    total += get["ok_actions_received"] / 2
    total -= get["ko_actions_received"] / 2
    return total


KPI_NAMES = (
    "forged",
    "sources",
    "start_count",
    "no_tests_sent",
    "ok_tests_sent",
    "ko_tests_sent",
    "ok_actions_received",
    "ko_actions_received",
)
