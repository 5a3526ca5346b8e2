"""What keys sign: one block for a slot, known to the journal; and what follows when a key signs elsewhere too
(spec 4).

A fault excuses what was signed while it lasted, and what follows from that: evidence, and who halts over it.
"""

from __future__ import annotations

import re
from typing import Final

from hypernode.core.types import Block, Equivocation
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.invariants.watch import Watch, is_halted
from hypernode.storage.database import InlineDatabase

MANY_HANDED: Final = frozenset({FaultKind.EQUIVOCATE, FaultKind.USURP, FaultKind.CLONE})
"""Under these a key signs more than its journal knows."""
_ELSEWHERE: Final = re.compile(r"our key signed block (\d+) elsewhere")
"""Why a node halts over its key."""


async def nobody_signs_twice(watch: Watch) -> None:
    """No honest key signed two blocks for one slot, whether anybody took them or not.  A legacy node has no
    journal."""
    cluster = watch.cluster
    for address, round_, sir in cluster.witness.signatures.twofold:
        signed = cluster.witness.signatures.list_of(address, round_, sir)
        is_excused = any(cluster.was_under(address, MANY_HANDED, one.at) for one in signed)
        if not is_excused and address not in cluster.legacy_hosts.addresses:
            guilty = sorted({one.by for one in signed})
            detail = f"node {guilty} signed {len(signed)} blocks for slot {sir} of round {round_}"
            raise InvariantFailed("nobody_signs_twice", detail, guilty)


async def journals_know_own_blocks(watch: Watch) -> None:
    """What a node forged and stored is in its journal; a clone has a journal of its own."""
    for host in watch.list_running():
        if host.index >= watch.cluster.count:
            continue
        known = {
            (round_, sir): block_hash for round_, sir, block_hash in await _read_journal(host.journal_db)
        }
        for filed in watch.tips[host.index].walk():
            header = filed.header
            is_own = header.forger == host.signer.address
            is_known = not is_own or known.get((header.round, header.sir)) == header.block_hash
            if not is_known and not _may_forget(watch, header):
                detail = f"node {host.index} has its block {header.height} not in its journal"
                raise InvariantFailed("journals_know_own_blocks", detail, [host.index])


async def _read_journal(database: InlineDatabase) -> list[tuple[int, int, bytes]]:
    found = await database.fetch_all("SELECT 1 FROM sqlite_master WHERE name = 'signed'")
    rows = await database.fetch_all("SELECT round, sir, block_hash FROM signed") if found else []
    return [(row[0], row[1], row[2]) for row in rows]


def _may_forget(watch: Watch, own: Block) -> bool:
    """Whether the journal of those days was put back, or another hand signed."""
    cluster = watch.cluster
    signed = cluster.witness.signatures.find(own.forger, own.round, own.sir, own.block_hash)
    kinds = MANY_HANDED | {FaultKind.OLD_BACKUP}
    return signed is not None and cluster.was_under(own.forger, kinds, signed.at)


async def nobody_is_accused_wrongly(watch: Watch) -> None:
    """Evidence of equivocation is two blocks of one slot that its forger signed."""
    for host in watch.cluster.list_trusted():
        for evidence in host.node.node_state.evidence if host.node is not None else ():
            if not _is_true(watch, evidence):
                detail = f"node {host.index} accuses {evidence.first.forger}"
                raise InvariantFailed("nobody_is_accused_wrongly", detail, [host.index])


def _is_true(watch: Watch, evidence: Equivocation) -> bool:
    signed = watch.cluster.witness.signatures
    first, second = evidence.first, evidence.second
    case = (first.forger, first.round, first.sir)
    return (
        case == (second.forger, second.round, second.sir)
        and first.block_hash != second.block_hash
        and all(signed.find(*case, block.block_hash) is not None for block in (first, second))
    )


async def only_clones_halt(watch: Watch) -> None:
    """HALTED is for keys of which another hand signed the block that the node names."""
    for host in watch.list_running():
        if is_halted(host) and not _has_reason(watch, host):
            assert host.node is not None
            detail = f"node {host.index}: {host.node.node_state.halted}"
            raise InvariantFailed("only_clones_halt", detail, [host.index])


def _has_reason(watch: Watch, host: SimNode) -> bool:
    assert host.node is not None
    named = _ELSEWHERE.match(host.node.node_state.halted)
    address = host.signer.address
    signed = watch.cluster.witness.signatures.list_at(address, int(named[1])) if named else []
    return any(
        one.by != host.index or watch.cluster.was_under(address, MANY_HANDED, one.at) for one in signed
    )


async def clones_are_found(watch: Watch) -> None:
    """When a wallet runs on two hosts, one of them is HALTED two slots after the other forged."""
    cluster = watch.cluster
    clones = [fault for fault in cluster.active.values() if fault.kind is FaultKind.CLONE]
    if len(cluster.active) != len(clones):
        return  # cut off or down, nobody could notice
    for fault in clones:
        address = cluster.hosts[fault.subjects[0]].signer.address
        running = [h for h in watch.list_running() if h.signer.address == address]
        begin = cluster.begin_time + fault.at + 2 * watch.slot_s
        now = cluster.clock.now()
        best = max(watch.tips.values(), key=lambda filed: filed.header.height)
        forged = [f for f in best.walk() if f.header.forger == address and begin <= f.header.timestamp]
        due = [f for f in forged if f.header.timestamp < now - 2 * watch.slot_s]
        if len(running) >= 2 and due and not any(is_halted(host) for host in running):
            detail = f"block {due[0].header.height} was signed on one of two hosts, and neither is HALTED"
            raise InvariantFailed("clones_are_found", detail, [host.index for host in running])
