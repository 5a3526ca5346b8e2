"""What befalls companions, and what is written into their chain: ends of registrations and new ones, voids,
collaterals that are spent, moved on or grow, and other blocks for those that there were.
"""

from __future__ import annotations

from typing import Final

from hypernode.core.registrations.registry import COIN, REGISTER, UNREGISTER, UNVOID, VOID, PowRow
from hypernode.core.timeline import compute_reference_time, compute_round_slot
from hypernode.core.types import PowHeight, Round
from hypernode.pow.scripted_source import FEE, FUNDER, derive_collateral, script_row
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind
from hypernode.sim.faults.registrations import (
    list_moving_rows,
    list_returning_rows,
    list_worthless_rows,
    make_ghosts,
)

MAX_POW_FORK: Final = 15
"""Blocks of the companions' chain that are replaced."""
MAX_DEEP_FORK: Final = 30
"""Blocks below the reference height that are replaced with it."""
AT_REFERENCE: Final = frozenset(
    {FaultKind.POW_AT_REFERENCE, FaultKind.POW_CHURN, FaultKind.POW_SPEND, FaultKind.POW_WEIGHT}
)
"""Their rows are in the very blocks to which lists refer."""
MAX_WEIGHT: Final = 3
"""More collateral does not count."""

MAX_POW_LAG_S: Final = 3_000.0
MIN_POW_LAG_S: Final = 1_000.0
MAX_WORTHLESS: Final = 5
"""Registrations without collateral for each hypernode, less one."""
MAX_HANDS: Final = 3
"""That a collateral goes through; each has tickets on lists that it is on, and forges nothing."""


