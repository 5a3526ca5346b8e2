"""Which hosts a lying juror's fault befalls: it is drawn before the jurors are known, and chosen when it
begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.core.timeline import compute_round_slot
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import Fault, FaultKind

AIMED: Final = frozenset(
    {FaultKind.EQUIVOCATE, FaultKind.WITHHOLD, FaultKind.GIANT, FaultKind.RESTART_IN_SIGNING}
)
"""What befalls those who hold a slot; others have nothing to sign or to withhold."""


def aim(cluster: FaultCluster, fault: Fault) -> Fault:
    """With a coming juror in place of the last subject, if none of the subjects is one.  Of the present round
    only: the next one is not drawn yet."""
    if fault.kind not in AIMED:
        return fault
    jurors = _list_jurors(cluster, fault)
    if not jurors or not set(jurors).isdisjoint(fault.subjects):
        return fault
    juror = Draws(f"aim {cluster.seed} {fault.number}").one_of(jurors)
    return replace(fault, subjects=tuple(sorted((*fault.subjects[:-1], juror))))


def _list_jurors(cluster: FaultCluster, fault: Fault) -> Sequence[int]:
    """Trusted hosts with a node of ours that hold a slot of this round while the fault lasts."""
    trusted = [host for host in cluster.list_trusted() if host.index not in cluster.legacy_hosts]
    plans = [host.node.node_state.plan for host in trusted if host.node is not None]
    plan = plans[0] if plans else None
    round_, sir = compute_round_slot(cluster.params, cluster.clock.now())
    if plan is None or plan.round != round_:
        return ()
    last = sir + int(fault.duration_s // cluster.params.slot_s)
    coming = {plan.juror_of(slot) for slot in range(sir + 1, min(last + 1, cluster.params.slots))}
    return [host.index for host in trusted if host.signer.address in coming]
