"""What must hold in a simulation whatever happens, each a function with a name (spec 3, 4 and 6).

``check_all`` runs at the end of every slot; what needs calm (agreement, messages on their way, filled slots)
counts from the end of the last fault.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from hypernode.core.fork_choice import is_better
from hypernode.core.types import Message
from hypernode.mempool.pool import MAX_MESSAGES
from hypernode.sim.cluster import Host
from hypernode.sim.faults import FaultKind
from hypernode.sim.invariants_of_change import old_blocks_stay, remember_tips, reorganisations_are_declared
from hypernode.sim.invariants_of_legacy import find_intolerable, no_legacy_node_is_trapped
from hypernode.sim.invariants_of_size import nodes_stay_small
from hypernode.sim.watch import InvariantFailed, Watch
from hypernode.storage.database import InlineDatabase

AGREE_SLOTS: Final = 3
"""Calm after which all hold one chain: one to hear each other again, two to agree (spec 4)."""
SEAL_SLOTS: Final = 5
"""Calm in which what is in a mempool gets into the chain."""
FILLED_SLOTS: Final = 4
"""Calm after which slots have blocks again."""
MIN_SENDERS: Final = 3
"""Of messages in a block that is forged; a juror needs some more in sight (spec 6, forging)."""
MAX_TASKS_PER_PEER: Final = 12
MAX_TASKS_PER_NODE: Final = 80


async def check_all(watch: Watch) -> None:
    """Every invariant.  Raises InvariantFailed."""
    for check in CHECKS:
        await check(watch)
    remember_tips(watch)


# --- at any time --------------------------------------------------------------------------------------


async def nodes_live(watch: Watch) -> None:
    """No node ends by itself, and no error goes uncaught."""
    for host in watch.cluster.hosts:
        if host.task is not None and host.task.done() and not host.task.cancelled():
            error = host.task.exception()
            raise InvariantFailed("nodes_live", f"node {host.index} ended: {error!r}", [host.index])
    for index, legacy in watch.cluster.legacy_hosts.by_index.items():
        task = legacy.task
        if task is not None and task.done() and not task.cancelled() and (problem := task.exception()):
            # Stopping itself is what they do; an error is one of the simulation.
            raise InvariantFailed("nodes_live", f"legacy node {index} ended: {problem!r}", [index])
    if watch.cluster.failures:
        raise InvariantFailed("nodes_live", watch.cluster.failures[0])


async def rules_hold_for_what_is_stored(watch: Watch) -> None:
    """All rules of the network hold for every stored block, judged anew; where legacy nodes forge, those of
    class A, and the rest for what honest nodes of ours forge."""
    watch.tips.clear()
    for host in watch.list_running():
        assert host.node is not None
        try:
            tip = await watch.archive.file(host.node.world.ledger)
        except ValueError as error:
            raise InvariantFailed("rules_hold_for_what_is_stored", str(error), [host.index]) from error
        watch.tips[host.index] = tip
        broken = await find_intolerable(watch, host, tip)
        if broken is not None:
            filed, brk = broken
            detail = f"block {filed.header.height} of node {host.index} breaks rule {brk.rule}: {brk.reason}"
            raise InvariantFailed("rules_hold_for_what_is_stored", detail, [host.index])


async def one_block_a_slot(watch: Watch) -> None:
    """A ledger has one block for a (round, sir)."""
    for index, tip in watch.tips.items():
        slots = [(filed.header.round, filed.header.sir) for filed in tip.walk() if filed.header.height]
        if len(set(slots)) != len(slots):
            raise InvariantFailed("one_block_a_slot", f"node {index} has two blocks for a slot", [index])


async def measures_equal_a_recount(watch: Watch) -> None:
    """Measures that a ledger keeps are those that counting gives."""
    for index, tip in watch.tips.items():
        node = watch.cluster.hosts[index].node
        told = node.world.ledger.get_height() if node is not None else tip.measured
        if told != tip.measured:
            detail = f"node {index} says {told}, counted {tip.measured}"
            raise InvariantFailed("measures_equal_a_recount", detail, [index])


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


async def _read_journal(database: InlineDatabase) -> list[tuple[int, int, bytes]]:
    found = await database.fetch_all("SELECT 1 FROM sqlite_master WHERE name = 'signed'")
    rows = await database.fetch_all("SELECT round, sir, block_hash FROM signed") if found else []
    return [(row[0], row[1], row[2]) for row in rows]


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


async def nothing_acknowledged_is_lost(watch: Watch) -> None:
    """The tip that a ledger acknowledged last is its tip, whatever happened to the node since."""
    for loss in watch.cluster.witness.losses:
        detail = f"node {loss.index} acknowledged {loss.acknowledged.height}, and found {loss.found.height}"
        raise InvariantFailed("nothing_acknowledged_is_lost", detail, [loss.index])
    for index, tip in watch.tips.items():
        acknowledged = watch.cluster.witness.tips.get(index)
        if acknowledged is not None and tip.header.block_hash != acknowledged.block_hash:
            detail = f"node {index} acknowledged {acknowledged.height}, and is at {tip.header.height}"
            raise InvariantFailed("nothing_acknowledged_is_lost", detail, [index])


async def chains_change_for_the_better(watch: Watch) -> None:
    """What a node replaces by itself goes for a better chain, and is not older than two rounds; only what it
    took before its time goes for nothing."""
    seen, watch.seen_reorganisations = watch.seen_reorganisations, len(watch.cluster.witness.reorganisations)
    for change in watch.cluster.witness.reorganisations[seen:]:
        if change.is_by_operator or change.is_premature:
            continue
        if not is_better(change.after, change.before):
            detail = f"node {change.index} left {change.before} for {change.after}"
            raise InvariantFailed("chains_change_for_the_better", detail, [change.index])
        oldest = change.oldest_round
        if oldest is not None and change.present_round - oldest > watch.cluster.params.keep_rounds:
            detail = f"node {change.index} replaced a block of round {oldest} in {change.present_round}"
            raise InvariantFailed("chains_change_for_the_better", detail, [change.index])


async def only_clones_halt(watch: Watch) -> None:
    """HALTED is for keys in use elsewhere, and for disks that refuse."""
    excused = watch.cluster.excused
    for host in watch.list_running():
        node = host.node
        if node is not None and node.present.halted and host.signer.address not in excused:
            detail = f"node {host.index}: {node.present.halted}"
            raise InvariantFailed("only_clones_halt", detail, [host.index])


async def nobody_is_accused_wrongly(watch: Watch) -> None:
    """Evidence of equivocation is against those who signed twice."""
    for host in watch.cluster.list_trusted():
        for evidence in host.node.present.evidence if host.node is not None else ():
            if evidence.first.forger not in watch.cluster.excused:
                detail = f"node {host.index} accuses {evidence.first.forger}"
                raise InvariantFailed("nobody_is_accused_wrongly", detail, [host.index])


async def everything_is_bounded(watch: Watch) -> None:
    """Mempools, peers and tasks stay within what the number of hosts explains."""
    count = len(watch.cluster.hosts)
    tasks = len(asyncio.all_tasks())
    if tasks > count * (MAX_TASKS_PER_NODE + MAX_TASKS_PER_PEER * count):
        raise InvariantFailed("everything_is_bounded", f"{tasks} tasks for {count} nodes")
    for host in watch.list_running():
        assert host.node is not None
        peers = len(host.node.peers.list_all())
        if len(host.node.mempool) > MAX_MESSAGES or peers > 3 * count:
            detail = f"node {host.index}: {len(host.node.mempool)} messages, {peers} peers"
            raise InvariantFailed("everything_is_bounded", detail, [host.index])


# --- in calm ------------------------------------------------------------------------------------------


def find_disagreement(watch: Watch, most_behind: int) -> str:
    """Whether the trusted hosts are on one line, none over so many blocks behind; empty when they are."""
    tips = {
        host.index: watch.tips[host.index] for host in watch.cluster.list_trusted() if not _is_halted(host)
    }
    if not tips:
        return ""
    best = max(tips.values(), key=lambda filed: filed.header.height)
    near = {filed.header.block_hash for filed, _ in zip(best.walk(), range(most_behind + 1), strict=False)}
    apart = {
        index: f"{tip.header.height} {tip.header.block_hash.hex()[:8]}"
        for index, tip in tips.items()
        if tip.header.block_hash not in near
    }
    most = f"{best.header.height} {best.header.block_hash.hex()[:8]}"
    return f"the best is {most}, others are at {apart}" if apart else ""


def _is_halted(host: Host) -> bool:
    return host.node is not None and bool(host.node.present.halted)


async def all_agree_after_healing(watch: Watch) -> None:
    """In calm all honest nodes hold one chain."""
    if watch.calm_s < AGREE_SLOTS * watch.slot_s:
        return
    problem = find_disagreement(watch, most_behind=1)
    if problem:
        raise InvariantFailed("all_agree_after_healing", problem, [h.index for h in watch.list_running()])


async def messages_get_into_the_chain(watch: Watch) -> None:
    """What is in a mempool after agreement is in the chain some slots of calm later."""
    if _are_some_absent(watch):
        return
    now = asyncio.get_running_loop().time()
    if watch.calm_s < AGREE_SLOTS * watch.slot_s:
        watch.noted_messages.clear()
        return
    trusted = watch.cluster.list_trusted()
    if not trusted:
        return
    chain: set[bytes] = set()
    for filed in max(watch.tips.values(), key=lambda filed: filed.header.height).walk():
        chain |= filed.txids
    for txid, since in list(watch.noted_messages.items()):
        if txid in chain:
            del watch.noted_messages[txid]
        elif now - since >= SEAL_SLOTS * watch.slot_s:
            detail = f"a message waits since {since:.0f} s"
            raise InvariantFailed("messages_get_into_the_chain", detail, [host.index for host in trusted])
    for host in trusted:
        if host.node is not None and not host.node.present.halted:
            for message in host.node.mempool.get_all():
                is_welcome = message.sender in host.node.intake.senders
                is_welcome = is_welcome and watch.cluster.has_quota(message.sender)
                is_welcome = is_welcome and _has_time(watch, message)
                if message.txid not in chain and is_welcome:
                    watch.noted_messages.setdefault(message.txid, now)


def _has_time(watch: Watch, message: Message) -> bool:
    """Whether its time has come (a clock that was ahead may have written it), and it is young enough to get
    into the chain before it is too old."""
    age_s = watch.cluster.clock.now() - message.timestamp
    return 0 <= age_s < watch.cluster.params.message_age_s - SEAL_SLOTS * watch.slot_s


async def calm_slots_are_filled(watch: Watch) -> None:
    """In calm at least half of the slots whose jurors are honest and may forge get a block."""
    if _are_some_absent(watch):
        return
    if watch.calm_s < FILLED_SLOTS * watch.slot_s:
        watch.calm_slots.clear()
        return
    params = watch.cluster.params
    now = watch.cluster.clock.now()
    index = int((now - params.origin_of_time) // params.slot_s)
    round_, sir = divmod(index, params.slots_total)
    if _can_be_filled(watch):
        watch.calm_slots.append((round_, sir))
    best = max(watch.tips.values(), key=lambda filed: filed.header.height)
    filled = {(filed.header.round, filed.header.sir) for filed in best.walk()}
    missing = [slot for slot in watch.calm_slots if slot not in filled]
    if len(watch.calm_slots) >= 2 and 2 * len(missing) > len(watch.calm_slots):
        detail = f"{len(missing)} of {len(watch.calm_slots)} slots of calm have no block: {missing}"
        raise InvariantFailed("calm_slots_are_filled", detail, [h.index for h in watch.list_running()])


def _are_some_absent(watch: Watch) -> bool:
    """Whether registered ones do not run: then there may be too few for a block, of jurors, of those who have
    to agree, and of testers, whose words are what blocks hold."""
    return len(watch.cluster.params.hypernodes) > watch.cluster.count


def _can_be_filled(watch: Watch) -> bool:
    """Whether the juror of the present slot, as a trusted host sees it, is one that may forge."""
    trusted = [host for host in watch.cluster.list_trusted() if not _is_halted(host)]
    if sum(_is_heard(watch, host) for host in trusted) <= MIN_SENDERS:
        return False
    jurors = {host.node.present.get_juror() for host in trusted if host.node is not None}
    return any(
        host.node is not None
        and host.signer.address in jurors
        and host.node.present.forge_from_round <= host.node.present.get_round_slot()[0]
        for host in trusted
    )


def _is_heard(watch: Watch, host: Host) -> bool:
    """Whether others take its messages, and it has something to say."""
    plan = host.node.present.plan if host.node is not None else None
    is_voided = plan is not None and host.signer.address in plan.voided
    return not is_voided and watch.cluster.has_quota(host.signer.address)


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
        if len(running) == 2 and due and not any(_is_halted(host) for host in running):
            detail = f"block {due[0].header.height} was signed on one of two hosts, and neither is HALTED"
            raise InvariantFailed("clones_are_found", detail, [host.index for host in running])


async def check_stopped() -> None:
    """After all stopped: nothing goes on any more."""
    await asyncio.sleep(0)
    others = sorted(task.get_name() for task in asyncio.all_tasks() if task is not asyncio.current_task())
    if others:
        raise InvariantFailed("no_task_leaks", f"{len(others)} tasks go on after the stop: {others[:5]}")


Check = Callable[[Watch], Awaitable[None]]

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
    all_agree_after_healing,
    messages_get_into_the_chain,
    calm_slots_are_filled,
    clones_are_found,
)
