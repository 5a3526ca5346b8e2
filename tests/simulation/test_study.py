"""Cells of the study with few hosts: each fault does what it is for, and a cell replays."""

from __future__ import annotations

from dataclasses import replace

from hypernode.study.cells import Cell
from hypernode.study.play import play_cell

QUIET = Cell(nodes=4, connect=3, hours=0.2)


def test_a_quiet_cell_fills_its_slots_and_replays() -> None:
    outcome = play_cell(QUIET)
    assert outcome.slots == outcome.filled == outcome.fillable == outcome.fillable_filled == 4
    assert outcome.agree > 0.9
    assert (outcome.fork_depth, outcome.lost, outcome.largest) == (0, 0, 1.0)
    assert play_cell(QUIET) == outcome


def test_a_plot_at_the_end_of_a_round_leaves_two_branches() -> None:
    """Two of six conspire.  Had their two blocks come in their slot, the closing slot would have healed."""
    plot = play_cell(Cell(nodes=6, connect=5, plot=0.34, hours=0.15))
    assert plot.struck
    assert plot.fork_longest_s > 500
    assert plot.largest == 0.5
    assert 0 < plot.split <= 4
    early = play_cell(Cell(nodes=6, connect=5, plot=0.34, hours=0.05, strike_s=185))
    assert early.struck
    assert 0 < early.fork_longest_s < 60
    assert early.largest == 1.0


def test_faults_reach_the_network() -> None:
    """Lost packets, outages and liars: each gives another run than the quiet one, in its own way."""
    lossy = play_cell(replace(QUIET, loss=0.3, hours=0.1))
    away = play_cell(replace(QUIET, uptime=0.3, hours=0.1))
    lying = play_cell(replace(QUIET, liars=0.25, hours=0.1))
    assert len({outcome.trace for outcome in (lossy, away, lying)}) == 3
    assert away.fillable < away.slots == lying.slots == lossy.slots == lossy.fillable
    assert lying.fillable < lying.slots
