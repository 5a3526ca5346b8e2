"""The companion over its TCP port: what we ask, what we believe, and what we say where there is no answer."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypernode.core.address import encode_address
from hypernode.core.networks import devnet
from hypernode.core.timeline import compute_round_start
from hypernode.core.types import Endpoint
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.node_source import KEPT_S, NodePowSource
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from tests.unit.pow.fake_companion import Closes, FakeCompanion, Silent

NETWORK = replace(
    devnet(1_700_000_000, 180, "0" * 56, encode_address(bytes(20), 0x55)),
    first_pow_height=773_801,
    pow_block_s=60.0,
    pow_synced_s=900,
)
HYPERNODES = [(encode_address(bytes([n]) * 20, 0x55), f"10.0.0.{n + 1}", 6969, n % 4) for n in range(5)]
ROUND = 3
PORT = 5658


class Bed:
    """A node and its companion on one host in memory, on virtual time, ten minutes into a round."""

    def __init__(
        self, *, coloured: Path | None = None, last_seen: LastSeen | None = None, **plugins: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        self.clock = SimClock(loop, compute_round_start(NETWORK, ROUND) + 600 - loop.time())
        self.memory = MemoryNetwork(7, LinkQuality(0.0001, 0.0002, 0.0))
        self.script = PowScript.of(NETWORK, HYPERNODES)
        self.companion = FakeCompanion(self.script, self.clock.now, **plugins)
        connections = self.memory.get_connections("10.9.0.1")
        self.endpoint = Endpoint("10.9.0.1", PORT)
        self.source = NodePowSource(
            NETWORK, connections, self.endpoint, self.clock.monotonic, coloured, last_seen
        )

    async def start(self) -> Bed:
        await self.companion.listen(self.memory.get_connections("10.9.0.1"), self.endpoint)
        return self


def play(scenario: Callable[[Bed], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        bed = await Bed(**options).start()
        await scenario(bed)
        await bed.source.close()
        await bed.companion.close()

    run(whole())


def test_the_list_is_that_of_the_chain_in_order() -> None:
    async def scenario(bed: Bed) -> None:
        expected = await ScriptedPowSource(bed.script, bed.clock.now).get_registered(ROUND)
        assert await bed.source.get_registered(ROUND) == expected
        assert [entry.pos for entry in expected.entries] == [h[0] for h in HYPERNODES]
        time = compute_round_start(NETWORK, ROUND) - NETWORK.round_s
        assert bed.companion.log[0] == f"HN_reg_round {ROUND} {time} 0 False"

    play(scenario)


def test_weights_are_asked_once_of_who_registered_with_something() -> None:
    async def scenario(bed: Bed) -> None:
        collateral = bed.script.derive_state(NETWORK.first_pow_height + 1).entries[1].collateral
        bed.companion.odd["HN_reg_check_weights"] = lambda params: {
            address: 0 if address == collateral else 1 for address in params[0].split(",")
        }
        for _ in range(2):
            listed = await bed.source.get_registered(ROUND)
            assert listed.weights == (0, 0, 1, 1, 0)
            await asyncio.sleep(30)
        asked = [line for line in bed.companion.log if line.startswith("HN_reg_check_weights")]
        assert len(asked) == 1
        assert asked[0].count(",") == 2

    play(scenario)


@pytest.mark.parametrize("odd", [-1, "x", None, 4, True])
def test_a_companion_that_does_not_say_leaves_the_weights_at_registration(odd: object) -> None:
    async def scenario(bed: Bed) -> None:
        bed.companion.odd["HN_reg_check_weights"] = lambda params: dict.fromkeys(params[0].split(","), odd)
        listed = await bed.source.get_registered(ROUND)
        assert [entry.weight for entry in listed.entries] == [0, 1, 2, 3, 0]
        assert listed.weights is None

    play(scenario)


def test_of_a_round_of_long_ago_no_weights_are_asked() -> None:
    async def scenario(bed: Bed) -> None:
        bed.clock.step(10 * NETWORK.round_s)
        await bed.source.get_status(bed.clock.now())
        assert (await bed.source.get_registered(ROUND)).weights is None
        assert (await bed.source.get_registered(ROUND + 9)).weights is not None

    play(scenario)


def test_the_status_has_height_time_and_hash() -> None:
    async def scenario(bed: Bed) -> None:
        status = await bed.source.get_status(bed.clock.now())
        expected = await ScriptedPowSource(bed.script, bed.clock.now).get_status(bed.clock.now())
        assert (status.height, status.timestamp, status.block_hash, status.problem) == (
            *(expected.height, expected.timestamp, expected.block_hash),
            "",
        )
        assert any("voids cannot be asked" in remark for remark in status.remarks)

    play(scenario)


def test_a_late_companion_says_how_late() -> None:
    async def scenario(bed: Bed) -> None:
        bed.companion.lag_s = 1_000
        status = await bed.source.get_status(bed.clock.now())
        assert "s old, expected at most 900 s" in status.problem
        with pytest.raises(PowNotReady, match=f"no list for round {ROUND + 1} yet: fewer than 21 blocks"):
            await bed.source.get_registered(ROUND + 1)

    play(scenario)


def test_block_hashes_come_in_the_order_asked_for() -> None:
    async def scenario(bed: Bed) -> None:
        first = NETWORK.first_pow_height
        wanted = [first + 5, first, first + 5]
        hashes = await bed.source.get_block_hashes(wanted)
        assert hashes == [bed.script.hash_of(height) for height in wanted]
        with pytest.raises(PowNotReady, match="expected the rows of block 1"):
            await bed.source.get_block_hashes([1])

    play(scenario)


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


def test_a_list_that_never_comes_names_the_missing_socket_client() -> None:
    """It closes after 45 s of silence, before our time-out for a list."""

    async def scenario(bed: Bed) -> None:
        with pytest.raises(PowNotReady, match="lacks 035_socket_client"):
            await bed.source.get_registered(ROUND)

    play(scenario, has_socket_client=False)


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


TIME = compute_round_start(NETWORK, ROUND) - NETWORK.round_s
PARAMS = {"pos_round": ROUND, "ref_timestamp": float(TIME), "pow_height": 0, "ref_height": 773_900}
ENTRY = {
    "ip": "1.2.3.4",
    "port": "x1",
    "pos": "p",
    "reward": "r",
    "weight": 0,
    "timestamp": 1.5,
    "active": True,
}


@pytest.mark.parametrize(
    "answer",
    [
        None,
        True,
        [],
        {},
        {"params": None, "regs": {}},
        {"params": {**PARAMS, "pos_round": ROUND - 1}, "regs": {}},
        {"params": {**PARAMS, "ref_timestamp": TIME - 3_600}, "regs": {}},
        {"params": {**PARAMS, "ref_height": -1}, "regs": {}},
        {"params": {**PARAMS, "ref_height": "773900"}, "regs": {}},
        {"params": PARAMS, "regs": []},
        {"params": PARAMS, "regs": {"c": None}},
        {"params": PARAMS, "regs": {"c": {**ENTRY, "port": 6969}}},
        {"params": PARAMS, "regs": {"c": {**ENTRY, "weight": 1.0}}},
        {"params": PARAMS, "regs": {"c": {**ENTRY, "weight": True}}},
        {"params": PARAMS, "regs": {"c": {**ENTRY, "timestamp": None}}},
    ],
)
def test_a_list_of_another_round_or_shape_is_not_believed(answer: Any) -> None:
    async def scenario(bed: Bed) -> None:
        bed.companion.odd["HN_reg_round"] = lambda params: answer
        with pytest.raises(PowNotReady, match="of no use"):
            await bed.source.get_registered(ROUND)

    play(scenario)


def test_a_port_is_text_and_a_weight_may_be_zero_or_less() -> None:
    async def scenario(bed: Bed) -> None:
        regs = {"c": ENTRY, "d": {**ENTRY, "weight": -1, "timestamp": 3}}
        bed.companion.odd["HN_reg_round"] = lambda params: {"params": PARAMS, "regs": regs}
        entries = (await bed.source.get_registered(ROUND)).entries
        assert [(e.collateral, e.port, e.weight) for e in entries] == [("c", "x1", 0), ("d", "x1", -1)]

    play(scenario)


def test_a_list_that_was_cached_before_a_rollback_is_remarked() -> None:
    async def scenario(bed: Bed) -> None:
        await bed.source.get_registered(ROUND)
        quiet = (await bed.source.get_status(bed.clock.now())).remarks
        bed.companion.cache[ROUND - 1] = {
            "params": {**PARAMS, "pos_round": ROUND - 1, "ref_timestamp": TIME - NETWORK.round_s},
            "regs": {},
        }
        await bed.source.get_registered(ROUND - 1)
        remarks = (await bed.source.get_status(bed.clock.now())).remarks
        assert len(remarks) == len(quiet) + 1
        assert f"the list of round {ROUND - 1} at block 773900" in remarks[-1]

    play(scenario)


def test_a_rollback_after_the_first_list_is_remarked_and_its_end_too() -> None:
    async def scenario(bed: Bed) -> None:
        async def read_remarks() -> tuple[str, ...]:
            await asyncio.sleep(KEPT_S + 1)
            await bed.source.get_registered(ROUND)
            return (await bed.source.get_status(bed.clock.now())).remarks

        assert not any("before a rollback" in remark for remark in await read_remarks())
        bed.companion.odd["HN_block_before_ts"] = lambda params: 773_999
        assert any("before a rollback" in remark for remark in await read_remarks())
        del bed.companion.odd["HN_block_before_ts"]
        assert not any("before a rollback" in remark for remark in await read_remarks())

    play(scenario)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"white": ["1.1.1.1", "2.2.2.2"], "rainbow": "PING_DELAY=7"}',
         (("white", "1.1.1.1,2.2.2.2"),)),
        ('{"bootstrap": "http://x", " Rainbow ": "PING_DELAY=7", "black": "a"}', (("black", "a"),)),
        ('{"white": [1], "black": {}, "cloud": ["a"]}', (("cloud", "a"),)),
        ('{"white": ["1.1', ()),
        ("[]", ()),
    ],
)  # fmt: skip
def test_coloured_lists_are_those_of_its_file_and_that_is_said(
    tmp_path: Path, content: str, expected: tuple[tuple[str, str], ...]
) -> None:
    path = tmp_path / "colored.json"
    path.write_text(content, encoding="utf-8")

    async def scenario(bed: Bed) -> None:
        assert (await bed.source.get_registered(ROUND)).colours == expected
        remarks = (await bed.source.get_status(bed.clock.now())).remarks
        assert any("anybody can change" in remark for remark in remarks)

    play(scenario, coloured=path)


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


def test_a_list_is_asked_for_again_after_a_while_not_at_once() -> None:
    async def scenario(bed: Bed) -> None:
        for _ in range(5):
            await bed.source.get_registered(ROUND)
        assert len([command for command in bed.companion.log if command.startswith("HN_reg_round")]) == 1
        first = await bed.source.get_registered(ROUND)
        bed.companion.cache.clear()
        bed.script.fork(NETWORK.first_pow_height + 1, drop_rows=True)
        await asyncio.sleep(30)
        assert len((await bed.source.get_registered(ROUND)).entries) == 0 < len(first.entries)

    play(scenario)
