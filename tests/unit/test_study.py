"""The study's arithmetic: cells in order, outages, samples of tips, results put together."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.params.networks import mainnet
from hypernode.core.types import Block
from hypernode.study.cells import EXPERIMENTS, Cell, Experiment, cell_from_json, list_cells
from hypernode.study.jurors import SLOTS, survey_addresses, survey_references, survey_spread
from hypernode.study.outages import list_outages
from hypernode.study.outcome import SAMPLE_S, Outcome, Parents, Spans, Tally
from hypernode.study.results import (
    MEASURES,
    Result,
    decode_results,
    encode_result,
    list_unplayed,
    put_together,
)
from hypernode.study.voting import settle, survey_aftermath

LOSS = Experiment("loss", "Loss", Cell(nodes=5, connect=4), "loss", (0.0, 0.5), seeds=2)
BAR = Experiment("bar", "Bar", Cell(nodes=5, connect=4, plot=0.2), "min_forge_consensus", (18, 60), seeds=1)


# --- cells --------------------------------------------------------------------------------------------


def test_every_experiment_has_its_first_seed_before_any_has_its_second() -> None:
    cells = list_cells([LOSS, BAR])
    assert [cell.seed for cell in cells] == [1, 1, 1, 1, 2, 2]
    assert [cell.loss for cell in cells] == [0.0, 0.5, 0.0, 0.0, 0.0, 0.5]
    late = replace(BAR, first_turn=2)
    assert [cell.plot for cell in list_cells([LOSS, late])] == [0.0, 0.0, 0.0, 0.0, 0.2, 0.2]
    assert list_cells([LOSS, BAR], only=["bar"]) == [cell for cell in cells if cell.plot]
    assert list_cells([]) == []


def test_a_cell_of_two_experiments_is_played_once() -> None:
    again = replace(LOSS, name="again", values=(0.5, 0.9))
    assert len(list_cells([LOSS, again])) == 6
    # as a parameter that is as main has it
    usual = mainnet().default_tunables.min_forge_consensus
    assert BAR.make_cell(usual, 0.0, 1) == BAR.base
    assert BAR.make_cell(usual + 1, 0.0, 1).changes == (("min_forge_consensus", usual + 1),)


def test_points_dial_fewer_than_there_are() -> None:
    for experiment in EXPERIMENTS:
        for line, value in experiment.list_points():
            cell = experiment.make_cell(value, line, 1)
            assert cell.connect < cell.nodes
    size = next(experiment for experiment in EXPERIMENTS if experiment.name == "size")
    assert (40.0, 20) not in size.list_points()
    assert (40, 50) in size.list_points()


def test_a_line_is_played_for_hours_of_its_own() -> None:
    sizes = replace(LOSS, line="nodes", lines=(20, 300), hours=(0.5, 0.15))
    assert sizes.make_cell(0.5, 20, 1) == replace(LOSS.base, nodes=20, loss=0.5, hours=0.5)
    assert sizes.make_cell(0.5, 300, 2) == replace(LOSS.base, nodes=300, loss=0.5, hours=0.15, seed=2)
    assert all(len(e.hours) in {0, len(e.lines)} for e in EXPERIMENTS)


def test_a_cell_lives_by_mains_rules_but_for_its_changes() -> None:
    params = Cell(connect=7, changes=(("min_forge_consensus", 40), ("height_exchange_s", 5.0))).make_network()
    assert params.default_tunables.max_connect_to == 7
    assert params.default_tunables.min_forge_consensus == 40
    assert params.delays == replace(mainnet().delays, height_exchange_s=5.0)
    plain = Cell().make_network()
    assert plain.default_tunables.min_forge_consensus == mainnet().default_tunables.min_forge_consensus
    assert plain.slot_s == mainnet().slot_s
    assert plain.min_active == mainnet().min_active
    assert Cell(nodes=8, connect=3).make_network().min_active == 2


@given(st.builds(Cell, changes=st.lists(st.tuples(st.text(), st.floats(0, 9)), max_size=2).map(tuple)))
def test_a_cell_survives_json(cell: Cell) -> None:
    assert cell_from_json(cell.to_json()) == cell


# --- faults -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("uptime", [0.5, 0.8])
def test_hosts_are_down_for_the_part_of_the_time_that_the_cell_says(uptime: float) -> None:
    cell, length = Cell(nodes=100, uptime=uptime), 144_000.0
    down = sum(min(end, length) - begin for _, begin, end in list_outages(cell, length))
    assert down / (cell.nodes * length) == pytest.approx(1 - uptime, abs=0.02)


def test_outages_of_a_host_do_not_overlap_and_none_come_with_full_uptime() -> None:
    over: dict[int, float] = {}
    for host, begin, end in list_outages(Cell(uptime=0.5), 36_000.0):
        assert over.get(host, -1.0) < begin < end
        over[host] = end
    assert list_outages(Cell(), 36_000.0) == []


# --- samples ------------------------------------------------------------------------------------------


def _make_parents(*pairs: str) -> Parents:
    """Of blocks named by a letter each: ``ba`` follows ``a`` with ``b``."""
    parents = Parents()
    for pair in pairs:
        name, parent = pair[0].encode(), pair[1].encode()
        block = Block(1, 1, 0, 0, parent, (), 0, 0, b"", name, "")
        parents.note(block)
    return parents


def test_a_fork_is_as_deep_as_its_shorter_branch() -> None:
    parents = _make_parents("ag", "ba", "cb", "xa")
    assert parents.walk(b"c") == [b"c", b"b", b"a"]
    assert parents.compute_fork(b"c", b"x") == 1
    assert parents.compute_fork(b"c", b"a") == 0  # behind is not apart
    assert parents.compute_fork(b"c", b"g") == 0
    assert _make_parents("ag", "ba", "xg", "yx", "zy").compute_fork(b"b", b"z") == 2


def test_spans_last_as_long_as_what_they_are_of() -> None:
    spans = Spans()
    for is_on in (False, True, True, False, True, False, False):
        spans.add(is_on, 5.0)
    assert spans.lengths == [10.0, 5.0]
    assert (spans.longest, spans.middle) == (10.0, 7.5)
    assert (Spans().longest, Spans().middle) == (0.0, 0.0)


def test_samples_tell_agreeing_from_being_behind_and_from_being_apart() -> None:
    tally = Tally(_make_parents("ag", "ba", "xa"))
    together = dict.fromkeys(range(10), b"b")
    tally.add(together)
    tally.add({**together, 0: b"a"})
    tally.add({**together, 0: b"a", 1: b"x"})
    tally.add({})
    assert (tally.samples, tally.agreed, tally.agreed_most) == (3, 1, 2)
    assert (tally.apart.longest, tally.most_apart.longest) == (2 * SAMPLE_S, SAMPLE_S)
    assert (tally.forked.longest, tally.fork_depth) == (SAMPLE_S, 1)
    assert Tally(Parents()).compute_largest() == 0.0
    # host 0 is on its way to the branch of most, host 1 is not
    assert tally.compute_largest() == 0.9


# --- results ------------------------------------------------------------------------------------------


def _make_result(cell: Cell, filled: int, struck: bool = False) -> Result:
    return Result(cell, Outcome(slots=20, filled=filled, struck=struck), 1.5, "2026-11-27", "abc")


def test_results_are_read_again_without_a_line_that_was_cut_off() -> None:
    cells = list_cells([LOSS, BAR])
    results = [_make_result(cell, n) for n, cell in enumerate(cells)]
    text = "".join(f"{encode_result(result)}\n" for result in results)
    assert list(decode_results(text).values()) == results
    assert list(decode_results(text[:-20]).values()) == results[:-1]
    assert list_unplayed(cells, decode_results(text[:-20])) == cells[-1:]
    twice = text + f"{encode_result(replace(results[0], cpu_s=9.0))}\n"
    assert decode_results(twice)[cells[0]].cpu_s == 1.5


@pytest.mark.parametrize("line", ["", "nonsense", "[]", '{"cell": {"colour": 1}}', '{"outcome": {}}'])
def test_a_line_that_is_no_result_is_named(line: str) -> None:
    good = encode_result(_make_result(Cell(), 1))
    with pytest.raises(ValueError, match="line 2 is no result"):
        decode_results(f"{good}\n{line}\n")


def test_a_point_has_the_mean_and_the_range_of_its_seeds() -> None:
    results = {
        cell: _make_result(cell, 10 * cell.seed) for cell in list_cells([LOSS]) if cell.loss or cell.seed == 1
    }
    full, half = put_together(LOSS, results)
    assert (full.value, len(full.outcomes)) == (0.0, 1)
    assert (half.value, len(half.outcomes)) == (0.5, 2)
    assert half.compute_mean("filled") == 75.0
    assert half.compute_range("filled") == (50.0, 100.0)
    assert put_together(LOSS, {}) == []


def test_a_plot_that_did_not_come_about_does_not_count() -> None:
    first, second = list_cells([BAR])
    results = {first: _make_result(first, 5, struck=True), second: _make_result(second, 5)}
    assert [point.value for point in put_together(BAR, results)] == [18]


def test_measures_of_nothing_are_numbers() -> None:
    assert {measure(Outcome()) for measure in MEASURES.values()} == {0.0}


# --- jurors -------------------------------------------------------------------------------------------


def test_slots_are_spread_unevenly_over_many_hypernodes() -> None:
    spread = survey_spread(100, 200, 1)
    assert spread.fair == SLOTS / 100
    assert spread.least < spread.fair < spread.most
    assert spread.bottom_tenth < 0.08 < 0.12 < spread.top_tenth
    # numbers move where some are away, and nobody keeps its luck
    moved = survey_spread(100, 200, 1, 0.2)
    assert moved.top_tenth < spread.top_tenth
    assert moved.bottom_tenth > spread.bottom_tenth
    assert survey_spread(SLOTS, 5, 1).least == survey_spread(SLOTS, 5, 1).most == 1.0


def test_who_chooses_among_many_addresses_gets_more_slots() -> None:
    honest, choosing = (survey_addresses(100, 0.2, tries, 100, 1) for tries in (1, 200))
    assert honest.slots == pytest.approx(0.2, abs=0.06)
    assert choosing.slots > 1.5 * honest.slots
    moved = survey_addresses(100, 0.2, 200, 100, 1, away=0.05)
    assert moved.slots < 0.8 * choosing.slots
    plain, grinding = (survey_references(100, 0.2, tries, 60, 1) for tries in (1, 30))
    assert plain.slots == pytest.approx(0.2, abs=0.06)
    assert grinding.slots > plain.slots
    assert grinding.last_slots > 2 * plain.last_slots


def test_a_draw_of_jurors_follows_from_its_seed() -> None:
    assert survey_references(30, 0.2, 5, 20, 3) == survey_references(30, 0.2, 5, 20, 3)
    assert survey_spread(30, 20, 3) != survey_spread(30, 20, 4)


# --- the aftermath of a plot --------------------------------------------------------------------------


def test_who_sees_most_on_the_better_branch_goes_there() -> None:
    sides = {0: True, 1: True, 2: True, 3: False, 4: False}
    settle(sides, {3: [0, 1, 4], 4: [2, 3, 9]})
    assert sides == dict.fromkeys(range(5), True)  # 4 once 3 was there


def test_plotters_in_sight_keep_a_host_on_its_branch() -> None:
    plotter = 9
    sides = {0: True, 1: True, 2: True, 3: False}
    settle(sides, {3: [0, 1, 2, plotter, 10, 11]})
    assert sides[3] is False
    settle(sides, {3: [0, 1, 2, plotter]})
    assert sides[3] is True


def test_few_plotters_part_nobody_for_long_and_many_do() -> None:
    assert survey_aftermath(20, 10, 0.05, 5).parted == 0.0
    assert survey_aftermath(20, 10, 0.45, 5).parted == survey_aftermath(20, 10, 0.45, 5).parted_longer == 1.0
    assert survey_aftermath(20, 10, 0.2, 5) == survey_aftermath(20, 10, 0.2, 5)
