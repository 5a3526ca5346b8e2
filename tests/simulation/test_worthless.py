"""Registrations without collateral beside honest hypernodes, eight for each: the short form of what
``make soak`` plays with 1,200 beside 150."""

from __future__ import annotations

from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

FEW = Scenario(seed=1, nodes=6, hours=1.6, kinds=(), legacy=2, worthless=48, until_s=5_039.0)
"""The round in which legacy nodes are active, for some slots; the end is right after a check."""


def test_every_slot_of_ours_gets_its_block_whatever_is_registered_beside() -> None:
    report = play(FEW)
    assert report.failure is None, report.failure
    filled, held = report.of_ours
    assert filled == held
    assert held >= 15
    # what legacy nodes lose: their consensus is a share of the whole list
    assert report.of_legacy[0] == 0
    assert report.of_legacy[1] >= 2
    assert report.legacy_along == FEW.legacy
    assert report.legacy_restarts == 0
