"""What becomes of messages, and what nodes say of each other (spec 6, message kinds).

A message that was sealed does not vanish; in calm all have the same ones; and what a node without faults says
is said once, is true, and blames nobody who is without faults too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from itertools import takewhile
from typing import Final

from hypernode.core import kinds
from hypernode.core.signing import compute_twin
from hypernode.core.timeline import compute_round_slot, compute_round_start
from hypernode.core.types import Message, Round
from hypernode.sim.archive import Filed
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.plan import NO_EXCUSE, FaultKind
from hypernode.sim.invariants.watch import Seen, Watch, is_halted

EXCHANGES: Final = 3
"""In calm a message is everywhere after so many exchanges of each connection."""
ON_THE_WAY_S: Final = 10.0
"""An exchange takes a moment, and messages are of whole seconds."""
TOO_OLD_S: Final = 600.0
"""A message that will be too old in less may be dropped by some before others."""
CALM_SLOTS: Final = 2
ASKED_FOR_PLANS: Final = 3
"""Hosts whose plans are compared before one is gone by."""
AFTER_FAULT_S: Final = 900.0
"""What a node says of another one may go back to a fault that was over so long before."""
FOR_ALL: Final = frozenset(
    {
        FaultKind.POW_FORK,
        FaultKind.POW_LEAVE,
        FaultKind.POW_VOID,
        FaultKind.POW_MOVE_ON,
        FaultKind.POW_AT_REFERENCE,
        FaultKind.POW_CHURN,
        FaultKind.POW_SPEND,
        FaultKind.POW_WEIGHT,
        FaultKind.POW_DEEP_FORK,
    }
)
"""Kinds that change lists, and so befall everybody."""
_ONCE: Final = frozenset({kinds.KO_ACTION, kinds.LATE, kinds.EQUIVOCATION, kinds.OK_ACTION, kinds.NO_TEST})
"""Kinds of which a node says each text once in a round."""
_TESTER: Final = frozenset({kinds.START_OR_TEST_OK, kinds.TEST_KO})


def note_messages(watch: Watch) -> None:
    """What came up since the last check, in blocks or in mempools; what is two rounds old is forgotten."""
    round_, _ = compute_round_slot(watch.cluster.params, watch.cluster.clock.now())
    oldest = compute_round_start(watch.cluster.params, round_ - 2)
    watch.seen = {txid: seen for txid, seen in watch.seen.items() if seen.message.timestamp >= oldest}
    sealed = [message for stored in watch.stored for message in stored.block.messages]
    waiting = [
        message
        for host in watch.list_running()
        if host.node is not None
        for message in host.node.mempool.get_all()
    ]
    watch.new_messages = []
    for message in (*sealed, *waiting):
        if watch.seen.keys().isdisjoint((message.txid, compute_twin(message.txid))):
            watch.seen[message.txid] = Seen(message)
            watch.new_messages.append(message)
    for message in sealed:
        seen = watch.seen.get(message.txid) or watch.seen.get(compute_twin(message.txid))
        if seen is not None:
            seen.was_sealed = True


# --- sealed messages ------------------------------------------------------------------------------------


async def sealed_messages_do_not_vanish(watch: Watch) -> None:
    """What a host's chain loses, that host has in its mempool, or somebody has it; unless it is too old, or
    nobody takes words of its sender any more."""
    lives = {host.index: host.node for host in watch.cluster.list_trusted() if not is_halted(host)}
    before, watch.lives = (
        watch.lives,
        {index: (id(node), watch.tips[index]) for index, node in lives.items() if index in watch.tips},
    )
    for index, (life, tip) in watch.lives.items():
        if index not in before or before[index][0] != life:
            continue
        lost = _list_lost(before[index][1], tip)
        if lost and (missing := [txid for txid in lost if not _is_somewhere(watch, txid)]):
            detail = f"node {index} let {len(missing)} messages go: {missing[0].hex()[:16]}"
            raise InvariantFailed("sealed_messages_do_not_vanish", detail, [index])


def _list_lost(before: Filed, tip: Filed) -> list[bytes]:
    """Ids of messages that the chain had before, and has not now."""
    now = {filed.header.block_hash for filed in tip.walk()}
    dropped: list[bytes] = []
    for filed in before.walk():
        if filed.header.block_hash in now:
            break
        dropped += sorted(filed.txids)
    if not dropped:
        return []
    held = {txid for filed in tip.walk() for txid in filed.txids}
    return [txid for txid in dropped if held.isdisjoint((txid, compute_twin(txid)))]


def _is_somewhere(watch: Watch, txid: bytes) -> bool:
    """In a chain, in a mempool, or rightly nowhere."""
    twin = compute_twin(txid)
    seen = watch.seen.get(txid) or watch.seen.get(twin)
    if seen is None or not _is_wanted(watch, seen.message):
        return True
    if any(txid in filed.txids or twin in filed.txids for tip in watch.tips.values() for filed in tip.walk()):
        return True
    return any(
        message.txid in (txid, twin)
        for host in watch.list_running()
        if host.node is not None
        for message in host.node.mempool.get_all()
    )


def _is_wanted(watch: Watch, message: Message) -> bool:
    """Whether there is time for it, and all take words of its sender."""
    cluster = watch.cluster
    age_s = cluster.clock.now() - message.timestamp
    is_young = 0 <= age_s < cluster.params.message_age_s - TOO_OLD_S
    trusted = [host.node for host in cluster.list_trusted() if host.node is not None]
    is_known = all(message.sender in node.intake.senders for node in trusted)
    return is_young and is_known and cluster.has_quota(message.sender)


# --- mempools -------------------------------------------------------------------------------------------


async def mempools_are_equal_in_calm(watch: Watch) -> None:
    """What is old enough for three exchanges is in every mempool or chain.  Who has no message at all asks
    for none (spec 6, mempool), and has what others bring."""
    cluster = watch.cluster
    settled_s = EXCHANGES * cluster.params.delays.mempool_exchange_s + ON_THE_WAY_S
    if watch.calm_s < CALM_SLOTS * watch.slot_s + settled_s:
        return
    trusted = [host for host in cluster.list_trusted() if not is_halted(host) and host.index in watch.tips]
    held = {host.index: _list_held(watch, host) for host in trusted}
    asking = [host.index for host in trusted if host.node is not None and len(host.node.mempool)]
    waiting = {
        message.txid: message
        for host in trusted
        if host.node is not None
        for message in host.node.mempool.get_all()
    }
    for message in waiting.values():
        if cluster.clock.now() - message.timestamp < settled_s or not _is_wanted(watch, message):
            continue
        names = {message.txid, compute_twin(message.txid)}
        lacking = [index for index in asking if held[index].isdisjoint(names)]
        if lacking:
            age_s = cluster.clock.now() - message.timestamp
            detail = f"nodes {lacking} lack a message of {message.sender} that is {age_s:.0f} s old"
            raise InvariantFailed("mempools_are_equal_in_calm", detail, lacking)


def _list_held(watch: Watch, host: SimNode) -> set[bytes]:
    """Ids in a host's mempool, and in blocks of its chain that are young enough to hold such ones."""
    assert host.node is not None
    waiting = {message.txid for message in host.node.mempool.get_all()}
    oldest = watch.cluster.clock.now() - watch.cluster.params.message_age_s - TOO_OLD_S
    recent = takewhile(lambda filed: filed.header.timestamp >= oldest, watch.tips[host.index].walk())
    return waiting | {txid for filed in recent for txid in filed.txids}


