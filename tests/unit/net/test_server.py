"""The side that answers: hello, what may come without it, who may ask what, and every way it ends."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Ignore, Reject
from hypernode.core.rules import Rule
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.framing import Mode
from hypernode.wire.hello import ANNOUNCED_FEATURES, FEATURE_CHECKED, Hello, format_hello, parse_hello
from tests.unit.net.harness import (
    ADDRESS,
    CLIENT_HELLO,
    NODE_HELLO,
    OUR_HELLO,
    REGISTERED,
    STRANGER,
    SessionHarness,
    in_harness,
)
from tests.unit.wire.samples import BLOCK, MESSAGE

HELLO = Command(CommandId.HELLO, string=format_hello(OUR_HELLO))
FEATURE_HELLO = replace(HELLO, features=FEATURE_CHECKED, version=1)
STATUS = Command(CommandId.STATUS)
PUSH = Command(CommandId.BLOCK, blocks=(BLOCK,))
TEST = Command(CommandId.TEST, messages=(replace(MESSAGE, txid=b"", pubkey=b""),))


def talk(
    *said: Command, ip: str = REGISTERED, mode: Mode = Mode.LEGACY
) -> Callable[[SessionHarness], Coroutine[Any, Any, None]]:
    """Say these, one after the other's answer; the answers are in ``world.answers``."""

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(ip, mode)
        answers = []
        for command in said:
            await peer.say(command)
            answers.append(await peer.hear())
        harness.answers = answers  # type: ignore[attr-defined]

    return body


def answers_of(harness: SessionHarness) -> list[Command | None]:
    answers: list[Command | None] = harness.answers  # type: ignore[attr-defined]
    return answers


# --- hello ------------------------------------------------------------------------------------------


def test_a_legacy_hello_is_answered_with_a_legacy_hello() -> None:
    harness = in_harness(talk(HELLO, STATUS))
    assert answers_of(harness) == [Command(CommandId.HELLO, string=format_hello(NODE_HELLO)), STATUS]
    (caller,) = harness.callers
    assert (caller.hello, caller.features, caller.name) == (OUR_HELLO, 0, f"{REGISTERED}:06969")


def test_features_are_answered_with_features_and_checked_frames_follow() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(FEATURE_HELLO)
        answer = await peer.hear()
        assert answer == Command(
            CommandId.HELLO, string=format_hello(NODE_HELLO), features=ANNOUNCED_FEATURES, version=1
        )
        peer.framing.switch_to_checked()
        await peer.say(STATUS)
        assert await peer.hear() == STATUS
        assert harness.callers[0].features == FEATURE_CHECKED

    in_harness(body)


def test_features_that_only_they_have_change_nothing() -> None:
    harness = in_harness(talk(replace(HELLO, features=6), STATUS), features=FEATURE_CHECKED)
    first, second = answers_of(harness)
    assert first is not None
    assert (first.features, second) == (FEATURE_CHECKED, STATUS)
    assert harness.callers[0].features == 0


def test_a_node_without_features_looks_like_a_legacy_one() -> None:
    harness = in_harness(talk(FEATURE_HELLO, STATUS), features=0)
    assert answers_of(harness) == [Command(CommandId.HELLO, string=format_hello(NODE_HELLO)), STATUS]


def test_who_opens_with_checked_frames_is_answered_in_kind() -> None:
    harness = in_harness(talk(FEATURE_HELLO, STATUS, mode=Mode.CHECKED))
    assert [answer and answer.id for answer in answers_of(harness)] == [CommandId.HELLO, CommandId.STATUS]


def test_another_posnet_is_told_so() -> None:
    harness = in_harness(talk(Command(CommandId.HELLO, string=f"posnet000906969{ADDRESS}")))
    assert answers_of(harness) == [Command(CommandId.KO, string="Bad Posnet posnet0009")]
    assert harness.ends[0].reason == "Bad Posnet posnet0009"
    assert not harness.ends[0].is_offence


