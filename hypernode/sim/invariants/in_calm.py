"""What must hold in calm, some time after the end of the last fault: agreement, messages on their way, filled
slots."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from hypernode.core.forging import find_forging_violation
from hypernode.core.signing import compute_twin
from hypernode.core.types import Message, Round, Slot
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.watch import NotedMessage, Watch, is_halted

AGREE_SLOTS: Final = 2
"""Calm after which all hold one chain (spec 4)."""
YOUNG_S: Final = 60.0
"""A tip that is younger is on its way: others may be a block behind."""
SEAL_BLOCKS: Final = 3
"""Of the best chain, in calm: one of them holds what was in a mempool before."""
SEAL_S: Final = 900.0
"""In which there are so many, five slots of main's: what gets too old meanwhile is not asked for."""
FILLED_SLOTS: Final = 4
"""Calm after which slots have blocks again."""
LONG_IN_SIGHT_S: Final = 120.0
"""Of main's slots two thirds: what a juror has for so long it could seal."""
MIN_SENDERS: Final = 3
"""Of messages in a block that is forged; a juror needs some more in sight (spec 6, forging)."""


async def look_at_agreement(watch: Watch) -> None:
    """``all_agree_after_healing`` at a time of its own: nodes that heal in time need not wait for a slot's
    end."""
    for host in watch.list_running():
        assert host.node is not None
        watch.tips[host.index] = await watch.archive.file(host.node.ports.ledger)
    await all_agree_after_healing(watch)


async def all_agree_after_healing(watch: Watch) -> None:
    """In calm all honest nodes hold one chain."""
    if watch.calm_s < AGREE_SLOTS * watch.slot_s:
        return
    problem, concerned = find_disagreement(watch)
    if problem:
        raise InvariantFailed("all_agree_after_healing", problem, concerned)


def find_disagreement(watch: Watch) -> tuple[str, list[int]]:
    """Whether the trusted hosts have one tip, or the block below it while it is young; empty when they have.
    Else with those that are apart, and after the first of them one that is on the best chain."""
    tips = {
        host.index: watch.tips[host.index] for host in watch.cluster.list_trusted() if not is_halted(host)
    }
    if not tips:
        return "", []
    leader = max(tips, key=lambda index: tips[index].header.height)
    best = tips[leader].header
    near = {best.block_hash}
    if watch.cluster.clock.now() - best.timestamp < YOUNG_S:
        near.add(best.previous_hash)
    apart = {
        index: f"{tip.header.height} {tip.header.block_hash.hex()[:8]}"
        for index, tip in tips.items()
        if tip.header.block_hash not in near
    }
    if not apart:
        return "", []
    first, *rest = apart
    most = f"{best.height} {best.block_hash.hex()[:8]}"
    return f"the best is {most}, others are at {apart}", [first, leader, *rest]


async def messages_get_into_the_chain(watch: Watch) -> None:
    """What is in a mempool after agreement is in one of the next blocks, as long as calm lasts."""
    if _are_some_absent(watch):
        return
    if watch.calm_s < AGREE_SLOTS * watch.slot_s:
        watch.noted_messages.clear()
        return
    trusted = [host for host in watch.cluster.list_trusted() if not is_halted(host)]
    if not trusted:
        return
    best = max(watch.tips.values(), key=lambda filed: filed.header.height)
    chain = {txid for filed in best.walk() for txid in filed.txids}
    for noted in list(watch.noted_messages.values()):
        txid = noted.message.txid
        if not chain.isdisjoint((txid, compute_twin(txid))) or not _is_welcome(watch, trusted, noted.message):
            del watch.noted_messages[txid]
        elif best.header.height - noted.height >= SEAL_BLOCKS:
            detail = f"a message of {noted.message.sender} waits since block {noted.height}"
            holders = [host.index for host in trusted if _holds(host, txid)]
            raise InvariantFailed("messages_get_into_the_chain", detail, holders)
    for host in trusted:
        for message in host.node.mempool.get_all() if host.node is not None else ():
            if message.txid not in chain and _is_welcome(watch, [host], message):
                watch.noted_messages.setdefault(message.txid, NotedMessage(message, best.header.height))