# --- what nodes say -------------------------------------------------------------------------------------


async def nobody_without_faults_is_blamed(watch: Watch) -> None:
    """101 and 111 of a node without faults are about one that had some."""
    hosts = {host.signer.address: host for host in watch.cluster.hosts[: watch.cluster.count]}
    for message in watch.new_messages:
        if message.what not in (kinds.KO_ACTION, kinds.EQUIVOCATION):
            continue
        by, about = hosts.get(message.sender), hosts.get(message.recipient)
        if by is None or about is None or not _are_faultless(watch, (by, about), message.timestamp):
            continue
        detail = f"node {by.index} blames node {about.index}: {message.what} {message.params}"
        raise InvariantFailed("nobody_without_faults_is_blamed", detail, [by.index, about.index])


def _are_faultless(watch: Watch, hosts: Collection[SimNode], written_at: float) -> bool:
    """Whether no fault befell any of these hosts since shortly before a message was written (unix s, by the
    clock of its writer, which may be wrong); those of legacy nodes are their own."""
    if any(host.index in watch.cluster.legacy_hosts for host in hosts):
        return False
    now = watch.cluster.clock.now()
    since = min(written_at, now - watch.slot_s) - AFTER_FAULT_S
    return not _had_fault(watch, {host.index for host in hosts}, since, now)


