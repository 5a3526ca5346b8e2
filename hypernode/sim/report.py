"""The report of a run: its figures, and what broke it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.timeline import compute_slot_start
from hypernode.sim.errors import InvariantFailed, describe_error
from hypernode.sim.faults.fault_cluster import FIRST_ROUND, FaultCluster
from hypernode.sim.faults.fault_impact import count_kinds
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.memory.loop import Stuck
from hypernode.sim.scenario import Scenario

LOG_LINES: Final = 12
EVENTS: Final = 5
"""On the network, of each host that a failure is about."""
MAX_HOSTS: Final = 4
"""Whose last words are kept."""
TIME_GOES_ON: Final = "time_goes_on"
"""What is broken when nothing can go on."""
NO_ERROR_ESCAPES: Final = "no_error_escapes"
"""What is broken when something else than an invariant ended the run."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A broken invariant, seconds after the first whole round, and the last words of the hosts."""

    name: str
    detail: str
    at_s: float
    hosts: tuple[int, ...]
    last_words: tuple[str, ...]
    """Of these hosts, and of those that gave them the blocks which they stored last."""
    givers: tuple[int, ...] = ()


@dataclass(slots=True)
class Report:
    """What a run was like."""

    scenario: Scenario
    faults: Counter[str] = field(default_factory=Counter)
    felt: Counter[str] = field(default_factory=Counter)
    """How many of the faults did something, by kind."""
    slots: int = 0
    filled: int = 0
    of_ours: tuple[int, int] = (0, 0)
    """Slots with a block, of those whose juror is a host with a node of ours."""
    of_legacy: tuple[int, int] = (0, 0)
    """The same of hosts with a legacy node."""
    agreed_after_s: list[float] = field(default_factory=list)
    """After the end of each episode: how long until all trusted hosts had one tip."""
    cut_short: int = 0
    """Healings that the next fault, or the end, did not let come to that."""
    reorganisations: int = 0
    legacy_restarts: int = 0
    """How often a legacy node stopped itself, and was started again."""
    legacy_along: int = 0
    """Legacy nodes that ended on our best chain, at most a block behind."""
    stored: int = 0
    events: int = 0
    trace: str = ""
    virtual_s: float = 0.0
    failure: Failure | None = None

    def count(self, cluster: FaultCluster, watch: Watch) -> None:
        """Take down what can be seen at the end of a run."""
        params = cluster.params
        self.trace = cluster.trace
        self.felt = count_kinds(cluster)
        self.events = cluster.network.trace.count
        self.stored = cluster.witness.stored
        self.legacy_restarts = cluster.legacy_hosts.restarts
        self.reorganisations = len(cluster.witness.reorganisations)
        now = cluster.clock.now()
        if not watch.tips:
            return
        best = max(watch.tips.values(), key=lambda filed: filed.header.height)
        filled = {(filed.header.round, filed.header.sir) for filed in best.walk()}
        last = {filed.header.block_hash for filed, _ in zip(best.walk(), range(2), strict=False)}
        chains = [legacy.memory.chain for legacy in cluster.legacy_hosts.by_index.values()]
        self.legacy_along = sum(chain.tip.block_hash in last for chain in chains)
        round_ = FIRST_ROUND
        while compute_slot_start(params, round_, 0) < now:
            over = [s for s in range(params.slots) if compute_slot_start(params, round_, s + 1) <= now + 3]
            self.slots += len(over)
            self.filled += sum((round_, sir) in filled for sir in over)
            round_ += 1
        hosts = {host.signer.address: host.index for host in cluster.hosts[: cluster.count]}
        held = {slot: hosts[juror] for slot, juror in watch.jurors.items() if juror in hosts}
        legacy = {slot for slot, index in held.items() if index in cluster.legacy_hosts}
        self.of_legacy = len(legacy & filled), len(legacy)
        self.of_ours = len((held.keys() - legacy) & filled), len(held.keys() - legacy)


def describe(cluster: FaultCluster, error: Exception, doing: str, hosts: tuple[int, ...]) -> Failure:
    """What broke a run: an invariant, or any other error.  ``doing`` says what the play was at, and
    ``hosts`` whom that was about, if anybody."""
    if isinstance(error, InvariantFailed):
        name, detail, hosts = error.name, error.detail, error.hosts
    else:
        name = TIME_GOES_ON if isinstance(error, Stuck) else NO_ERROR_ESCAPES
        detail = f"{doing}: {describe_error(error)}"
        hosts = _list_ended(cluster, error) or hosts
    words = _tell_gifts(cluster, hosts)
    givers = _list_givers(cluster, hosts)
    for index in (*hosts[:MAX_HOSTS], *givers):
        host = cluster.hosts[index]
        words += [f"node {index}: {line}" for line in host.log[-LOG_LINES:]]
        words += [
            f"node {index} on the network: {line}"
            for line in cluster.network.trace.list_last(host.ip, EVENTS)
        ]
    at_s = cluster.clock.now() - cluster.begin_time
    return Failure(name, detail, at_s, hosts, tuple(words), givers)


def _tell_gifts(cluster: FaultCluster, hosts: tuple[int, ...]) -> list[str]:
    """Who gave the hosts what they stored last."""
    return [
        f"node {index} stored block {height}, after node {giver} sent to it"
        for index in hosts[:MAX_HOSTS]
        for giver, height in cluster.witness.givers.get(index, ())
    ]


def _list_givers(cluster: FaultCluster, hosts: tuple[int, ...]) -> tuple[int, ...]:
    """Those that are none of the hosts themselves, the last ones first."""
    given = [
        giver for index in hosts[:MAX_HOSTS] for giver, _ in reversed(cluster.witness.givers.get(index, ()))
    ]
    return tuple(giver for giver in dict.fromkeys(given) if giver not in hosts)[:MAX_HOSTS]


def _list_ended(cluster: FaultCluster, error: Exception) -> tuple[int, ...]:
    """Hosts whose node ended with this error."""
    tasks = {host.index: host.task for host in cluster.hosts}
    tasks |= {index: legacy.task for index, legacy in cluster.legacy_hosts.by_index.items()}
    return tuple(
        index
        for index, task in tasks.items()
        if task is not None and task.done() and not task.cancelled() and task.exception() is error
    )
