"""SIGKILL at random moments, and at every step of forging (``make soak`` is the long form)."""

from __future__ import annotations

import asyncio
from pathlib import Path

from tests.soak import forging_life
from tests.soak.kills import Watcher, play_forging_era, play_storage_era
from tests.soak.processes import Report, start

KILLS = 6
PUSH = "connections.connect"


def test_what_a_killed_process_acknowledged_is_there_and_whole() -> None:
    done = play_storage_era(1, KILLS)
    assert done["kills"] == KILLS
    assert done["digested"] > 0


def test_a_killed_hypernode_keeps_its_chain_and_never_signs_twice() -> None:
    done = play_forging_era(1, KILLS)
    assert done["kills"] == KILLS
    assert done["forged"] > 0


def _live(folder: Path, watcher: Watcher, last_step: int | None) -> list[str]:
    """One life in the slot; the steps that it made."""
    folder.mkdir(exist_ok=True)
    child = start(forging_life.forge_once, folder, last_step)
    reports: list[Report] = list(child.read_rest())
    status = child.end()
    assert status == (forging_life.KILLED if last_step is not None else 0)
    for report in reports:
        watcher.note(report)
    asyncio.run(watcher.look(folder))
    return [report[1] for report in reports if report[0] == "step"]


def test_a_node_killed_at_any_step_of_forging_sends_one_block_a_slot(tmp_path: Path) -> None:
    steps = _live(tmp_path / "whole", Watcher(), None)
    assert "journal.record" in steps
    assert steps.index("journal.record done") < steps.index("ledger.append")
    assert steps.index("ledger.append done") < steps.index("connections.connect")
    for number, step in enumerate(steps):
        folder, watcher = tmp_path / str(number), Watcher()
        last = _live(folder, watcher, number)[-1]
        # pushes go on beside each other: which of them is met first is the host's affair
        assert last == step or (last.startswith(PUSH) and step.startswith(PUSH))
        again = _live(folder, watcher, None)
        left = {block_hash for hashes in watcher.left.values() for block_hash in hashes}
        is_signed = number > steps.index("journal.record")
        assert len(left) <= 1, f"after {step}"
        # What was journalled is never signed again; before that, the restarted node forges.
        assert ("ledger.append done" in again) == (not is_signed), f"after {step}"
