"""``scores.json``: the score of a round (spec 7)."""

from __future__ import annotations

from hypernode.core.kpis import compute_score
from hypernode.core.types import Kpis
from hypernode.vectors.outcome import Json, Outcome, compare


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a score, to the last bit; KPIs that are missing count as 0."""
    return compare(case["score"], compute_score(Kpis(**case["detail"]), case["weight"]))