def _had_fault(watch: Watch, indices: Collection[int], since: float, until: float) -> bool:
    """Whether a fault was at work on one of these hosts, or on the lists, between two times (unix s)."""
    cluster = watch.cluster
    for fault in cluster.begun:
        first = cluster.begin_time + fault.at
        is_over = fault.number not in cluster.active
        last = max(cluster.begin_time + fault.end, cluster.ended.get(fault.number, 0.0)) if is_over else until
        befalls = fault.kind in FOR_ALL or not set(indices).isdisjoint(fault.subjects)
        if fault.kind not in NO_EXCUSE and befalls and first <= until and since <= last:
            return True
    return False


async def each_says_things_once_and_truly(watch: Watch) -> None:
    """In a round a node says each text once, and a result only of a test that is its own; who ended and
    started again in it may say again what it forgot."""
    rounds = {_get_round(watch, message) for message in watch.new_messages}
    hosts = {host.signer.address: host for host in watch.cluster.hosts[: watch.cluster.count]}
    for round_ in sorted(rounds):
        said = [s.message for s in watch.seen.values() if _get_round(watch, s.message) == round_]
        tests = await _list_tests(watch, round_)
        counted = Counter((m.sender, m.recipient, m.what, m.params) for m in said)
        for (sender, recipient, what, params), times in sorted(counted.items()):
            host = hosts.get(sender)
            most = _count_allowed(tests, sender, recipient, what, params)
            if host is None or most is None or times <= most or _may_repeat(watch, host, round_):
                continue
            detail = f"node {host.index} said {what} {params} of {recipient} {times} times, not {most}"
            raise InvariantFailed("each_says_things_once_and_truly", detail, [host.index])


def _get_round(watch: Watch, message: Message) -> Round:
    return compute_round_slot(watch.cluster.params, message.timestamp)[0]


async def _list_tests(watch: Watch, round_: Round) -> Counter[tuple[str, str, str]] | None:
    """Tester, tested and params of the round's tests; None where nobody has its plan, or some have others."""
    plans = [
        await host.node.ports.ledger.get_plan(round_)
        for host in watch.cluster.list_trusted()[:ASKED_FOR_PLANS]
        if host.node is not None
    ]
    known = [plan for plan in plans if plan is not None]
    if not known or any(plan.tests != known[0].tests for plan in known):
        return None
    return Counter(
        (test.tester, test.tested, kinds.format_test(test.kind)) for tests in known[0].tests for test in tests
    )


def _count_allowed(
    tests: Counter[tuple[str, str, str]] | None, sender: str, recipient: str, what: int, params: str
) -> int | None:
    """How often this may be said in a round; None: it is not known."""
    if what in _ONCE:
        return 1
    if what in _TESTER and params == kinds.START_PARAMS:
        return 1
    if tests is None:
        return None
    if what in _TESTER:
        return tests[sender, recipient, params]
    return tests[recipient, sender, params] if what == kinds.WAS_TESTED else None


def _may_repeat(watch: Watch, host: SimNode, round_: Round) -> bool:
    """Whether a fault befell the host, or the lists, in that round, the one before, or since."""
    if host.index in watch.cluster.legacy_hosts:
        return True
    now, params = watch.cluster.clock.now(), watch.cluster.params
    since = min(compute_round_start(params, round_ - 1), now - 2 * params.round_s)
    return _had_fault(watch, [host.index], since, now)
