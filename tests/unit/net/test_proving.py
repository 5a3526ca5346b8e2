"""A registered key finds a way in whatever others of its IP did, and who has no key finds none by it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from hypernode.net.caller import Caller
from hypernode.net.client_session import ClientSession
from hypernode.net.proving import PLACES, PLACES_PER_IP, PROVED_PER_KEY, ProvingPlaces
from hypernode.ports.connections import TransportClosed
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import FEATURE_SIGNED_HELLO, format_hello
from tests.unit.net.harness import (
    ADDRESS,
    LIMITS,
    OUR_HELLO,
    REGISTERED,
    STRANGER,
    RawPeer,
    SessionHarness,
    in_harness,
    make_identity,
)
from tests.unit.wire.samples import BLOCK

STATUS = Command(CommandId.STATUS)
OTHER_KEY = make_identity("who shares its IP")
OTHER_HELLO = replace(OUR_HELLO, address=OTHER_KEY.signer.address)
PLAIN_HELLO = Command(CommandId.HELLO, string=format_hello(OUR_HELLO))


def hold(harness: SessionHarness, ip: str = REGISTERED, times: int = 5) -> None:
    for _ in range(times):
        harness.admission.hold(ip, harness.clock.monotonic())


async def is_served(session: ClientSession) -> bool:
    return await session.request(STATUS, 60.0) == STATUS


async def fill(harness: SessionHarness, count: int) -> list[RawPeer]:
    """So many of its IP come and say nothing."""
    return [await harness.dial() for _ in range(count)]


def test_a_registered_key_is_served_though_its_ip_is_on_hold() -> None:
    async def body(harness: SessionHarness) -> None:
        hold(harness)
        session = await harness.open()
        assert await is_served(session)
        assert session.proved_address is not None
        assert harness.admission.is_on_hold(REGISTERED, harness.clock.monotonic())

    in_harness(body)


@pytest.mark.parametrize(
    "first",
    [
        PLAIN_HELLO,
        replace(PLAIN_HELLO, features=14, nonce=bytes(32), pubkey=OTHER_KEY.signer.pubkey),
        replace(
            PLAIN_HELLO,
            string=format_hello(OTHER_HELLO),
            features=14,
            nonce=bytes(32),
            pubkey=OTHER_KEY.signer.pubkey,
        ),
        replace(PLAIN_HELLO, features=12),
        STATUS,
        Command(CommandId.BLOCK, blocks=(BLOCK,)),
    ],
    ids=["legacy", "another key", "another address", "unsigned", "status", "block"],
)
def test_who_has_no_registered_key_gets_nothing_from_an_ip_on_hold(first: Command) -> None:
    async def body(harness: SessionHarness) -> None:
        hold(harness, times=1)
        peer = await harness.dial()
        await peer.say(first)
        assert await peer.hear_to_the_end() == []

    harness = in_harness(body)
    assert (harness.callers, harness.handled) == ([], [])
    # and nothing that comes then makes it last longer for others
    assert not harness.ends[0].is_offence
    assert not harness.admission.is_on_hold(REGISTERED, 5.0)


@pytest.mark.parametrize("data", [b"\x90garbage" * 20, bytes(4) + b"\xff" * 100, b"\x00\x10\x00\x00\x08\x06"])
def test_garbage_from_an_ip_on_hold_makes_nothing_worse(data: bytes) -> None:
    async def body(harness: SessionHarness) -> None:
        hold(harness, times=1)
        peer = await harness.dial()
        await peer.transport.write(data)
        assert await peer.hear_to_the_end() == []

    harness = in_harness(body)
    assert not harness.ends[0].is_offence


def test_a_key_that_was_only_repeated_proves_nothing() -> None:
    async def body(harness: SessionHarness) -> None:
        hold(harness)
        with pytest.raises(Exception, match=r"proof of a signed hello is wrong|closed"):
            # the victim's address and key in the hello, and a proof by another
            await harness.open(identity=replace(OTHER_KEY, signer=_Borrowed()))

    harness = in_harness(body)
    assert harness.callers == []


class _Borrowed:
    """Says the victim's key, and signs with its own."""

    def __init__(self) -> None:
        self.address = ADDRESS
        self.pubkey = make_identity("who dials it").signer.pubkey

    def sign(self, data: bytes) -> bytes:
        return OTHER_KEY.signer.sign(data)


def test_a_stranger_on_hold_is_turned_away_at_once() -> None:
    async def body(harness: SessionHarness) -> None:
        hold(harness, STRANGER)
        with pytest.raises(TransportClosed):
            await harness.open(ip=STRANGER)

    assert in_harness(body).list_reasons() == ["its IP is on hold"]


