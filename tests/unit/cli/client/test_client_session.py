"""A client's question over real TCP to a real session: what every action gets, and every way to fail."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from hypernode.app.system_clock import SystemClock, SystemEntropy
from hypernode.cli.client.actions import ACTIONS, Answer, BadAnswer, make_question
from hypernode.cli.client.client_session import SaidKo, Target, ask, make_test_message
from hypernode.core.errors import Ignore, Reject
from hypernode.core.message import encode_signed_buffer
from hypernode.core.params.networks import devnet, mainnet
from hypernode.core.rules import Rule
from hypernode.core.signing import is_valid_signature
from hypernode.core.types import Endpoint
from hypernode.net.caller import Caller
from hypernode.net.client_session import HelloRefused
from hypernode.net.signed_hello import Identity
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.node.base.json_shapes import block_to_object, message_to_list
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import CLIENT_PORT
from tests.unit.cli.node_stub import (
    BLOCK,
    HEADER,
    MESSAGE,
    STATUS,
    WALLET,
    Handler,
    StubNode,
    listening,
    listening_raw,
    stay_silent,
    without_received,
)


async def ask_at(
    endpoint: Endpoint,
    name: str,
    param: str = "",
    *,
    question: Command | None = None,
    read_s: float = 5.0,
    told: list[str] | None = None,
) -> Answer:
    action = ACTIONS[name]
    identity = Identity(WALLET, SystemEntropy())
    target = Target(mainnet(), endpoint, WALLET.address, None, 5.0, read_s, identity)
    return await ask(
        target,
        action,
        question or make_question(action, param),
        connections=TornadoConnections(),
        clock=SystemClock(),
        tell=(told if told is not None else []).append,
    )


def ask_node(
    name: str, param: str = "", handler: Handler | None = None, *, features: int = 8, read_s: float = 5.0
) -> Answer:
    async def scenario() -> Answer:
        async with listening(handler or StubNode().handle, features=features) as endpoint:
            return await ask_at(endpoint, name, param, read_s=read_s)

    return asyncio.run(scenario())


def test_hello_is_the_nodes_own_and_ours_says_that_we_are_a_client() -> None:
    callers: list[Caller] = []

    async def scenario() -> Answer:
        async with listening(StubNode().handle, on_hello=callers.append) as endpoint:
            return await ask_at(endpoint, "hello")

    assert asyncio.run(scenario()).value == {
        "posnet": "posnet0002",
        "port": 6969,
        "address": WALLET.address,
        "identity": "proved",
    }
    (caller,) = callers
    assert caller.hello is not None
    assert (caller.hello.port, caller.hello.address) == (CLIENT_PORT, WALLET.address)
    assert caller.proved_address == WALLET.address


@pytest.mark.parametrize(
    ("features", "identity"), [(0, "claimed"), (8, "claimed"), (12, "claimed"), (7, "proved"), (14, "proved")]
)
def test_who_a_node_is_is_proved_or_only_claimed(features: int, identity: str) -> None:
    told: list[str] = []

    async def scenario() -> tuple[Answer, Answer]:
        async with listening(StubNode().handle, features=features) as endpoint:
            hello = await ask_at(endpoint, "hello", told=told)
            return hello, await ask_at(endpoint, "status")

    hello, status = asyncio.run(scenario())
    assert isinstance(hello.value, dict)
    assert isinstance(status.value, dict)
    assert hello.value["identity"] == status.value["client"]["identity"] == identity
    assert told[-1] == f"it is {WALLET.address}, {identity}"


@pytest.mark.parametrize(
    ("name", "param", "value", "is_negative"),
    [
        ("block", "7", block_to_object(BLOCK), False),
        ("block", "9", False, True),
        ("blocksync", "7", [block_to_object(BLOCK)], False),
        ("blocksync", "9", False, True),
        ("headers", "", [block_to_object(HEADER)], False),
        ("headers", "9,1", False, True),
        ("tx", MESSAGE.txid.hex().upper(), [message_to_list(MESSAGE)], False),
        ("tx", "00" * 64, False, True),
        ("address_txs", WALLET.address, [message_to_list(MESSAGE)], False),
        ("mempool", "", [message_to_list(MESSAGE)], False),
    ],
)
@pytest.mark.parametrize("features", [0, 8, 7, 14])
def test_an_action_gives_the_json_of_the_spec_on_both_kinds_of_streams(
    name: str, param: str, value: object, is_negative: bool, features: int
) -> None:
    answer = ask_node(name, param, features=features)
    assert Answer(without_received(answer.value), answer.is_negative) == Answer(value, is_negative)


@pytest.mark.parametrize(
    ("name", "param", "asked"),
    [
        ("round", "", "getround"),
        ("heights", "", "getheights"),
        ("hypernodes", "1,2,3", "gethypernodes"),
        ("getconfig", "", "getconfig"),
    ],
)
def test_json_of_the_node_is_handed_on(name: str, param: str, asked: str) -> None:
    assert ask_node(name, param).value == {"asked": asked, "text": param or None, **STATUS}


def test_a_status_gets_the_client_added() -> None:
    value = ask_node("status").value
    assert isinstance(value, dict)
    assert value["chain"] == STATUS["chain"]
    assert list(value["client"]) == ["version", "lib_version", "localtime", "rtt", "identity"]
    assert 0 <= value["client"]["rtt"] < 5


def test_a_ping_is_sent_to_a_peer_with_features_only() -> None:
    for features, commands in ((8, [CommandId.PING]), (0, [])):
        node = StubNode()
        value = ask_node("ping", handler=node.handle, features=features).value
        assert isinstance(value, dict)
        assert value["ok"] is True
        assert [command.id for command in node.asked] == commands


def test_txtest_signs_a_message_to_ourselves() -> None:
    node = StubNode()

    async def scenario() -> Answer:
        async with listening(node.handle) as endpoint:
            return await ask_at(endpoint, "txtest", question=make_test_message(WALLET, SystemClock()))

    printed = asyncio.run(scenario()).value
    (sent,) = node.got
    assert printed == without_received(message_to_list(sent))
    assert (sent.sender, sent.recipient, sent.what, sent.value, sent.params) == (
        WALLET.address,
        WALLET.address,
        0,
        1,
        "",
    )
    assert is_valid_signature(sent.pubkey, sent.txid, encode_signed_buffer(sent))


def test_a_ko_is_raised_with_its_reason() -> None:
    with pytest.raises(SaidKo) as caught:
        ask_node("update", "http://example.org/")
    assert caught.value.reason == "signed releases only"


def test_a_node_of_another_network_refuses_our_hello() -> None:
    other = devnet(0, 6, mainnet().control_pow, mainnet().control_pos)

    async def scenario() -> None:
        async with listening(StubNode().handle, params=other) as endpoint:
            await ask_at(endpoint, "hello")

    with pytest.raises(HelloRefused, match="Bad Posnet posnet0002"):
        asyncio.run(scenario())


def test_a_command_for_peers_with_features_is_not_sent_to_a_legacy_node() -> None:
    node = StubNode()
    with pytest.raises(Ignore, match="not for a peer without features"):
        ask_node("getconfig", handler=node.handle, features=0)
    assert node.asked == []


def test_a_node_that_does_not_answer_is_a_timeout() -> None:
    with pytest.raises(TimeoutError):
        ask_node("status", handler=stay_silent, read_s=0.05)


def test_a_node_that_says_nothing_to_our_hello_is_a_timeout() -> None:
    async def hold(transport: Transport) -> None:
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with listening_raw(hold) as endpoint:
            await ask_at(endpoint, "hello", read_s=0.05)

    with pytest.raises(TimeoutError):
        asyncio.run(scenario())


async def close_on(caller: Caller, command: Command) -> Command | None:
    raise Ignore(Rule.WIRE, "as legacy nodes do")


def test_a_node_that_closes_is_told_from_one_that_is_silent() -> None:
    with pytest.raises(TransportClosed):
        ask_node("headers", "1,5", handler=close_on)


def test_a_port_that_nobody_listens_on_is_closed() -> None:
    async def scenario() -> None:
        async with listening(StubNode().handle) as endpoint:
            pass
        await ask_at(endpoint, "hello")

    with pytest.raises(TransportClosed):
        asyncio.run(scenario())


def answering(answer: Command) -> Callable[[Caller, Command], Awaitable[Command]]:
    async def handler(caller: Caller, command: Command) -> Command:
        return answer

    return handler


@pytest.mark.parametrize(
    ("name", "param", "answer"),
    [
        ("status", "", Command(CommandId.STATUS)),
        ("status", "", Command(CommandId.STATUS, string="{")),
        ("status", "", Command(CommandId.STATUS, string="NaN")),
        ("status", "", Command(CommandId.STATUS, string="[" * 60_000)),
        ("status", "", Command(CommandId.OK)),
        ("mempool", "", Command(CommandId.OK)),
        ("block", "7", Command(CommandId.BLOCKSYNC, blocks=(BLOCK,))),
        ("ping", "", Command(CommandId.PING)),
    ],
)
def test_an_answer_that_is_none_to_the_question_is_bad(name: str, param: str, answer: Command) -> None:
    with pytest.raises(BadAnswer):
        ask_node(name, param, handler=answering(answer))


def test_bytes_that_are_no_frame_are_rejected() -> None:
    async def babble(transport: Transport) -> None:
        await transport.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 10)
        await asyncio.Event().wait()

    async def scenario() -> None:
        async with listening_raw(babble) as endpoint:
            await ask_at(endpoint, "hello")

    with pytest.raises(Reject):
        asyncio.run(scenario())
