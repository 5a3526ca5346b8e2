"""What becomes of messages and what nodes say: each invariant holds, and breaks for a doctored network."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.core import kinds
from hypernode.core.errors import Ignore
from hypernode.core.message import create_message
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Message
from hypernode.node.duty.forger import Forger
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.plan import FaultKind
from hypernode.sim.invariants.in_calm import jurors_in_calm_forge
from hypernode.sim.invariants.of_messages import (
    each_says_things_once_and_truly,
    mempools_are_equal_in_calm,
    nobody_without_faults_is_blamed,
    note_messages,
    sealed_messages_do_not_vanish,
)
from hypernode.sim.invariants.of_storage import rules_hold_for_what_is_stored
from hypernode.sim.invariants.watch import Seen, Watch
from tests.unit.sim.doctored import befall, play


async def grow(watch: Watch) -> None:
    """The first blocks: tips and messages are known."""
    await watch.cluster.run_until(3, 2)
    await asyncio.sleep(watch.slot_s - 2.0)
    await look(watch)


async def look(watch: Watch) -> None:
    note_messages(watch)
    await rules_hold_for_what_is_stored(watch)


def write(
    watch: Watch, by: int, about: int, what: int, params: str, age_s: float = 0.0, value: int = 0
) -> Message:
    """A message of a host about another one, so many seconds old."""
    signer, about_whom = watch.cluster.hosts[by].signer, watch.cluster.hosts[about].signer
    return create_message(
        signer.sign,
        signer.pubkey,
        timestamp=int(watch.cluster.clock.now() - age_s),
        sender=signer.address,
        recipient=about_whom.address,
        what=what,
        params=params,
        value=value,
    )


# --- sealed messages --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_kept", [True, False], ids=["taken back", "forgotten"])
def test_what_a_chain_loses_has_to_be_somewhere(*, is_kept: bool) -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        await sealed_messages_do_not_vanish(watch)
        node = watch.cluster.hosts[1].node
        assert node is not None
        lost = [seen.message for seen in watch.seen.values() if seen.message.txid in watch.tips[1].txids]
        assert lost
        for index, tip in list(watch.tips.items()):
            assert tip.parent is not None
            watch.tips[index] = tip.parent
        for message in lost if is_kept else ():
            node.mempool.add(replace(message, block_height=0))
        if is_kept:
            await sealed_messages_do_not_vanish(watch)
        else:
            with pytest.raises(
                InvariantFailed, match=r"sealed_messages_do_not_vanish: node \d let \d+ messages"
            ):
                await sealed_messages_do_not_vanish(watch)

    play(act)


def test_a_node_that_started_again_may_lack_what_it_had() -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        await sealed_messages_do_not_vanish(watch)
        for index, tip in list(watch.tips.items()):
            assert tip.parent is not None
            watch.tips[index] = tip.parent
            watch.lives[index] = (0, watch.lives[index][1])
        await sealed_messages_do_not_vanish(watch)

    play(act)


# --- mempools ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("age_s", "calm_slots", "is_lacking"),
    [(101.0, 9.0, True), (99.0, 9.0, False), (101.0, 2.0, False)],
    ids=["after three exchanges", "before them", "soon after a fault"],
)
def test_a_message_is_everywhere_after_three_exchanges(
    age_s: float, calm_slots: float, *, is_lacking: bool
) -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        watch.calm_since = asyncio.get_running_loop().time() - calm_slots * watch.slot_s
        for host in watch.cluster.hosts[1:]:
            assert host.node is not None
            host.node.mempool.add(write(watch, 0, host.index, 0, "KNOWN", value=host.index))
        first = watch.cluster.hosts[0].node
        assert first is not None
        first.mempool.add(write(watch, 0, 1, 0, "HIDDEN", age_s))
        if is_lacking:
            with pytest.raises(InvariantFailed, match=r"nodes \[1, 2, 3\] lack a message"):
                await mempools_are_equal_in_calm(watch)
        else:
            await mempools_are_equal_in_calm(watch)

    play(act)


# --- what nodes say ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("what", "params"), [(kinds.KO_ACTION, "P.FAIL:10.3.0.1:06969"), (kinds.EQUIVOCATION, "x")]
)
@pytest.mark.parametrize("fault_of", [None, 1, 2, 3], ids=["no fault", "of it", "of the other", "of a third"])
def test_who_has_no_faults_is_not_blamed(what: int, params: str, fault_of: int | None) -> None:
    async def act(watch: Watch) -> None:
        if fault_of is not None:
            befall(watch, FaultKind.SLOW, fault_of, ago_s=10)
        watch.new_messages = [write(watch, 1, 2, what, params)]
        if fault_of in (1, 2):
            await nobody_without_faults_is_blamed(watch)
        else:
            with pytest.raises(InvariantFailed, match=f"node 1 blames node 2: {what}"):
                await nobody_without_faults_is_blamed(watch)

    play(act)


@pytest.mark.parametrize(
    ("what", "params", "times", "is_broken"),
    [
        (kinds.NO_TEST, "NO_TEST:1", 2, True),
        (kinds.NO_TEST, "NO_TEST:1", 1, False),
        (kinds.START_OR_TEST_OK, kinds.START_PARAMS, 2, True),
        (kinds.TEST_KO, "TEST:77", 1, True),
        (kinds.WAS_TESTED, "TEST:77", 1, True),
        (kinds.CONFIG, "C:1", 3, False),
    ],
)
def test_things_are_said_once_and_of_tests_that_there_are(
    what: int, params: str, times: int, *, is_broken: bool
) -> None:
    async def act(watch: Watch) -> None:
        await grow(watch)
        watch.seen.clear()
        said = [write(watch, 1, 2, what, params, value=number) for number in range(times)]
        watch.seen |= {message.txid: Seen(message) for message in said}
        watch.new_messages = said
        if is_broken:
            with pytest.raises(InvariantFailed, match=f"node 1 said {what} {params}"):
                await each_says_things_once_and_truly(watch)
            befall(watch, FaultKind.RESTART, 1, ago_s=10)
        await each_says_things_once_and_truly(watch)

    play(act)


# --- jurors -----------------------------------------------------------------------------------------------


def test_a_juror_that_could_forge_and_did_not_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(self: Forger, *args: object) -> Block:
        raise Ignore(Rule.FORGING, "planted")

    async def act(watch: Watch) -> None:
        await grow(watch)
        watch.calm_since = asyncio.get_running_loop().time() - 9 * watch.slot_s
        await jurors_in_calm_forge(watch)
        monkeypatch.setattr(Forger, "forge", refuse)

        async def go_on() -> None:
            for _ in range(4):
                await asyncio.sleep(watch.slot_s)
                await look(watch)
                await jurors_in_calm_forge(watch)

        with pytest.raises(InvariantFailed, match="could forge in slot"):
            await go_on()

    play(act)
