"""The oracle judges whole runs, and finds what nodes and invariants get wrong together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import pytest

from hypernode.core import lottery
from hypernode.core.types import Juror, Kpis, PeerTest
from hypernode.sim.faults.plan import parse_kinds
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario
from hypernode.storage import rounds
from hypernode.storage.interface import Reader
from tests.simulation.oracle_judge import NAME, OracleJudge, play_judged

FORKS = Scenario(seed=9, nodes=7, hours=1.6, kinds=parse_kinds("crash,partition,equivocate"), connect=4)
VOIDS = Scenario(seed=6, nodes=4, hours=2.5, kinds=parse_kinds("pow_void"), connect=3, until_s=7_400)
MIXED = Scenario(seed=10, nodes=5, hours=0.8, kinds=parse_kinds("crash,partition"), connect=4, legacy=2)
SHORT = Scenario(seed=5, nodes=5, hours=0.1, kinds=())
"""In its first round tickets of two hypernodes are equally far, and the later one has the smaller address."""


@pytest.mark.parametrize("scenario", [FORKS, VOIDS, MIXED], ids=["forks", "voids", "mixed"])
def test_blocks_plans_and_choices_of_a_run_are_those_of_the_specification(scenario: Scenario) -> None:
    judge = OracleJudge()
    report = play(scenario, further=[judge])
    assert report.failure is None, f"{scenario.to_arguments()}: {report.failure}"
    assert judge.judged["blocks"] >= report.filled
    assert judge.judged["kpis"] == 2 * judge.judged["plans"] > 80
    assert judge.judged["choices"] or scenario is not FORKS


def draw_jurors_by_address(tickets: Iterable[Juror], reference: bytes, slots: int) -> tuple[Juror, ...]:
    """Ties are broken by address."""

    def measure(ticket: Juror) -> tuple[int, str]:
        return lottery.compute_distance(ticket, reference), ticket.address

    return tuple(sorted(tickets, key=measure)[:slots])


def draw_tests_backwards(
    kinds: Sequence[int],
    tests_per_slot: int,
    candidates: Sequence[str],
    jurors: Sequence[Juror],
    reference: bytes,
) -> tuple[tuple[PeerTest, ...], ...]:
    """The list from its end."""
    return DRAW_TESTS(kinds, tests_per_slot, candidates[::-1], jurors, reference)


DRAW_TESTS = lottery.compute_tests


@pytest.mark.parametrize(
    ("name", "mutant", "what"),
    [
        ("compute_jurors", draw_jurors_by_address, "jurors"),
        ("compute_tests", draw_tests_backwards, "tests"),
    ],
    ids=["ties", "tests"],
)
def test_what_all_nodes_get_wrong_together_is_found(
    monkeypatch: pytest.MonkeyPatch, name: str, mutant: object, what: str
) -> None:
    monkeypatch.setattr(lottery, name, mutant)
    assert play(SHORT).failure is None
    failure = play_judged(SHORT).failure
    assert failure is not None
    assert failure.name == NAME
    assert what in failure.detail


def test_wrong_kpis_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    count = rounds.get_kpis

    async def count_starts_as_tests(reader: Reader, first: int, last: int) -> dict[str, Kpis]:
        reported = await count(reader, first, last)
        return {
            who: replace(kpis, start_count=0, ok_tests_sent=kpis.ok_tests_sent + kpis.start_count)
            for who, kpis in reported.items()
        }

    monkeypatch.setattr(rounds, "get_kpis", count_starts_as_tests)
    failure = play_judged(SHORT).failure
    assert failure is not None
    assert failure.name == NAME
    assert "KPIs of round" in failure.detail


def test_a_quick_signer_is_refused() -> None:
    with pytest.raises(ValueError, match="real signatures"):
        play_judged(replace(SHORT, has_quick_signer=True))
