"""A summary of a week's rewards in a few lines, for people and as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rewards import Rewards
from hypernode.core.timeline import compute_round_start
from hypernode.core.types import PowHeight, Round, Timestamp
from hypernode.node.chain.reward_week import LeftOut, RewardWeek

MAX_NAMED: Final = 20
"""Rounds that are named one by one."""
_TIME: Final = "%Y-%m-%d %H:%M UTC"


@dataclass(frozen=True, slots=True)
class Below:
    """A collateral address that was below its weight in so many rounds."""

    address: str
    rounds: int
    first: Round
    last: Round


@dataclass(frozen=True, slots=True)
class Summary:
    """BIS as doubles; ``pot`` whole.  Equal for equal chains, whenever it is made."""

    name: str
    network: str
    first_round: Round
    last_round: Round
    begin: Timestamp
    end: Timestamp
    pow_height: PowHeight
    pot: int
    trigger: float
    hypernodes: int
    reward_addresses: int
    entries: int
    entries_below: int
    total_weights: int
    full_weights: int
    loss_percent: float
    max_reward: float
    token_unit: float
    total_tokens: int
    paid: float
    rounds_without_blocks: tuple[Round, ...]
    below_their_weight: tuple[Below, ...]


def summarise(params: ChainParams, name: str, week: RewardWeek, rewards: Rewards) -> Summary:
    """Of the rewards of a week."""
    return Summary(
        name=name,
        network=params.name,
        first_round=week.rounds[0],
        last_round=week.rounds[-1],
        begin=compute_round_start(params, week.rounds[0]),
        end=compute_round_start(params, week.rounds[-1] + 1),
        pow_height=week.pow_height,
        pot=rewards.pot,
        trigger=rewards.trigger,
        hypernodes=len(rewards.hypernodes),
        reward_addresses=len(rewards.addresses),
        entries=rewards.entries,
        entries_below=rewards.entries_below,
        total_weights=rewards.total_weight,
        full_weights=rewards.full_weight,
        loss_percent=rewards.loss_percent,
        max_reward=rewards.hypernodes[0].reward if rewards.hypernodes else 0.0,
        token_unit=rewards.token_unit,
        total_tokens=sum(row.total_tokens for row in rewards.addresses),
        paid=rewards.paid,
        rounds_without_blocks=week.empty,
        below_their_weight=_group(week.left_out),
    )


def _group(left_out: Sequence[LeftOut]) -> tuple[Below, ...]:
    rounds: dict[str, list[Round]] = {}
    for lost in left_out:
        rounds.setdefault(lost.entry.collateral, []).append(lost.round)
    return tuple(Below(address, len(of), of[0], of[-1]) for address, of in sorted(rounds.items()))


def format_file(summary: Summary) -> str:
    """As JSON for a file."""
    return json.dumps(asdict(summary), indent=2) + "\n"


def format_json(summary: Summary, written: Sequence[Path], *, is_settled: bool) -> str:
    """On one line, with the files that were written."""
    files = [str(path) for path in written]
    return json.dumps({**asdict(summary), "settled": is_settled, "files": files})


def format_text(summary: Summary, written: Sequence[Path], *, is_settled: bool) -> str:
    """For people, with the files that were written."""
    s = summary
    lines = [
        f"{s.name} of {s.network}: rounds {s.first_round} to {s.last_round}, "
        f"{show_time(s.begin)} to {show_time(s.end)}",
        f"pot at PoW block {s.pow_height}: {s.pot} BIS",
        f"weights of entries with a score of {s.trigger:g} or more: {s.total_weights} of {s.full_weights} "
        f"(loss {s.loss_percent:.2f} %), {s.entries} entries, {s.entries_below} below",
        f"{s.hypernodes} hypernodes, {s.reward_addresses} reward addresses, {s.paid:.8f} BIS in all",
        f"largest reward {s.max_reward:.2f} BIS, token unit {s.token_unit:.2f}, {s.total_tokens} tokens",
        *(
            f"left out: {below.address} was below its weight in {below.rounds} rounds, "
            f"{below.first} to {below.last}"
            for below in s.below_their_weight
        ),
    ]
    if s.rounds_without_blocks:
        named = ", ".join(map(str, s.rounds_without_blocks[:MAX_NAMED]))
        more = ", …" if len(s.rounds_without_blocks) > MAX_NAMED else ""
        lines.append(f"warning: no block in {len(s.rounds_without_blocks)} rounds: {named}{more}")
    if not is_settled:
        lines.append("warning: nodes may still replace the last blocks of these rounds: run it again later")
    return "\n".join([*lines, *(f"written: {path}" for path in written)])


def show_time(t: Timestamp) -> str:
    return time.strftime(_TIME, time.gmtime(t))