async def delay_companions(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.pow_sources[index].lag_s = MIN_POW_LAG_S + (MAX_POW_LAG_S - MIN_POW_LAG_S) * fault.amount


async def hasten_companions(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.pow_sources[index].lag_s = 0.0


async def stall_companions(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.pow_sources[index].is_down = True


async def wake_companions(cluster: FaultCluster, fault: Fault) -> None:
    for index in fault.subjects:
        cluster.pow_sources[index].is_down = False


async def fork_companions(cluster: FaultCluster, fault: Fault) -> None:
    """Every second time the rows of the replaced blocks are gone."""
    tip = cluster.script.height_at(cluster.clock.now())
    first = tip - 1 - int(fault.amount * MAX_POW_FORK)
    cluster.script.fork(first, drop_rows=fault.number % 2 == 1, last=tip)
    if any(source.told >= first for source in cluster.pow_sources.values()):
        cluster.impacts.count(fault)


def _may_go(cluster: FaultCluster, fault: Fault) -> bool:
    """Whether a network is left without the subjects: half of it has to be on the list, and not voided."""
    gone = cluster.gone | set(fault.subjects)
    if 2 * len(gone) > cluster.count:
        return False
    cluster.gone = gone
    return True


def _choose_heights(cluster: FaultCluster, fault: Fault) -> tuple[PowHeight, PowHeight]:
    """The next block, and one a round or two later, or no list would show it; or the reference blocks of the
    next list and of one that comes one or two later."""
    if fault.kind in AT_REFERENCE:
        round_ = _find_next_list(cluster)
        back = round_ + 1 + int(2 * fault.amount)
        return _get_reference(cluster, round_), _get_reference(cluster, back)
    first = cluster.script.height_at(cluster.clock.now()) + 1
    return first, first + int((1 + fault.amount) * cluster.params.round_s / cluster.params.pow_block_s)


async def change_lists(cluster: FaultCluster, fault: Fault) -> None:
    """Two rows for each subject: one now, one that takes it back.  Each counts from the first round whose
    reference time comes after it."""
    if not _may_go(cluster, fault):
        return
    script = cluster.script
    first, last = _choose_heights(cluster, fault)
    is_void = fault.kind is FaultKind.POW_VOID
    operations = (VOID, UNVOID) if is_void else (UNREGISTER, REGISTER)
    for index in fault.subjects:
        entry = cluster.params.hypernodes[index]
        for height, operation in zip((first, last), operations, strict=True):
            script.add([script_row(script, operation, entry, height)])


async def register_worthless(cluster: FaultCluster, fault: Fault) -> None:
    """Some for each hypernode, for a round or two."""
    script = cluster.script
    first, last = _choose_heights(cluster, fault)
    count = cluster.count * (1 + int(MAX_WORTHLESS * fault.amount))
    ghosts = make_ghosts(cluster.params, f"worthless {fault.number}", count)
    for height, operation in ((first, REGISTER), (last, UNREGISTER)):
        script.add(list_worthless_rows(script, ghosts, height, operation))


async def move_on(cluster: FaultCluster, fault: Fault) -> None:
    """Through some hands, and back a round or two later."""
    if not _may_go(cluster, fault):
        return
    script, [index] = cluster.script, fault.subjects
    first, last = _choose_heights(cluster, fault)
    pos = cluster.params.hypernodes[index].pos
    heirs = make_ghosts(cluster.params, f"heir {fault.number}", 1 + int(MAX_HANDS * fault.amount))
    script.add(list_moving_rows(script, pos, heirs, first))
    script.add(list_returning_rows(script, pos, heirs, last))
    cluster.moved.add(pos)


# --- at the reference height ----------------------------------------------------------------------------


def _get_reference(cluster: FaultCluster, round_: Round) -> PowHeight:
    """The last block that counts for a round's list."""
    return cluster.script.height_at(compute_reference_time(cluster.params, round_))


def _find_next_list(cluster: FaultCluster) -> Round:
    """The first round whose reference block is yet to come."""
    tip = cluster.script.height_at(cluster.clock.now())
    round_, _ = compute_round_slot(cluster.params, cluster.clock.now())
    while _get_reference(cluster, round_) <= tip:
        round_ += 1
    return round_


async def spend(cluster: FaultCluster, fault: Fault) -> None:
    """The collateral goes, and comes back; the registration stays."""
    if not _may_go(cluster, fault):
        return
    script, units = cluster.script, cluster.params.collateral_unit * COIN
    first, last = _choose_heights(cluster, fault)
    for index in fault.subjects:
        pos = cluster.params.hypernodes[index].pos
        address = derive_collateral(pos)
        gone = PowRow(first, script.timestamp_of(first), address, FUNDER, units, FEE, 0, "", "")
        back = PowRow(last, script.timestamp_of(last), FUNDER, address, units + COIN, FEE, 0, "", "")
        script.add([gone, back])
        cluster.moved.add(pos)


async def add_weight(cluster: FaultCluster, fault: Fault) -> None:
    """The collateral grows to the most that counts, and its hypernode registers anew in the same block."""
    script, units = cluster.script, cluster.params.collateral_unit * COIN
    height, _ = _choose_heights(cluster, fault)
    time = script.timestamp_of(height)
    for index in fault.subjects:
        entry = cluster.params.hypernodes[index]
        address = derive_collateral(entry.pos)
        script.add(
            [
                PowRow(height, time, FUNDER, address, MAX_WEIGHT * units, FEE, 0, "", ""),
                script_row(script, UNREGISTER, entry, height),
                script_row(script, REGISTER, entry, height),
            ]
        )


async def prepare_deep_fork(cluster: FaultCluster, fault: Fault) -> None:
    """The subjects leave in the reference block of the next list, if there may be so few."""
    if not _may_go(cluster, fault):
        return
    height = _get_reference(cluster, _find_next_list(cluster))
    cluster.leaving[fault.number] = height
    for index in fault.subjects:
        row = script_row(cluster.script, UNREGISTER, cluster.params.hypernodes[index], height)
        cluster.script.add([row])


async def fork_deep(cluster: FaultCluster, fault: Fault) -> None:
    """That block and some below it are replaced: what left by it never did."""
    height, tip = cluster.leaving.pop(fault.number, None), cluster.script.height_at(cluster.clock.now())
    if height is None:
        return
    first = height - int(fault.amount * MAX_DEEP_FORK)
    cluster.script.fork(min(first, tip), drop_rows=True, last=max(height, tip))
    if any(source.told >= first for source in cluster.pow_sources.values()):
        cluster.impacts.count(fault)
