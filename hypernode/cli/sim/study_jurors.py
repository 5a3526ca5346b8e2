"""Who is drawn as a juror, as the documentation shows it: tables and a picture.

Nothing is played: jurors are drawn by the rule, for hypernodes with one ticket each.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypernode.cli.sim.study_report import PICTURES, format_rows
from hypernode.cli.svg import Panel, Series, draw
from hypernode.study.jurors import Share, Spread, survey_addresses, survey_references, survey_spread

JURORS: Final = "lessons_jurors"
"""Of the tables and the picture."""


@dataclass(frozen=True, slots=True)
class JurorSizes:
    """How much is drawn; ``tries`` are those of an address, and of a last block."""

    hypernodes: tuple[int, ...] = (20, 50, 100, 200, 300)
    parts: tuple[float, ...] = (0.05, 0.1, 0.2, 0.3, 0.45)
    address_tries: tuple[int, ...] = (1, 100, 10_000)
    block_tries: tuple[int, ...] = (1, 10, 100)
    aways: tuple[float, ...] = (0.0, 0.003, 0.02, 0.1)
    """Parts of the hypernodes that are inactive in a round."""
    rounds: int = 1_000
    conspiring_rounds: int = 200
    seed: int = 1


def write_jurors(folder: Path, sizes: JurorSizes) -> None:
    """Who is drawn as a juror: tables into ``folder``, a picture into its ``_static``."""
    largest = sizes.hypernodes[-1]
    spreads = [survey_spread(count, sizes.rounds, sizes.seed) for count in sizes.hypernodes]
    spreads += [survey_spread(largest, sizes.rounds, sizes.seed, away) for away in sizes.aways if away]
    rounds, seed = sizes.conspiring_rounds, sizes.seed
    addresses = [
        survey_addresses(largest, part, tries, rounds, seed)
        for tries in sizes.address_tries
        for part in sizes.parts
    ]
    moving = [
        survey_addresses(largest, part, sizes.address_tries[-1], rounds, seed, away)
        for away in sizes.aways
        for part in sizes.parts
    ]
    blocks = [
        survey_references(sizes.hypernodes[len(sizes.hypernodes) // 2], part, tries, rounds, seed)
        for tries in sizes.block_tries
        for part in sizes.parts
    ]
    text = [_format_spreads(spreads, sizes.rounds)]
    text.append(_format_shares("Addresses are chosen", addresses, ("slots",)))
    text.append(_format_moving(moving))
    text.append(_format_shares("Last blocks are chosen", blocks, ("slots", "last_slots")))
    (folder / f"{JURORS}.inc").write_text("\n".join(text), encoding="utf-8")
    panels = [
        _make_panel("Who chooses its address among so many", addresses, "slots"),
        _make_panel("Who chooses its last block among so many", blocks, "slots"),
        _make_panel("Who chooses its last block among so many", blocks, "last_slots"),
    ]
    (folder / PICTURES).mkdir(exist_ok=True)
    picture = folder / PICTURES / f"{JURORS}.svg"
    picture.write_text(draw("Who is drawn as a juror", panels), encoding="utf-8")


_SHARE_WORDS: Final = {"slots": "slots, %", "last_slots": "last slots of a round, %"}


def _format_spreads(spreads: Sequence[Spread], rounds: int) -> str:
    rows = [
        [
            "hypernodes",
            "away, %",
            "fair, slots a round",
            "least",
            "most",
            "worst tenth, % of slots",
            "best tenth, % of slots",
        ]
    ]
    rows += [
        [
            str(spread.hypernodes),
            f"{100 * spread.away:g}",
            *(f"{value:.3f}" for value in (spread.fair, spread.least, spread.most)),
            *(f"{100 * part:.1f}" for part in (spread.bottom_tenth, spread.top_tenth)),
        ]
        for spread in spreads
    ]
    return format_rows(f"Nobody cheats: slots that a hypernode gets, over {rounds:,} rounds", rows)


def _format_shares(title: str, shares: Sequence[Share], measures: Sequence[str]) -> str:
    """A row for each part that conspires, a column for each measure and number of tries."""
    found = {(share.part, share.tries): share for share in shares}
    parts, tries = ({key[place]: None for key in found} for place in (0, 1))
    columns = [(measure, int(count)) for measure in measures for count in tries]
    rows = [["conspire, %", *(f"{_SHARE_WORDS[measure]}: {_format_tries(n)}" for measure, n in columns)]]
    rows += [
        [f"{100 * part:g}", *(f"{100 * _get(found[part, n], measure):.0f}" for measure, n in columns)]
        for part in parts
    ]
    return format_rows(f"{title}, {shares[0].hypernodes} hypernodes", rows)


def _format_moving(shares: Sequence[Share]) -> str:
    """A row for each part that conspires, a column for each part that is away."""
    found = {(share.part, share.away): share for share in shares}
    parts, aways = ({key[place]: None for key in found} for place in (0, 1))
    rows = [["conspire, %", *(f"slots, %: {100 * away:g} % away" for away in aways)]]
    rows += [
        [f"{100 * part:g}", *(f"{100 * found[part, away].slots:.0f}" for away in aways)] for part in parts
    ]
    chosen = f"Addresses are chosen among {shares[0].tries:,}"
    return format_rows(f"{chosen}, and others are inactive, {shares[0].hypernodes} hypernodes", rows)


def _format_tries(count: int) -> str:
    return "no choice" if count == 1 else f"of {count:,}"


def _get(share: Share, measure: str) -> float:
    return share.last_slots if measure == "last_slots" else share.slots


def _make_panel(title: str, shares: Sequence[Share], measure: str) -> Panel:
    lines = [
        Series(
            _format_tries(tries),
            [(100 * s.part, 100 * _get(s, measure)) for s in shares if s.tries == tries],
        )
        for tries in sorted({share.tries for share in shares})
    ]
    words = _SHARE_WORDS[measure]
    return Panel(f"{title}: {words}", "hypernodes that conspire, %", words, lines)
