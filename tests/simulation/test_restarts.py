"""Nodes that end and are back after seconds: what they had signed is still true of the slot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

import hypernode.node.duty.forger as forger_module
from hypernode.core.forging import draft_block, sign_block
from hypernode.core.types import Block
from hypernode.node.duty.forger import Forger
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

IN_SIGNING = Scenario(seed=2, nodes=5, hours=1.1, kinds=(FaultKind.RESTART_IN_SIGNING,), connect=4)


def test_a_node_killed_in_signing_and_back_in_the_slot_signs_it_once() -> None:
    report = play(IN_SIGNING)
    assert report.failure is None, report.failure
    assert report.felt["restart_in_signing"] >= 2


def _sign_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each forger signs its draft before it is journalled."""
    signers: dict[str, Callable[[bytes], bytes]] = {}
    forge = Forger.forge

    def draft_and_sign(address: str, *parts: Any) -> Block:
        draft = draft_block(address, *parts)
        sign_block(signers[address], draft)
        return draft

    async def note_signer(self: Forger, *args: Any) -> Block:
        signers[self.signer.address] = self.signer.sign
        return await forge(self, *args)

    monkeypatch.setattr(forger_module, "draft_block", draft_and_sign)
    monkeypatch.setattr(Forger, "forge", note_signer)


def test_a_node_that_signs_before_it_journals_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    _sign_first(monkeypatch)
    failure = play(IN_SIGNING).failure
    assert failure is not None
    assert failure.name == "nobody_signs_twice"


@pytest.mark.parametrize("kind", [FaultKind.RESTART, FaultKind.RESTART_STORM], ids=lambda kind: kind.value)
def test_nodes_that_are_back_after_seconds_miss_little(kind: FaultKind) -> None:
    report = play(replace(IN_SIGNING, seed=1, kinds=(kind,)))
    assert report.failure is None, report.failure
    assert report.felt[kind.value] == report.faults.total() >= 1
    assert report.filled >= 0.9 * report.slots
