"""The sources without a ledger file: a fixed list, and a script."""

from __future__ import annotations

import asyncio

import pytest

from hypernode.core.address import encode_address
from hypernode.core.params import networks
from hypernode.core.params.chain_params import FixedHypernode
from hypernode.core.registrations.registry import REGISTER, UNREGISTER, UNVOID, VOID, PowRow
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.scripted_source import PowScript, ScriptedPowSource, script_registration, script_row
from tests.unit.pow.ledgers import collateral

DEVNET = networks.devnet(1_700_000_000, 6, collateral(99), "bControl")
POS = tuple(encode_address(bytes([100 + n]) * 20, DEVNET.address_byte) for n in range(2))


def make_script(*weights: int) -> PowScript:
    return PowScript.of(
        DEVNET,
        [
            (encode_address(bytes([n]) * 20, DEVNET.address_byte), f"127.0.0.{n}", 7000 + n, weight)
            for n, weight in enumerate(weights, start=1)
        ],
    )


def test_a_script_gives_every_round_its_whole_list() -> None:
    script = make_script(1, 2, 3, 0)
    source = ScriptedPowSource(script, lambda: float(DEVNET.origin_of_time))
    for round_ in (-1, 0):
        registered = asyncio.run(source.get_registered(round_))
        assert [entry.weight for entry in registered.entries] == [1, 2, 3, 0]
    assert asyncio.run(source.get_status(DEVNET.origin_of_time)).problem == ""


def test_a_late_or_stopped_companion_is_not_ready() -> None:
    source = ScriptedPowSource(make_script(1), lambda: float(DEVNET.origin_of_time))
    source.lag_s = DEVNET.round_s
    with pytest.raises(PowNotReady, match="too near to the reference height"):
        asyncio.run(source.get_registered(0))
    assert "expected at most 30 s" in asyncio.run(source.get_status(DEVNET.origin_of_time)).problem
    source.lag_s, source.is_down = 0, True
    with pytest.raises(PowNotReady, match="down"):
        asyncio.run(source.get_block_hashes([5]))
    assert asyncio.run(source.get_status(DEVNET.origin_of_time)).problem


def test_a_script_has_hashes_of_the_past_only() -> None:
    source = ScriptedPowSource(make_script(1), lambda: float(DEVNET.origin_of_time))
    assert len(set(asyncio.run(source.get_block_hashes([1, 2, 3])))) == 3
    with pytest.raises(PowNotReady, match="no block"):
        asyncio.run(source.get_block_hashes([10**6]))


def test_a_fork_changes_hashes_and_may_drop_rows() -> None:
    script = make_script(1)
    source = ScriptedPowSource(script, lambda: float(DEVNET.origin_of_time))
    before = asyncio.run(source.get_block_hashes([9, 10]))
    script.add(script_registration(DEVNET, (POS[1], "127.0.0.9", 7009, 1), 10, 0))
    assert len(asyncio.run(source.get_registered(0)).entries) == 2
    script.fork(10, drop_rows=True)
    after = asyncio.run(source.get_block_hashes([9, 10]))
    assert before[0] == after[0]
    assert before[1] != after[1]
    assert len(asyncio.run(source.get_registered(0)).entries) == 1


def test_a_fork_leaves_what_is_still_to_come() -> None:
    script = make_script(1)
    for height in (10, 12):
        script.add(script_registration(DEVNET, (POS[1], "127.0.0.9", 7009, 1), height, 0))
    script.fork(10, drop_rows=True, last=11)
    assert len(script.derive_state(11).entries) == 1
    assert len(script.derive_state(12).entries) == 2


def test_hypernodes_of_a_script_leave_return_and_are_voided() -> None:
    script = make_script(1, 1)
    (first, second) = script.derive_state(100).entries
    listed = FixedHypernode(pos=first.pos, ip=first.ip, port=int(first.port))
    for height, operation in ((110, UNREGISTER), (120, REGISTER), (130, VOID), (140, UNVOID)):
        script.add([script_row(script, operation, listed, height)])
    assert script.derive_state(110).entries == (second,)
    came_back = script.derive_state(120).entries
    assert [entry.pos for entry in came_back] == [second.pos, first.pos]
    assert came_back[1].weight == first.weight
    assert script.derive_state(130).voids == (first.pos,)
    assert script.derive_state(140).voids == ()


def test_events_of_a_script_come_when_they_are_due() -> None:
    script = make_script(1, 1)
    (first, second) = script.derive_state(100).entries
    control = DEVNET.control_pow
    height = script.height_at(DEVNET.origin_of_time) - 5
    text = f"{first.ip}:{first.port}:{first.pos},reason=test"
    script.add([PowRow(height, 0, control, control, 0, 0, 0, VOID, text)])
    source = ScriptedPowSource(script, lambda: float(DEVNET.origin_of_time + DEVNET.round_s))
    assert asyncio.run(source.get_registered(0)).voided == ()
    registered = asyncio.run(source.get_registered(1))
    assert registered.voided == (first.pos,)
    assert registered.entries == (first, second)
