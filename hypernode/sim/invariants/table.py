"""The table of invariants: what must hold in a simulation whatever happens, each a function whose name says
it (spec 3, 4 and 6).

``check_all`` runs at the end of every slot.  They are cut by subject: of what is stored, of what keys sign,
of how chains change, of size, of legacy nodes, and what needs calm.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, TypeAlias

from hypernode.sim.errors import InvariantFailed, describe_error
from hypernode.sim.invariants.in_calm import (
    all_agree_after_healing,
    calm_slots_are_filled,
    jurors_in_calm_forge,
    messages_get_into_the_chain,
)
from hypernode.sim.invariants.of_change import (
    chains_change_for_the_better,
    old_blocks_stay,
    remember_tips,
    reorganisations_are_declared,
)
from hypernode.sim.invariants.of_duty import the_duty_that_is_told_is_true
from hypernode.sim.invariants.of_legacy import no_legacy_node_is_trapped
from hypernode.sim.invariants.of_messages import (
    each_says_things_once_and_truly,
    mempools_are_equal_in_calm,
    nobody_without_faults_is_blamed,
    note_messages,
    sealed_messages_do_not_vanish,
)
from hypernode.sim.invariants.of_signing import (
    clones_are_found,
    journals_know_own_blocks,
    nobody_is_accused_wrongly,
    nobody_signs_twice,
    only_clones_halt,
)
from hypernode.sim.invariants.of_size import everything_is_bounded, nodes_stay_small
from hypernode.sim.invariants.of_storage import (
    measures_equal_a_recount,
    nothing_acknowledged_is_lost,
    one_block_a_slot,
    rules_hold_for_what_is_stored,
)
from hypernode.sim.invariants.watch import Watch


async def check_all(watch: Watch, further: Iterable[Check] = ()) -> None:
    """Every invariant, then those of who plays.  Raises InvariantFailed."""
    note_messages(watch)
    for check in (*CHECKS, *further):
        await check(watch)
    watch.stored.clear()
    remember_tips(watch)


async def nodes_live(watch: Watch) -> None:
    """No node ends by itself, and no error goes uncaught."""
    for host in watch.cluster.hosts:
        if host.task is not None and host.task.done() and not host.task.cancelled():
            error = host.task.exception()
            raise InvariantFailed("nodes_live", _tell_ended(host.index, error), [host.index])
    for index, legacy in watch.cluster.legacy_hosts.by_index.items():
        task = legacy.task
        if task is not None and task.done() and not task.cancelled() and (problem := task.exception()):
            # Stopping itself is what they do; an error is one of the simulation.
            raise InvariantFailed("nodes_live", f"legacy {_tell_ended(index, problem)}", [index])
    if watch.cluster.failures:
        raise InvariantFailed("nodes_live", watch.cluster.failures[0])


def _tell_ended(index: int, error: BaseException | None) -> str:
    return f"node {index} ended: {describe_error(error) if error else 'without an error'}"


async def check_stopped() -> None:
    """After all stopped: nothing goes on any more."""
    await asyncio.sleep(0)
    others = sorted(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())
    if others:
        raise InvariantFailed("no_task_leaks", f"{len(others)} tasks go on after the stop: {others[:5]}")


Check: TypeAlias = Callable[[Watch], Awaitable[None]]
"""Looks at a run at the end of a slot, and raises InvariantFailed; it may remember what it saw before."""

CHECKS: Final[tuple[Check, ...]] = (
    nodes_live,
    rules_hold_for_what_is_stored,
    one_block_a_slot,
    measures_equal_a_recount,
    nobody_signs_twice,
    journals_know_own_blocks,
    nothing_acknowledged_is_lost,
    chains_change_for_the_better,
    old_blocks_stay,
    reorganisations_are_declared,
    only_clones_halt,
    nobody_is_accused_wrongly,
    everything_is_bounded,
    nodes_stay_small,
    no_legacy_node_is_trapped,
    the_duty_that_is_told_is_true,
    sealed_messages_do_not_vanish,
    nobody_without_faults_is_blamed,
    each_says_things_once_and_truly,
    all_agree_after_healing,
    messages_get_into_the_chain,
    mempools_are_equal_in_calm,
    calm_slots_are_filled,
    jurors_in_calm_forge,
    clones_are_found,
)