@pytest.mark.parametrize("is_held", [True, False])
def test_nobody_keeps_a_key_out_by_holding_all_places_of_its_ip(is_held: bool) -> None:
    async def body(harness: SessionHarness) -> None:
        if is_held:
            hold(harness)
        await fill(harness, LIMITS.sessions_per_registered_ip + 2 * PLACES_PER_IP)
        session = await harness.open()
        assert await is_served(session)
        await fill(harness, LIMITS.sessions_per_registered_ip + 2 * PLACES_PER_IP)
        assert await is_served(session)

    in_harness(body)


def test_a_proved_key_does_not_pay_for_others_of_its_ip() -> None:
    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        now = harness.clock.monotonic()
        harness.admission.get_bucket(REGISTERED, now).take(1_000_000.0, now)
        assert await is_served(session)
        assert harness.clock.monotonic() - now < 1.0

    in_harness(body)


def test_a_proved_key_does_not_wait_for_questions_under_its_name() -> None:
    callers: list[bool] = []

    async def hang_without_key(caller: Caller, command: Command) -> Command | None:
        callers.append(caller.proved_address is not None)
        if caller.proved_address is None:
            await asyncio.sleep(1_000)
        return command

    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        other = await harness.dial()
        await other.say(PLAIN_HELLO)
        assert await other.hear() is not None
        question = Command(CommandId.BLOCKSYNC, int32=1)
        await other.say(question)
        await asyncio.sleep(1.0)
        assert callers == [False]
        assert (await session.request(question, 5.0)).id is CommandId.BLOCKSYNC
        assert callers == [False, True]

    in_harness(body, handler=hang_without_key)


def test_a_key_is_on_hold_for_its_own_offences() -> None:
    async def offend(harness: SessionHarness) -> None:
        session = await harness.open(features=FEATURE_SIGNED_HELLO)
        with pytest.raises(TransportClosed):
            await session.request(Command(CommandId.GETTX, string="x" * 200_000), 5.0)

    async def body(harness: SessionHarness) -> None:
        await offend(harness)
        assert [end.is_offence for end in harness.ends] == [True]
        with pytest.raises(TransportClosed):
            await harness.open()
        await asyncio.sleep(LIMITS.hold_first_s + 1)
        assert await is_served(await harness.open())

    in_harness(body)


def test_what_comes_without_a_hello_passes_where_its_key_is_connected() -> None:
    push = Command(CommandId.BLOCK, blocks=(BLOCK,))

    async def body(harness: SessionHarness) -> None:
        await harness.open()
        hold(harness)
        peer = await harness.dial()
        await peer.say(push)
        await asyncio.sleep(1.0)
        assert harness.handled == [push]
        await peer.say(PLAIN_HELLO)
        assert await peer.hear_to_the_end() == []

    in_harness(body)


def test_others_beside_a_connected_key_hold_the_ip_only_by_much() -> None:
    async def offend(harness: SessionHarness) -> None:
        peer = await harness.dial()
        await peer.transport.write(b"\x90garbage" * 20)
        assert await peer.hear_to_the_end() == []

    async def body(harness: SessionHarness) -> None:
        session = await harness.open()
        for _ in range(5):
            await offend(harness)
        peer = await harness.dial()
        await peer.say(PLAIN_HELLO)
        assert await peer.hear() is not None
        for _ in range(100):
            await offend(harness)
        peer = await harness.dial()
        await peer.say(PLAIN_HELLO)
        assert await peer.hear() is None
        assert await is_served(session)
        assert await is_served(await harness.open())

    in_harness(body)


class Sitting:
    """A session that may be sent away."""

    is_gone = is_busy = False
    last_active = 0.0

    def __init__(self) -> None:
        self.went = 0

    def give_way(self) -> None:
        self.went += 1


def test_the_oldest_gives_way_where_all_places_to_prove_from_are_taken() -> None:
    door = ProvingPlaces()
    guests = [Sitting() for _ in range(PLACES_PER_IP + 2)]
    for guest in guests:
        door.take("10.0.0.1", guest)
    assert [guest.went for guest in guests] == [1, 1] + [0] * PLACES_PER_IP
    many = [Sitting() for _ in range(PLACES + 1)]
    for number, guest in enumerate(many):
        door.take(f"10.1.0.{number}", guest)
    assert [guest.went for guest in guests[2:]] == [1] * PLACES_PER_IP
    assert [guest.went for guest in many] == [1] + [0] * PLACES


def test_sessions_by_one_key_are_limited_and_given_back() -> None:
    door = ProvingPlaces()
    guests = [Sitting() for _ in range(PROVED_PER_KEY + 1)]
    places = [door.take("10.0.0.1", guest) for guest in guests]
    for place in places:
        place.prove("a")
    assert [guest.went for guest in guests] == [1] + [0] * PROVED_PER_KEY
    for place in places:
        place.release()
        place.release()
    assert door._by_key == {}
