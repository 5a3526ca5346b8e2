"""What keys may sign, and whom it may halt or accuse: each invariant holds, and each breaks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from hypernode.core.forging import seal_block
from hypernode.core.message import create_message
from hypernode.core.types import Block, Equivocation
from hypernode.sim.archive import Filed
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.host_faults import start_clone
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.invariants.of_signing import (
    clones_are_found,
    journals_know_own_blocks,
    nobody_is_accused_wrongly,
    nobody_signs_twice,
    only_clones_halt,
)
from hypernode.sim.invariants.watch import Watch
from tests.unit.sim.doctored import befall, play

ROUND, SIR = 3, 5


def sign(watch: Watch, host: SimNode, second: int = 0) -> Block:
    """A block of the host for one and the same slot, in another second of it each."""
    parent, now = watch.archive.root.header, int(watch.cluster.clock.now())
    return seal_block(host.signer.sign, host.signer.address, parent, ROUND, SIR, now + second, ())


def hold(watch: Watch, index: int, block: Block) -> None:
    """The host's chain ends with that block."""
    root = watch.archive.root
    watch.tips[index] = Filed(block, root, frozenset(), frozenset(), (), root.measured)


async def break_invariant(
    check: Callable[[Watch], Awaitable[None]], watch: Watch, match: str = "", *, is_excused: bool = False
) -> None:
    """It says what is wrong; unless a fault explains it."""
    if is_excused:
        await check(watch)
        return
    with pytest.raises(InvariantFailed, match=f"{check.__name__}: {match}"):
        await check(watch)


# --- signing --------------------------------------------------------------------------------------------


def test_one_signed_block_a_slot_is_allowed_and_messages_are_no_blocks() -> None:
    async def act(watch: Watch) -> None:
        host = watch.cluster.hosts[1]
        sign(watch, host)
        sign(watch, host)  # the same once more
        for value in range(3):
            create_message(
                host.signer.sign,
                host.signer.pubkey,
                timestamp=int(watch.cluster.clock.now()),
                sender=host.signer.address,
                recipient=host.signer.address,
                what=202,
                value=value,
            )
        await nobody_signs_twice(watch)

    play(act)


@pytest.mark.parametrize(
    ("kind", "ago_s", "is_excused"),
    [
        (FaultKind.EQUIVOCATE, 0.0, True),
        (FaultKind.CLONE, 50.0, True),
        (FaultKind.USURP, 100.0, True),
        (FaultKind.EQUIVOCATE, 101.0, False),
        (FaultKind.OLD_BACKUP, 0.0, False),
        (FaultKind.CRASH, 0.0, False),
    ],
)
def test_an_untaken_second_block_is_found_unless_a_fault_signed_it(
    kind: FaultKind, ago_s: float, *, is_excused: bool
) -> None:
    async def act(watch: Watch) -> None:
        host = watch.cluster.hosts[1]
        befall(watch, kind, 1, ago_s)
        sign(watch, host)
        sign(watch, host, 1)
        await break_invariant(
            nobody_signs_twice, watch, r"node \[1\] signed 2 blocks for slot 5", is_excused=is_excused
        )

    play(act)


def test_a_fault_excuses_nobody_else() -> None:
    async def act(watch: Watch) -> None:
        befall(watch, FaultKind.EQUIVOCATE, 2)
        sign(watch, watch.cluster.hosts[1])
        sign(watch, watch.cluster.hosts[1], 1)
        await break_invariant(nobody_signs_twice, watch)

    play(act)


def test_a_legacy_node_may_sign_twice() -> None:
    async def act(watch: Watch) -> None:
        sign(watch, watch.cluster.hosts[0])
        sign(watch, watch.cluster.hosts[0], 1)
        await nobody_signs_twice(watch)

    play(act, legacy=1)


# --- journals -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "ago_s", "is_excused"),
    [
        (FaultKind.OLD_BACKUP, 50.0, True),
        (FaultKind.CLONE, 50.0, True),
        (FaultKind.OLD_BACKUP, 101.0, False),
        (FaultKind.OLD_LEDGER, 50.0, False),
    ],
)
def test_an_own_block_missing_in_the_journal_is_found_unless_restored(
    kind: FaultKind, ago_s: float, *, is_excused: bool
) -> None:
    async def act(watch: Watch) -> None:
        host = watch.cluster.hosts[1]
        befall(watch, kind, 1, ago_s)
        block = sign(watch, host)
        watch.tips.update(dict.fromkeys(range(watch.cluster.count), watch.archive.root))
        hold(watch, 1, block)
        match = "node 1 has its block 1 not in its journal"
        await break_invariant(journals_know_own_blocks, watch, match, is_excused=is_excused)
        assert host.node is not None
        await host.node.ports.journal.record(ROUND, SIR, block.block_hash)
        await journals_know_own_blocks(watch)

    play(act)


# --- evidence -------------------------------------------------------------------------------------------


def test_evidence_of_what_was_signed_is_true_and_any_other_is_found() -> None:
    async def act(watch: Watch) -> None:
        accuser, accused, other = (watch.cluster.hosts[n] for n in (1, 2, 3))
        first, second, third = sign(watch, accused), sign(watch, accused, 1), sign(watch, other)
        assert accuser.node is not None
        evidence = accuser.node.node_state.evidence
        evidence.append(Equivocation(first, second, 0))
        await nobody_is_accused_wrongly(watch)
        for false in ((first, first), (first, third)):
            evidence[:] = [Equivocation(*false, 0)]
            await break_invariant(nobody_is_accused_wrongly, watch, "node 1 accuses")

    play(act)


# --- halting --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "is_excused"), [(FaultKind.EQUIVOCATE, True), (FaultKind.CRASH, False)])
def test_who_halts_over_a_block_of_its_own_hand_has_no_reason(kind: FaultKind, *, is_excused: bool) -> None:
    async def act(watch: Watch) -> None:
        host = watch.cluster.hosts[1]
        befall(watch, kind, 1)
        block = sign(watch, host)
        assert host.node is not None
        await only_clones_halt(watch)
        host.node.halt(f"our key signed block {block.height} elsewhere: is this wallet in use?")
        await break_invariant(only_clones_halt, watch, "node 1: our key signed", is_excused=is_excused)

    play(act)


def test_who_halts_for_another_reason_is_found_also_under_a_fault() -> None:
    async def act(watch: Watch) -> None:
        host = watch.cluster.hosts[1]
        befall(watch, FaultKind.CLONE, 1)
        sign(watch, host)
        assert host.node is not None
        host.node.halt("a bug of ours: it cannot be")
        await break_invariant(only_clones_halt, watch, "node 1: a bug of ours")

    play(act)


def test_two_hosts_with_one_key_and_neither_halted_are_found() -> None:
    async def act(watch: Watch) -> None:
        cluster = watch.cluster
        fault = befall(watch, FaultKind.CLONE, 1)
        cluster.active[fault.number] = fault
        await start_clone(cluster, fault)
        clone = cluster.hosts[-1]
        assert clone.signer.address == cluster.hosts[1].signer.address
        hold(watch, 0, sign(watch, clone, 400))
        await clones_are_found(watch)
        hold(watch, 0, sign(watch, clone, -400))
        await clones_are_found(watch)
        fault = befall(watch, FaultKind.CLONE, 1, 1_000.0)
        cluster.active = {fault.number: fault}
        await break_invariant(clones_are_found, watch, "block 1 was signed on one of two hosts")
        assert clone.node is not None
        clone.node.halt("our key signed block 1 elsewhere")
        await clones_are_found(watch)
        await only_clones_halt(watch)

    play(act)