def _holds(host: SimNode, txid: bytes) -> bool:
    return host.node is not None and any(message.txid == txid for message in host.node.mempool.get_all())


def _is_welcome(watch: Watch, hosts: Sequence[SimNode], message: Message) -> bool:
    """Whether one of them takes words of its sender, its time has come (a clock that was ahead may have
    written it), and it is young enough to get into the chain before it is too old."""
    cluster = watch.cluster
    age_s = cluster.clock.now() - message.timestamp
    has_time = 0 <= age_s < cluster.params.message_age_s - SEAL_S
    is_known = any(host.node is not None and message.sender in host.node.intake.senders for host in hosts)
    return has_time and is_known and cluster.has_quota(message.sender)


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
        raise InvariantFailed("calm_slots_are_filled", detail, await _find_jurors(watch, missing))


async def jurors_in_calm_forge(watch: Watch) -> None:
    """In calm each slot whose juror is honest, connected and free to forge has a block before it ends, where
    there is enough for one in its mempool since long."""
    if _are_some_absent(watch) or watch.calm_s < FILLED_SLOTS * watch.slot_s:
        return
    for host in watch.cluster.list_trusted():
        if host.node is None or is_halted(host) or host.node.node_state.get_juror() != host.signer.address:
            continue
        slot = host.node.node_state.get_round_slot()
        tip = watch.tips[host.index].header
        if slot == (tip.round, tip.sir) or not _has_to_forge(watch, host):
            continue
        detail = f"node {host.index} could forge in slot {slot[1]} of round {slot[0]}, and did not"
        raise InvariantFailed("jurors_in_calm_forge", detail, [host.index])


def _has_to_forge(watch: Watch, host: SimNode) -> bool:
    """Whether nothing was in the way for the whole slot."""
    node, network = host.node, watch.cluster.params
    assert node is not None
    since = watch.cluster.clock.now() - LONG_IN_SIGHT_S
    known = [m for m in node.mempool.get_all() if m.sender in node.intake.senders and m.timestamp <= since]
    is_free = node.node_state.forge_from_round <= node.node_state.get_round_slot()[0]
    is_connected = node.peers.count_connected() >= network.min_connections
    is_heard = len(watch.cluster.list_trusted()) > MIN_SENDERS
    is_enough = find_forging_violation(network, known) is None
    return is_free and is_connected and is_heard and is_enough


async def _find_jurors(watch: Watch, slots: Sequence[tuple[Round, Slot]]) -> list[int]:
    """Hosts that hold one of the slots, those of the last ones first."""
    host = watch.cluster.list_trusted()[0]
    assert host.node is not None
    jurors = []
    for round_, sir in reversed(slots):
        plan = await host.node.ports.ledger.get_plan(round_)
        jurors.append(plan.juror_of(sir) if plan is not None else "")
    indices = {host.signer.address: host.index for host in watch.cluster.hosts[: watch.cluster.count]}
    return list(dict.fromkeys(indices[juror] for juror in jurors if juror in indices))


def _are_some_absent(watch: Watch) -> bool:
    """Whether registered ones do not run: then there may be too few for a block, of jurors, of those who have
    to agree, and of testers, whose words are what blocks hold."""
    return len(watch.cluster.params.hypernodes) > watch.cluster.count


def _can_be_filled(watch: Watch) -> bool:
    """Whether the juror of the present slot, as a trusted host sees it, is one that may forge."""
    trusted = [host for host in watch.cluster.list_trusted() if not is_halted(host)]
    if sum(_is_heard(watch, host) for host in trusted) <= MIN_SENDERS:
        return False
    jurors = {host.node.node_state.get_juror() for host in trusted if host.node is not None}
    return any(
        host.node is not None
        and host.signer.address in jurors
        and host.node.node_state.forge_from_round <= host.node.node_state.get_round_slot()[0]
        for host in trusted
    )


def _is_heard(watch: Watch, host: SimNode) -> bool:
    """Whether others take its messages, and it has something to say."""
    plan = host.node.node_state.plan if host.node is not None else None
    is_voided = plan is not None and host.signer.address in plan.voided
    return not is_voided and watch.cluster.has_quota(host.signer.address)
