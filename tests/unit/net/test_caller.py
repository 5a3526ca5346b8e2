"""Who asks, as the node sees it."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Endpoint
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.standing import Standing
from hypernode.net.stream import CommandStream
from tests.unit.net.harness import OUR_HELLO, REGISTERED, STRANGER, SessionHarness, in_harness


def test_a_caller_is_named_by_its_ip_and_the_port_that_it_says() -> None:
    async def look(harness: SessionHarness) -> None:
        await harness.open(REGISTERED)
        [caller] = harness.callers
        assert (caller.ip, caller.name) == (REGISTERED, f"{REGISTERED}:0{OUR_HELLO.port}")
        assert caller.standing is Standing.COUNTED
        assert caller.hello == OUR_HELLO
        assert not caller.is_legacy
        assert caller.connected_at <= harness.clock.monotonic()

    in_harness(look)


def test_who_opens_without_features_is_legacy() -> None:
    async def look(harness: SessionHarness) -> None:
        await harness.open(STRANGER, features=0, identity=None)
        [caller] = harness.callers
        assert caller.is_legacy
        assert caller.standing is Standing.STRANGER
        assert caller.proved_address is None

    in_harness(look)


def test_closing_a_caller_ends_its_session() -> None:
    async def look(harness: SessionHarness) -> None:
        await harness.open()
        harness.callers[0].close()
        await asyncio.sleep(0.1)
        assert len(harness.ends) == 1
        assert not harness.ends[0].is_offence

    in_harness(look)


def test_room_that_is_not_there_is_said_by_who_has_it() -> None:
    async def refuse(size: int) -> None:
        raise Ignore(Rule.WIRE, f"no room for {size}")

    async def look(harness: SessionHarness) -> None:
        await harness.open()
        stream: CommandStream = harness.callers[0]._stream
        caller = Caller(stream, Endpoint(STRANGER, 9), 0.0, lambda ip: Standing.STRANGER, refuse)
        assert caller.name == f"{STRANGER}:00000"
        assert caller.hello is None
        with pytest.raises(Ignore, match="no room for 99"):
            await caller.expect(99)

    in_harness(look)


def test_an_end_is_nobodys_fault_unless_it_says_so() -> None:
    end = SessionEnd("closed")
    assert (end.is_offence, end.held_s, end.is_foreign) == (False, 0.0, False)
