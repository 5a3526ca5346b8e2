"""The companion that tests ask behaves as a real one was seen to, byte for byte (spec 5, TCP protocol)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from hypernode.core.registrations.registry import COIN
from hypernode.ports.connections import Transport, TransportClosed
from tests.unit.pow.node_beds import HYPERNODES, NETWORK, ROUND, TIME, Bed, play

FIRST = NETWORK.first_pow_height
Talk = Callable[[Bed, Transport], Awaitable[None]]


def frame(value: object) -> bytes:
    body = json.dumps(value).encode()
    return b"%010d" % len(body) + body


def talk(scenario: Talk, **options: Any) -> None:
    async def whole(bed: Bed) -> None:
        line = await bed.memory.get_connections("10.9.0.1").connect(bed.endpoint, None, 5.0)
        await scenario(bed, line)
        line.close()

    play(whole, **options)


async def read_frame(line: Transport) -> Any:
    data = b""
    while len(data) < 10 or len(data) < 10 + int(data[:10]):
        data += await line.read_some(65_536)
    return json.loads(data[10:])


async def is_silent(line: Transport, seconds: float) -> bool:
    """Nothing comes, and the line stays open."""
    try:
        async with asyncio.timeout(seconds):
            await line.read_some(1)
    except TimeoutError:
        return True
    except TransportClosed:
        return False
    return False


@pytest.mark.parametrize(
    "request_",
    [
        b"0000000004oops",
        b'0000000006"oops"',
        frame(["HN_last_block_ts"]),
        frame("HN_block_before_ts"),
        frame("HN_last_block_ts 1"),
        frame("HN_reg_round 3 1 0"),
        b"000000002",
        b'+000000018"HN_last_block_ts"',
    ],
)
def test_what_it_does_not_understand_it_closes_on_without_a_word(request_: bytes) -> None:
    async def scenario(bed: Bed, line: Transport) -> None:
        await line.write(request_)
        with pytest.raises(TransportClosed):
            await line.read_some(1)

    talk(scenario)


def test_a_header_that_comes_alone_closes() -> None:
    async def scenario(bed: Bed, line: Transport) -> None:
        whole = frame("HN_last_block_ts")
        await line.write(whole[:10])
        assert not await is_silent(line, 1)

    talk(scenario)


@pytest.mark.parametrize(
    ("command", "has_socket_client"),
    [("HN_oops", True), ("HN_make_feed x y", True), ("HN_last_block_ts", False)],
)
def test_an_unknown_command_of_the_plugin_is_met_with_silence(command: str, has_socket_client: bool) -> None:
    async def scenario(bed: Bed, line: Transport) -> None:
        await line.write(frame(command))
        assert await is_silent(line, 40)
        await line.write(frame("statusjson"))
        assert (await read_frame(line))["blocks"] == bed.companion.tip

    talk(scenario, has_socket_client=has_socket_client)


def test_without_the_plugin_it_closes_on_its_commands() -> None:
    async def scenario(bed: Bed, line: Transport) -> None:
        await line.write(frame("HN_last_block_ts"))
        assert not await is_silent(line, 1)

    talk(scenario, has_plugin=False)


def test_it_closes_after_45_seconds_of_silence() -> None:
    async def scenario(bed: Bed, line: Transport) -> None:
        assert await is_silent(line, 44)
        assert not await is_silent(line, 2)

    talk(scenario)


def test_its_answers_are_those_of_the_table() -> None:
    async def scenario(bed: Bed, line: Transport) -> None:
        rich, poor = (entry.collateral for entry in bed.script.derive_state(bed.companion.tip).entries[3:])
        tip, late = bed.companion.tip, int(bed.clock.now()) + 999
        asked = {
            "HN_plugin_version": {"hn_plugin": "0.1.3", "ledger_queries": "0.0.3"},
            "HN_last_block_ts": bed.script.timestamp_of(tip),
            f"HN_ts_of_block {FIRST}": bed.script.timestamp_of(FIRST),
            f"HN_ts_of_block {tip + 1}": 0,
            "HN_ts_of_block x": -1,
            f"HN_block_before_ts {bed.script.timestamp_of(FIRST) + 1}": FIRST,
            f"HN_block_before_ts {late}": 0,
            f"HN_reg_round {ROUND} {late} 0 False": False,
            f"HN_reg_check_weight {rich} {tip}": 3,
            f"HN_reg_check_weight {'0' * 56} {tip}": -1,
            f"HN_reg_check_weights {rich},{poor} {TIME}": {rich: 3, poor: 0},
            f"HN_reg_check_weights {rich},{poor} {late}": {rich: -1, poor: -1},
            f"HN_quick_check_balance {poor} {tip}": (COIN - COIN // 100) / COIN,
            f"HN_quick_check_balance {'0' * 56} {tip}": None,
            "HN_quick_check_balance x y": -1,
        }
        for command, answer in asked.items():
            await line.write(frame(command))
            assert await read_frame(line) == answer, command
        await line.write(frame(f"HN_reg_round {ROUND} {TIME} 8000000 {HYPERNODES[1][1]}"))
        feed = (await read_frame(line))["ip_feed"]
        assert [words[:4] for words in feed] == ["Row ", "Ok, "]
        assert bed.companion.opened == 1

    talk(scenario)
