"""Who is drawn as a juror, and how often: the rule of spec 3 over many rounds, without any nodes.

A ticket is an address and its number, its place among the active; its hash stays the same from round to
round as long as nobody before it on the list goes or comes.  The nearest to the reference hash win, and
what is near the middle in every byte is nearer to most reference hashes than what is not.  So on a list
that stays slots are not spread evenly, and who looks for an address with a good ticket before registering
it gets more of them. Where some are ``away`` (that part of all is inactive in a round, drawn anew for
each), numbers move, and hashes with them.  Who has the last block of a round, whose hash is the next
reference, can look for a good one among those that it could seal.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hypernode.core.hashing import h20
from hypernode.core.lottery import Draws, compute_jurors, compute_tickets, hash_ticket
from hypernode.core.params.networks import mainnet
from hypernode.core.types import Juror

SLOTS: Final = mainnet().slots
_MIDDLE: Final = 255
"""Twice the middle of a byte."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Slots a round, each hypernode with one ticket: what is ``fair``, the least and the most that one gets;
    ``top_tenth`` and ``bottom_tenth``: parts of all slots."""

    hypernodes: int
    away: float
    fair: float
    least: float
    most: float
    top_tenth: float
    bottom_tenth: float


@dataclass(frozen=True, slots=True)
class Share:
    """``part`` of the hypernodes conspire, and make so many ``tries``: their part of all slots, and of the
    last ones."""

    hypernodes: int
    part: float
    tries: int
    slots: float
    last_slots: float
    away: float = 0.0


def survey_spread(hypernodes: int, rounds: int, seed: int, away: float = 0.0) -> Spread:
    """Reference hashes and addresses are drawn; no one cheats."""
    names = _list_names(hypernodes, seed)
    counts = Counter(dict.fromkeys(names, 0))
    for jurors in _draw_rounds(names, away, rounds, seed):
        counts.update(juror.address for juror in jurors)
    ordered = sorted(counts.values())
    tenth, all_slots = max(1, hypernodes // 10), rounds * SLOTS
    return Spread(
        hypernodes,
        away,
        SLOTS / hypernodes,
        ordered[0] / rounds,
        ordered[-1] / rounds,
        sum(ordered[-tenth:]) / all_slots,
        sum(ordered[:tenth]) / all_slots,
    )


def survey_addresses(
    hypernodes: int, part: float, tries: int, rounds: int, seed: int, away: float = 0.0
) -> Share:
    """Each conspirator registers the best of ``tries`` addresses for its place, the last ones on the list."""
    count = round(part * hypernodes)
    honest = _list_names(hypernodes - count, seed)
    chosen = [_find_address(len(honest) + n, tries, seed) for n in range(count)]
    draws = list(_draw_rounds([*honest, *chosen], away, rounds, seed))
    return replace(_count(hypernodes, part, tries, draws, frozenset(chosen)), away=away)


def survey_references(hypernodes: int, part: float, tries: int, rounds: int, seed: int) -> Share:
    """When a conspirator has the last slot of a round, it seals the best of ``tries`` blocks: one after which
    the last slot of the next round is theirs, and then as many others as can be."""
    names = _list_names(hypernodes, seed)
    tickets = _make_tickets(names)
    conspirators = frozenset(names[: round(part * hypernodes)])
    draws: list[tuple[Juror, ...]] = []
    for number in range(rounds):
        has_last = bool(draws) and draws[-1][-1].address in conspirators
        references = _list_references(tries if has_last else 1, seed, f"round {number} ")
        options = [compute_jurors(tickets, reference, SLOTS) for reference in references]
        draws.append(max(options, key=lambda jurors: _rate(jurors, conspirators)))
    return _count(hypernodes, part, tries, draws, conspirators)


def _draw_rounds(names: Sequence[str], away: float, rounds: int, seed: int) -> Iterator[tuple[Juror, ...]]:
    """The jurors of each round."""
    draws, all_tickets = Draws(f"away {seed} {away}"), _make_tickets(names)
    for reference in _list_references(rounds, seed):
        order = list(names)
        draws.shuffle(order)
        gone = frozenset(order[: round(away * len(names))])
        tickets = _make_tickets([name for name in names if name not in gone]) if gone else all_tickets
        yield compute_jurors(tickets, reference, SLOTS)


def _rate(jurors: Sequence[Juror], conspirators: frozenset[str]) -> tuple[bool, int]:
    own = [juror.address in conspirators for juror in jurors]
    return own[-1], sum(own)


def _count(
    hypernodes: int,
    part: float,
    tries: int,
    draws: Sequence[Sequence[Juror]],
    conspirators: frozenset[str],
) -> Share:
    rated = [_rate(jurors, conspirators) for jurors in draws]
    return Share(
        hypernodes,
        part,
        tries,
        sum(slots for _, slots in rated) / (len(draws) * SLOTS),
        sum(last for last, _ in rated) / len(draws),
    )


def _find_address(ticket: int, tries: int, seed: int) -> str:
    """The one whose ticket is nearest to the middle."""
    names = (f"conspirator {seed} {ticket} {n}" for n in range(tries))
    return min(names, key=lambda name: sum(abs(2 * b - _MIDDLE) for b in hash_ticket(Juror(name, ticket))))


def _list_names(count: int, seed: int) -> list[str]:
    """They stand for addresses: the rule hashes their text."""
    return [f"hypernode {seed} {n}" for n in range(count)]


def _make_tickets(names: Sequence[str]) -> list[Juror]:
    return compute_tickets([(name, 1) for name in names], SLOTS)


def _list_references(count: int, seed: int, name: str = "") -> Iterator[bytes]:
    return (h20(f"reference {seed} {name}{n}".encode()) for n in range(count))
