"""The companion over its TCP port: what we ask, what we believe, and what we say where there is no answer."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from hypernode.core.timeline import compute_round_start
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.node_source import KEPT_S
from hypernode.pow.scripted_source import ScriptedPowSource
from tests.unit.pow.node_beds import HYPERNODES, NETWORK, ROUND, TIME, Bed, play


def test_the_list_is_that_of_the_chain_in_order() -> None:
    async def scenario(bed: Bed) -> None:
        expected = await ScriptedPowSource(bed.script, bed.clock.now).get_registered(ROUND)
        assert await bed.source.get_registered(ROUND) == expected
        assert [entry.pos for entry in expected.entries] == [h[0] for h in HYPERNODES]
        time = compute_round_start(NETWORK, ROUND) - NETWORK.round_s
        assert bed.companion.log[0] == f"HN_reg_round {ROUND} {time} 0 False"

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


def test_a_list_that_never_comes_names_the_missing_socket_client() -> None:
    """It closes after 45 s of silence, before our time-out for a list."""

    async def scenario(bed: Bed) -> None:
        with pytest.raises(PowNotReady, match="lacks 035_socket_client"):
            await bed.source.get_registered(ROUND)

    play(scenario, has_socket_client=False)


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