def test_an_empty_hello_is_of_a_bad_posnet() -> None:
    assert answers_of(in_harness(talk(Command(CommandId.HELLO)))) == [
        Command(CommandId.KO, string="Bad Posnet ")
    ]


@pytest.mark.parametrize("posnet", ["posnet0002", "posnet0003", "posnet0004"])
def test_every_allowed_posnet_is_welcome(posnet: str) -> None:
    harness = in_harness(talk(Command(CommandId.HELLO, string=f"{posnet}06969{ADDRESS}")))
    assert harness.callers[0].hello == Hello(posnet, 6969, ADDRESS)


def test_a_hello_cut_short_is_an_offence() -> None:
    harness = in_harness(talk(Command(CommandId.HELLO, string="posnet000206969")))
    assert answers_of(harness) == [None]
    assert (harness.ends[0].reason, harness.ends[0].is_offence) == ("a hello of 15 characters", True)


def test_a_second_hello_ends_the_session_quietly() -> None:
    harness = in_harness(talk(HELLO, HELLO))
    assert answers_of(harness)[1] is None
    assert (harness.ends[0].reason, harness.ends[0].is_offence) == ("a second hello", False)


def test_the_node_may_refuse_a_hello() -> None:
    async def body(harness: SessionHarness) -> None:
        harness.refuse_hello = Ignore(Rule.WIRE, "not now")
        await talk(HELLO)(harness)

    harness = in_harness(body)
    assert answers_of(harness) == [None]
    assert harness.list_reasons() == ["not now"]


# --- before hello -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command_id", [c for c in CommandId if c not in (CommandId.HELLO, CommandId.BLOCK, CommandId.TEST)]
)
def test_what_needs_a_hello_is_refused_without(command_id: CommandId) -> None:
    harness = in_harness(talk(Command(command_id)))
    assert answers_of(harness) == [Command(CommandId.KO, string="Did not say hello")]
    assert (harness.ends[0].reason, harness.ends[0].is_offence) == ("Did not say hello", False)
    assert harness.handled == []


def test_a_block_may_come_without_hello() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(PUSH)
        peer.transport.close()
        await asyncio.sleep(1)

    harness = in_harness(body)
    assert harness.handled == [PUSH]
    assert harness.list_reasons() == ["closed by the peer"]


def test_a_test_may_come_without_hello_and_is_answered() -> None:
    assert answers_of(in_harness(talk(TEST))) == [TEST]


@pytest.mark.parametrize("said", [(PUSH,), (TEST,), (HELLO, PUSH), (HELLO, TEST)])
def test_blocks_and_tests_are_for_registered_hypernodes(said: tuple[Command, ...]) -> None:
    harness = in_harness(talk(*said, ip=STRANGER))
    name = said[-1].id.name.lower()
    assert answers_of(harness)[-1] is None
    assert harness.handled == []
    assert harness.ends[0].reason == f"{name} from an IP that is not registered"
    assert harness.admission.is_on_hold(STRANGER, harness.clock.monotonic())


# --- after hello ------------------------------------------------------------------------------------


def test_a_question_may_have_no_answer() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(HELLO, Command(CommandId.PING), STATUS)
        assert [await peer.hear() for _ in range(2)][1] == STATUS

    assert [command.id for command in in_harness(body).handled] == [CommandId.PING, CommandId.STATUS]


@pytest.mark.parametrize("command_id", [CommandId.GETCONFIG, CommandId.AUTH])
def test_commands_above_the_legacy_ones_need_features(command_id: CommandId) -> None:
    harness = in_harness(talk(HELLO, Command(command_id)))
    assert answers_of(harness)[1] is None
    assert harness.list_reasons() == [f"{command_id.name.lower()} from a peer without features"]


def test_a_peer_with_features_may_ask_for_them() -> None:
    harness = in_harness(talk(FEATURE_HELLO, Command(CommandId.GETCONFIG), mode=Mode.CHECKED))
    assert answers_of(harness)[1] == Command(CommandId.GETCONFIG)


