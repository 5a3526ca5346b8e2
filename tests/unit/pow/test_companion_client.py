"""One line to the companion: kept, renewed, and in words where it fails."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from hypernode.core.timeline import compute_round_start
from hypernode.core.types import Endpoint
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.node_source import NodePowSource
from hypernode.pow.scripted_source import PowScript
from tests.unit.pow.fake_companion import Closes, FakeCompanion, Silent
from tests.unit.pow.node_beds import HYPERNODES, NETWORK, ROUND, Bed, play


def test_one_connection_serves_everything_and_is_renewed_after_a_silence() -> None:
    async def scenario(bed: Bed) -> None:
        for _ in range(5):
            await bed.source.get_status(bed.clock.now())
            await asyncio.sleep(30)
        assert bed.companion.opened == 1
        for silence in (9.0, 44.0, 46.0, 300.0):
            await asyncio.sleep(silence)
            assert (await bed.source.get_status(bed.clock.now())).problem == ""
            assert bed.companion.open == 1
        assert bed.companion.opened == 4

    play(scenario)


def test_questions_at_the_same_time_wait_for_each_other() -> None:
    async def scenario(bed: Bed) -> None:
        lists = await asyncio.gather(*(bed.source.get_registered(ROUND - n % 2) for n in range(6)))
        assert [listed.round for listed in lists] == [ROUND, ROUND - 1] * 3
        assert bed.companion.opened == 1

    play(scenario)


def test_without_the_plugin_the_line_is_closed_and_the_reason_is_told() -> None:
    async def scenario(bed: Bed) -> None:
        problem = (await bed.source.get_status(bed.clock.now())).problem
        assert "closed the line on HN_last_block_ts" in problem
        assert "it runs, but without the hypernode plugin" in problem

    play(scenario, has_plugin=False)


def test_a_busy_companion_does_not_lack_a_plugin() -> None:
    async def scenario(bed: Bed) -> None:
        def silent(params: list[str]) -> Any:
            raise Silent

        await bed.source.get_status(bed.clock.now())
        bed.companion.odd["HN_reg_round"] = silent
        with pytest.raises(PowNotReady, match="busy deriving the list"):
            await bed.source.get_registered(ROUND)

    play(scenario)


def test_a_companion_that_answers_nothing_at_all_is_overloaded() -> None:
    async def scenario(bed: Bed) -> None:
        def silent(params: list[str]) -> Any:
            raise Silent

        bed.companion.odd |= {"HN_last_block_ts": silent, "statusjson": silent}
        assert "overloaded" in (await bed.source.get_status(bed.clock.now())).problem

    play(scenario)


def test_a_companion_that_refuses_this_host_does_not_lack_a_plugin() -> None:
    async def scenario(bed: Bed) -> None:
        def close(params: list[str]) -> Any:
            raise Closes

        bed.companion.odd |= {"statusjson": close, "HN_last_block_ts": close}
        assert "does it allow this host" in (await bed.source.get_status(bed.clock.now())).problem

    play(scenario)


def test_without_the_socket_client_the_reason_of_no_answer_is_told() -> None:
    async def scenario(bed: Bed) -> None:
        before = bed.clock.now()
        status = await bed.source.get_status(before)
        assert "no answer to HN_last_block_ts within 10 s" in status.problem
        assert "lacks 035_socket_client" in status.problem
        assert 10 <= bed.clock.now() - before < 11
        await asyncio.sleep(1)
        assert bed.companion.open == 0

    play(scenario, has_socket_client=False)


def test_an_answer_that_comes_too_late_is_not_taken_for_another() -> None:
    async def scenario(bed: Bed) -> None:
        served = bed.companion._hn_last_block_ts

        async def late(*args: Any) -> None:
            await asyncio.sleep(11)
            await answer(*args)

        answer = bed.companion._answer
        bed.companion._answer = late  # type: ignore[assignment, method-assign]
        assert "no answer" in (await bed.source.get_status(bed.clock.now())).problem
        bed.companion._answer = answer  # type: ignore[method-assign]
        await asyncio.sleep(5)
        status = await bed.source.get_status(bed.clock.now())
        assert (status.problem, status.timestamp) == ("", served([]))

    play(scenario)


def test_a_companion_that_is_down_or_closes_is_told() -> None:
    async def scenario(bed: Bed) -> None:
        def close(params: list[str]) -> Any:
            raise Closes

        bed.companion.odd["statusjson"] = close
        problem = (await bed.source.get_status(bed.clock.now())).problem
        assert "closed the line on statusjson" in problem
        bed.companion.odd.clear()
        assert (await bed.source.get_status(bed.clock.now())).problem == ""
        await bed.companion.close()
        bed.memory.reset_streams("10.9.0.1", "10.9.0.1")
        await asyncio.sleep(1)
        assert "cannot be reached" in (await bed.source.get_status(bed.clock.now())).problem

    play(scenario)


def test_a_line_that_broke_in_between_is_opened_again() -> None:
    async def scenario(bed: Bed) -> None:
        await bed.source.get_status(bed.clock.now())
        bed.memory.reset_streams("10.9.0.1", "10.9.0.1")
        assert (await bed.source.get_status(bed.clock.now())).problem == ""
        assert bed.companion.opened == 2

    play(scenario)


def frame(body: bytes) -> bytes:
    return b"%010d%b" % (len(body), body)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\n", "expected 10 digits"),
        (b"12", "no answer to HN_last_block_ts"),
        (b"0000000005", "no answer to HN_last_block_ts"),
        (b"9999999999", "expected at most"),
        (frame(b"{"), "not JSON"),
        (frame(b"\xff\xfe"), "not JSON in ASCII"),
        (frame(b"NaN"), "NaN is no number"),
        (frame(b"[" * 100_000), "not JSON"),
        (frame(b"-1"), "cannot read its own ledger"),
        (frame(b"1" + b"0" * 400), "of no use"),
        (frame(b"null"), "of no use"),
        (frame(b"true"), "of no use"),
        (frame(b'"12"'), "of no use"),
        (frame(b"0"), "has no block yet"),
    ],
)
def test_a_broken_answer_is_told_and_does_not_spoil_the_next(raw: bytes, words: str) -> None:
    async def scenario(bed: Bed) -> None:
        bed.companion.odd["HN_last_block_ts"] = raw
        assert words in (await bed.source.get_status(bed.clock.now())).problem
        bed.companion.odd.clear()
        assert (await bed.source.get_status(bed.clock.now())).problem == ""

    play(scenario)


def test_two_answers_to_one_question_spoil_only_the_line() -> None:
    async def scenario(bed: Bed) -> None:
        bed.companion.odd["HN_last_block_ts"] = frame(b"1700000000") + frame(b"-1")
        assert "expected at most 900 s" in (await bed.source.get_status(bed.clock.now())).problem
        bed.companion.odd.clear()
        assert (await bed.source.get_status(bed.clock.now())).problem == ""

    play(scenario)


def test_a_silent_plain_command_times_out_too() -> None:
    async def scenario(bed: Bed) -> None:
        def silent(params: list[str]) -> Any:
            raise Silent

        bed.companion.odd["statusjson"] = silent
        problem = (await bed.source.get_status(bed.clock.now())).problem
        assert "no answer to statusjson within 10 s; is the PoW node overloaded?" in problem

    play(scenario)


def test_it_works_over_real_sockets() -> None:
    async def scenario() -> None:
        now = compute_round_start(NETWORK, ROUND) + 600.0
        companion = FakeCompanion(PowScript.of(NETWORK, HYPERNODES), lambda: now)
        connections = TornadoConnections()
        endpoint = await companion.listen(connections, Endpoint("127.0.0.1", 0))
        source = NodePowSource(NETWORK, connections, endpoint, asyncio.get_running_loop().time)
        assert (await source.get_status(now)).problem == ""
        assert len((await source.get_registered(ROUND)).entries) == len(HYPERNODES)
        companion.odd["HN_last_block_ts"] = json.dumps
        await source.close()
        await companion.close()
        await asyncio.sleep(0)

    asyncio.run(scenario())
