"""Who is it: signed hellos of both sides, every wrong proof by its reason, and old peers beside new ones."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.types import Endpoint
from hypernode.net.client_session import ClientSession, HelloRefused
from hypernode.net.signed_hello import Identity, limit_features
from hypernode.ports.connections import Transport, TransportClosed
from hypernode.wire.auth import Nonces, Side, make_proof
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.hello import (
    ANNOUNCED_FEATURES,
    FEATURE_CHECKED,
    FEATURE_SIGNED_HELLO,
    Hello,
    format_hello,
)
from tests.unit.net.harness import (
    ADDRESS,
    NODE_HELLO,
    NODE_KEY,
    OUR_HELLO,
    OUR_KEY,
    STRANGER,
    RawPeer,
    SessionHarness,
    in_harness,
    make_identity,
)
from tests.unit.wire.samples import BLOCK, MESSAGE

STATUS = Command(CommandId.STATUS)
BLOCKSYNC = Command(CommandId.BLOCKSYNC, int32=1)
BLOCKS = Command(CommandId.BLOCKSYNC, blocks=(replace(BLOCK, messages=(MESSAGE,) * 50),) * 5)
FEATURES_OF_BEFORE = 1 | 2 | 4
"""What nodes announce whose checked frames had another checksum."""
OTHER_KEY = make_identity("somebody else")
FEATURES = [0, *(a | b | c for a in (0, 2) for b in (0, 4) for c in (0, 8) if a | b | c), FEATURES_OF_BEFORE]


async def serve_blocks(caller: object, command: Command) -> Command | None:
    return BLOCKS if command.id is CommandId.BLOCKSYNC else command


# --- old and new ------------------------------------------------------------------------------------


@pytest.mark.parametrize("theirs", FEATURES)
@pytest.mark.parametrize("ours", FEATURES)
def test_peers_go_on_with_what_both_have(ours: int, theirs: int) -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open(features=ours)
        (caller,) = harness.callers
        assert session.features == caller.features == ours & theirs
        is_signed = bool(ours & theirs & FEATURE_SIGNED_HELLO)
        assert session.proved_address == (NODE_HELLO.address if is_signed else None)
        assert caller.proved_address == (ADDRESS if is_signed else None)
        assert await session.request(STATUS, 5.0) == STATUS
        received = session.bytes_received
        assert await session.request(BLOCKSYNC, 5.0) == BLOCKS
        is_compressed = session.bytes_received - received < len(encode_command(BLOCKS)) // 10
        assert is_compressed is bool(ours & theirs & 4)

    harness = in_harness(body, handler=serve_blocks, features=theirs)
    assert harness.list_reasons() == ["closed by the peer"]


def test_who_has_no_key_announces_no_signed_hello() -> None:
    assert limit_features(ANNOUNCED_FEATURES, None) == 12
    assert limit_features(ANNOUNCED_FEATURES, OUR_KEY) == ANNOUNCED_FEATURES

    async def body(harness: SessionHarness) -> None:
        session = await harness.open(identity=None)
        assert (session.features, session.proved_address) == (12, None)
        assert (harness.callers[0].features, harness.callers[0].proved_address) == (12, None)

    in_harness(body)


def test_a_block_without_hello_stays_plain() -> None:
    push = Command(CommandId.BLOCK, blocks=BLOCKS.blocks)

    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(push)
        await asyncio.sleep(1.0)
        assert harness.handled == [push]
        peer.transport.close()

    in_harness(body, handler=serve_blocks)


def test_a_second_exchange_has_other_nonces() -> None:
    async def body(harness: SessionHarness) -> None:
        heard = []
        for _ in range(2):
            peer = await harness.dial()
            await peer.say(make_signed_hello())
            heard.append(await hear_hello(peer))
            peer.transport.close()
        assert heard[0].nonce != heard[1].nonce
        assert heard[0].proof != heard[1].proof

    in_harness(body)


# --- a client that does not prove ---------------------------------------------------------------------


def make_signed_hello(hello: Hello = OUR_HELLO, **changes: Any) -> Command:
    command = Command(
        CommandId.HELLO,
        string=format_hello(hello),
        features=ANNOUNCED_FEATURES & ~FEATURE_CHECKED,
        version=1,
        nonce=bytes(range(32)),
        pubkey=OUR_KEY.signer.pubkey,
    )
    return replace(command, **changes)


def make_auth(server_hello: Command, identity: Identity = OUR_KEY, to: str = NODE_HELLO.address) -> Command:
    nonces = Nonces(bytes(range(32)), server_hello.nonce or b"")
    return Command(CommandId.AUTH, proof=make_proof(identity.signer.sign, Side.CLIENT, nonces, to))


async def hear_hello(peer: RawPeer) -> Command:
    answer = await peer.hear()
    assert answer is not None
    assert answer.id is CommandId.HELLO
    return answer


def test_a_client_is_known_once_it_has_proved() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(make_signed_hello())
        answer = await hear_hello(peer)
        assert harness.callers == []
        await peer.say(make_auth(answer))
        assert await peer.hear() == Command(CommandId.OK)
        (caller,) = harness.callers
        assert caller.proved_address == ADDRESS
        await peer.say(STATUS)
        assert await peer.hear() == STATUS

    in_harness(body)


@pytest.mark.parametrize(
    ("hello", "reason"),
    [
        (make_signed_hello(nonce=None), "a signed hello without a nonce of 32 bytes"),
        (make_signed_hello(nonce=bytes(31)), "a signed hello without a nonce of 32 bytes"),
        (make_signed_hello(pubkey=None), "a signed hello without a key of 64 bytes"),
        (make_signed_hello(pubkey=bytes(65)), "a signed hello without a key of 64 bytes"),
        (
            make_signed_hello(pubkey=OTHER_KEY.signer.pubkey),
            "the key of a signed hello is not that of its address",
        ),
    ],
)
def test_a_hello_that_cannot_be_proved_is_an_offence(hello: Command, reason: str) -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(STRANGER)
        await peer.say(hello)
        assert await peer.hear() is None

    harness = in_harness(body)
    assert (harness.list_reasons(), harness.ends[0].held_s) == ([reason], 4.0)
    assert harness.callers == []


@pytest.mark.parametrize(
    ("identity", "to"),
    [(OTHER_KEY, NODE_HELLO.address), (OUR_KEY, OTHER_KEY.signer.address)],
    ids=["another key", "for another"],
)
def test_a_wrong_proof_is_told_and_is_an_offence(identity: Identity, to: str) -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(STRANGER)
        await peer.say(make_signed_hello())
        await peer.say(make_auth(await hear_hello(peer), identity, to))
        reason = "the proof of a signed hello is wrong"
        assert await peer.hear_to_the_end() == [Command(CommandId.KO, string=reason)]

    harness = in_harness(body)
    assert harness.list_reasons() == ["the proof of a signed hello is wrong"]
    assert harness.admission.is_on_hold(STRANGER, harness.clock.monotonic())
    assert harness.callers == []
    assert harness.handled == []


@pytest.mark.parametrize("command", [STATUS, Command(CommandId.BLOCK, blocks=(BLOCK,)), make_signed_hello()])
def test_nothing_is_served_before_the_proof(command: Command) -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(make_signed_hello())
        await hear_hello(peer)
        await peer.say(command)
        await peer.hear_to_the_end()

    harness = in_harness(body)
    assert harness.list_reasons() == [f"{command.id.name.lower()} where a proof belongs"]
    assert harness.ends[0].is_offence
    assert harness.handled == []


def test_an_auth_without_a_proof_is_an_offence() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(make_signed_hello())
        await hear_hello(peer)
        await peer.say(Command(CommandId.AUTH))
        await peer.hear_to_the_end()

    assert in_harness(body).list_reasons() == ["a signed hello without a proof"]


def test_a_bad_proof_is_an_offence_also_without_waiting_for_the_answer() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial(STRANGER)
        await peer.say(make_signed_hello())
        await peer.say(make_auth(await hear_hello(peer), OTHER_KEY))
        peer.transport.close()
        await asyncio.sleep(1.0)

    harness = in_harness(body)
    assert harness.ends[0].is_offence


def test_a_proof_that_does_not_come_is_waited_for_as_for_a_hello() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(make_signed_hello())
        await hear_hello(peer)
        started = harness.clock.monotonic()
        assert await peer.hear() is None
        assert harness.clock.monotonic() - started == pytest.approx(10.0, abs=0.1)

    assert in_harness(body).list_reasons() == ["silent or slow"]


def test_a_proof_is_no_place_for_much_data() -> None:
    async def body(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.say(make_signed_hello())
        await hear_hello(peer)
        await peer.say(Command(CommandId.AUTH, proof=bytes(5_000)))
        await peer.hear_to_the_end()

    harness = in_harness(body)
    assert harness.list_reasons()[0].endswith("bytes, over the limit")


def test_a_second_proof_is_not_asked_for() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        with pytest.raises(TransportClosed):
            await session.request(Command(CommandId.AUTH, proof=bytes(64)), 5.0)

    harness = in_harness(body)
    assert harness.list_reasons() == ["a proof that was not asked for"]
    assert harness.handled == []


# --- a server that does not prove ---------------------------------------------------------------------


class FalseServer:
    """Answers a signed hello with one that ``change`` made wrong, and a proof as it likes."""

    def __init__(self, harness: SessionHarness, *, proved: Command, **changes: Any) -> None:
        self._ports = harness
        self._changes = changes
        self._proved = proved
        self.heard: list[Command] = []
        self.endpoint = Endpoint("10.0.0.5", 6969)

    async def open(self, identity: Identity = OUR_KEY) -> ClientSession:
        self._ports.memory.get_connections(self.endpoint.ip)
        await self._ports.memory.get_connections(self.endpoint.ip).listen(self.endpoint, self._serve)
        return await self._ports.open(remote=self.endpoint, identity=identity)

    async def _serve(self, transport: Transport) -> None:
        peer = RawPeer(transport)
        question = await self._hear(peer)
        nonces = Nonces(question.nonce or b"", bytes(32))
        answer = Command(
            CommandId.HELLO,
            string=format_hello(NODE_HELLO),
            features=6,
            nonce=nonces.server,
            pubkey=NODE_KEY.signer.pubkey,
            proof=make_proof(NODE_KEY.signer.sign, Side.SERVER, nonces, ADDRESS),
        )
        await peer.say(replace(answer, **self._changes))
        await self._hear(peer)
        await peer.say(self._proved)
        await self._hear(peer)

    async def _hear(self, peer: RawPeer) -> Command:
        command = await peer.hear()
        if command is None:
            await asyncio.Event().wait()
        assert command is not None
        self.heard.append(decode_command(encode_command(command)))
        return command


def open_false(proved: Command, **changes: Any) -> tuple[FalseServer, BaseException | None]:
    """What it heard, and how opening a session to it failed."""
    found: list[tuple[FalseServer, BaseException | None]] = []

    async def body(harness: SessionHarness) -> None:
        server = FalseServer(harness, proved=proved, **changes)
        try:
            session = await server.open()
            session.close()
            found.append((server, None))
        except (Reject, HelloRefused) as problem:
            found.append((server, problem))

    in_harness(body)
    return found[0]


OK = Command(CommandId.OK)


def test_a_server_that_proves_is_believed() -> None:
    server, problem = open_false(OK)
    assert problem is None
    assert [command.id for command in server.heard] == [CommandId.HELLO, CommandId.AUTH]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nonce": None}, "a signed hello without a nonce of 32 bytes"),
        ({"pubkey": None}, "a signed hello without a key of 64 bytes"),
        ({"pubkey": OTHER_KEY.signer.pubkey}, "the key of a signed hello is not that of its address"),
        ({"proof": None}, "a signed hello without a proof"),
        ({"proof": bytes(64)}, "the proof of a signed hello is wrong"),
        ({"nonce": b"\x01" * 32}, "the proof of a signed hello is wrong"),
    ],
)
def test_a_server_that_does_not_prove_is_left_before_we_sign(changes: dict[str, Any], reason: str) -> None:
    server, problem = open_false(OK, **changes)
    assert isinstance(problem, Reject)
    assert (problem.rule, problem.reason) == (Rule.WIRE, reason)
    assert [command.id for command in server.heard] == [CommandId.HELLO]


def test_a_server_may_refuse_our_proof() -> None:
    _, problem = open_false(Command(CommandId.KO, string="no"))
    assert isinstance(problem, HelloRefused)
    assert problem.reason == "no"


def test_a_server_that_answers_our_proof_with_something_else_is_left() -> None:
    _, problem = open_false(STATUS)
    assert isinstance(problem, Reject)
    assert problem.reason == "hello answered with status"
