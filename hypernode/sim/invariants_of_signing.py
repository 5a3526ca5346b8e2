"""What keys sign: one block for a slot, known to the journal; and what a key leads to that signs elsewhere
too (spec 4)."""

from __future__ import annotations

from hypernode.sim.faults import FaultKind
from hypernode.sim.watch import InvariantFailed, Watch, is_halted
from hypernode.storage.database import InlineDatabase


async def nobody_signs_twice(watch: Watch) -> None:
    """No honest key signed two blocks for one slot, in whatever ledger or journal they are."""
    cluster = watch.cluster
    signed = {slot: set(hashes) for slot, hashes in cluster.witness.signed.items()}
    for host in cluster.hosts:
        for round_, sir, block_hash in await _read_journal(host.journal_db):
            signed.setdefault((host.signer.address, round_, sir), set()).add(block_hash)
    for (forger, round_, sir), hashes in signed.items():
        if len(hashes) > 1 and forger not in cluster.excused:
            guilty = [host.index for host in cluster.hosts if host.signer.address == forger]
            detail = f"node {guilty} signed {len(hashes)} blocks for slot {sir} of round {round_}"
            raise InvariantFailed("nobody_signs_twice", detail, guilty)


async def journals_know_own_blocks(watch: Watch) -> None:
    """What a node forged and stored is in its journal."""
    for host in watch.list_running():
        is_excused = host.signer.address in watch.cluster.excused
        if is_excused or host.index in watch.cluster.old_journals:
            continue
        known = {
            (round_, sir): block_hash for round_, sir, block_hash in await _read_journal(host.journal_db)
        }
        for filed in watch.tips[host.index].walk():
            header = filed.header
            is_own = header.forger == host.signer.address
            if is_own and known.get((header.round, header.sir)) != header.block_hash:
                detail = f"node {host.index} has its block {header.height} not in its journal"
                raise InvariantFailed("journals_know_own_blocks", detail, [host.index])


async def _read_journal(database: InlineDatabase) -> list[tuple[int, int, bytes]]:
    found = await database.fetch_all("SELECT 1 FROM sqlite_master WHERE name = 'signed'")
    rows = await database.fetch_all("SELECT round, sir, block_hash FROM signed") if found else []
    return [(row[0], row[1], row[2]) for row in rows]


async def nobody_is_accused_wrongly(watch: Watch) -> None:
    """Evidence of equivocation is against those who signed twice."""
    for host in watch.cluster.list_trusted():
        for evidence in host.node.present.evidence if host.node is not None else ():
            if evidence.first.forger not in watch.cluster.excused:
                detail = f"node {host.index} accuses {evidence.first.forger}"
                raise InvariantFailed("nobody_is_accused_wrongly", detail, [host.index])


async def only_clones_halt(watch: Watch) -> None:
    """HALTED is for keys in use elsewhere, and for disks that refuse."""
    excused = watch.cluster.excused
    for host in watch.list_running():
        node = host.node
        if node is not None and node.present.halted and host.signer.address not in excused:
            detail = f"node {host.index}: {node.present.halted}"
            raise InvariantFailed("only_clones_halt", detail, [host.index])


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
        if len(running) == 2 and due and not any(is_halted(host) for host in running):
            detail = f"block {due[0].header.height} was signed on one of two hosts, and neither is HALTED"
            raise InvariantFailed("clones_are_found", detail, [host.index for host in running])