def test_a_proof_that_was_not_asked_for_ends_the_session_quietly() -> None:
    harness = in_harness(talk(FEATURE_HELLO, Command(CommandId.AUTH, proof=bytes(64)), mode=Mode.CHECKED))
    assert answers_of(harness)[1] is None
    assert harness.list_reasons() == ["a proof that was not asked for"]
    assert not harness.ends[0].is_offence


@pytest.mark.parametrize(
    ("verdict", "held_s"), [(Ignore(Rule.WIRE, "it closes"), 0.0), (Reject(Rule.B4, "a lie"), 4.0)]
)
def test_a_handler_may_end_the_session(verdict: Ignore | Reject, held_s: float) -> None:
    async def refuse(*_: object) -> Command | None:
        raise verdict

    harness = in_harness(talk(HELLO, STATUS), handler=refuse)
    assert answers_of(harness)[1] is None
    assert (harness.ends[0].reason, harness.ends[0].held_s) == (verdict.reason, held_s)


def test_the_operators_own_ip_is_never_held() -> None:
    async def body(harness: SessionHarness) -> None:
        for _ in range(2):
            peer = await harness.dial(STRANGER)
            await peer.say(PUSH)
            assert await peer.hear() is None
        await talk(HELLO, ip=STRANGER)(harness)

    harness = in_harness(body, never_held=(STRANGER,))
    assert answers_of(harness) != [None]


def test_an_answer_that_cannot_be_written_is_nobodys_fault() -> None:
    async def wrong(*_: object) -> Command | None:
        return Command(CommandId.STATUS, string="\ud800")

    harness = in_harness(talk(HELLO, STATUS), handler=wrong)
    assert not harness.ends[0].is_offence


def test_a_client_is_known_by_its_port() -> None:
    harness = in_harness(talk(Command(CommandId.HELLO, string=format_hello(CLIENT_HELLO)), ip=STRANGER))
    hello = harness.callers[0].hello
    assert hello is not None
    assert hello.is_client
    answer = answers_of(harness)[0]
    assert answer is not None
    assert parse_hello(answer.string or "") == NODE_HELLO


def test_bytes_are_counted() -> None:
    harness = in_harness(talk(HELLO, STATUS))
    (caller,) = harness.callers
    assert (caller.bytes_received, caller.bytes_sent) == (4 + 53 + 4 + 2, 4 + 53 + 4 + 2)


# --- garbage and size -------------------------------------------------------------------------------


# --- time -------------------------------------------------------------------------------------------


# --- how many, how much -----------------------------------------------------------------------------


def test_an_ip_on_hold_is_not_served_until_it_is_over() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(STRANGER)
        await peer.write(bytes(4))
        assert await peer.hear() is None
        await talk(HELLO, ip=STRANGER)(harness)
        assert answers_of(harness) == [None]
        await asyncio.sleep(4)
        await talk(HELLO, ip=STRANGER)(harness)
        assert answers_of(harness) != [None]

    assert "its IP is on hold" in in_harness(body).list_reasons()


@pytest.mark.parametrize("has_hello", [False, True])
@pytest.mark.parametrize("is_registered", [False, True])
def test_a_block_too_large_to_push_is_no_offence_of_a_registered_ip(
    has_hello: bool, is_registered: bool
) -> None:
    """A stranger may have filled the mempool of an honest legacy juror (rule 14)."""

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(REGISTERED if is_registered else STRANGER)
        if has_hello:
            await peer.say(Command(CommandId.HELLO, string=format_hello(OUR_HELLO)))
            await peer.hear()
        await peer.write((2**22).to_bytes(4, "big") + bytes([8, CommandId.BLOCK]) + bytes(99))
        assert await peer.hear() is None

    [end] = in_harness(body).ends
    assert end.is_offence is not is_registered
    assert (end.held_s > 0) is not is_registered
