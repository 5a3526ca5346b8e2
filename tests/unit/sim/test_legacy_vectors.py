"""The simulated legacy node's chain and mempool do what the vectors made with legacy software record."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypernode.core.params.networks import mainnet
from hypernode.core.types import Block, ChainHeight, Message
from hypernode.node.base.json_shapes import height_to_object
from hypernode.sim.legacy.chain import LegacyChain
from hypernode.sim.legacy.mempool import LegacyMempool, Raises
from hypernode.sim.legacy.traps import LegacyCloses, LegacyStops, TrapLog
from hypernode.sim.memory.adapters import InlineVerifier
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command

FOLDER = Path(__file__).parents[2] / "vectors"
PEER = "10.0.0.9"


def load(name: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return document


def decode_block(payload: str) -> Block:
    return decode_command(bytes.fromhex(payload)).blocks[0]


CHAIN, *DIGESTS = load("chain.json")["cases"]
MEMPOOL = load("mempool.json")


def make_chain() -> LegacyChain:
    return LegacyChain(mainnet(), TrapLog(lambda: 0.0))


def replay_chain() -> LegacyChain:
    chain = make_chain()
    for recorded in CHAIN["blocks"]:
        assert chain.digest(decode_block(recorded["command"]), PEER)
    return chain


def test_the_chain_tells_the_recorded_measures() -> None:
    chain = make_chain()
    assert height_to_object(chain.height) == CHAIN["genesis_status"]
    for recorded in CHAIN["blocks"]:
        assert chain.digest(decode_block(recorded["command"]), PEER)
        assert height_to_object(chain.height) == recorded["height_status_after"]


def test_the_chain_answers_as_recorded() -> None:
    chain = replay_chain()
    for recorded in CHAIN["blockinfo"]:
        reported = height_to_object(chain.get_info(recorded["height"]))
        assert {key: reported[key] for key in recorded} == recorded
    assert chain.get_info(chain.tip.height + 1) == ChainHeight(0, 0, 0, b"")
    assert [b.height for b in chain.get_blocks(5, 20)] == CHAIN["blocksync_5_heights"]
    for recorded in CHAIN["rounds"]:
        assert sorted(chain.get_seen(recorded["round"])) == recorded["active_hns"]
        assert chain.get_before(recorded["round"]).height == recorded["height_at_start_of_round"]


@pytest.mark.parametrize("case", DIGESTS, ids=lambda case: case["note"])
def test_a_single_block_does_what_is_recorded(case: dict[str, Any]) -> None:
    chain = replay_chain()
    block = decode_block(case["command"])
    stopped = False
    taken = False
    try:
        taken = chain.digest(block, PEER, is_pushed=True)
    except LegacyStops:
        stopped = True
    assert (taken, stopped) == (case["digest_block"], case["node_stop_called"])
    assert sorted(h.hex() for h in chain.banned) == case["banned"]
    assert chain.tip.height == case["last_height_after"]
    if isinstance(case.get("then_blocksync"), str):
        with pytest.raises(LegacyCloses):
            chain.get_blocks(block.height, 1)
    elif "then_blocksync" in case:
        assert [len(b.messages) for b in chain.get_blocks(block.height, 1)] == case["then_blocksync"]


def digest(pool: LegacyMempool, payload: str, *, in_chain: bool = False) -> list[str]:
    async def scenario() -> list[str]:
        results = []
        for message in decode_command(bytes.fromhex(payload)).messages:
            try:
                taken = await pool.digest(message, MEMPOOL["now"], is_in_chain=lambda txid: in_chain)
                results.append("accepted" if taken else "ignored (False)")
            except Raises as problem:
                results.append(f"raises ValueError: {problem}")
        return results

    return asyncio.run(scenario())


def make_pool() -> LegacyMempool:
    return LegacyMempool(mainnet(), InlineVerifier(), takes_long_ids=True)


@pytest.mark.parametrize("case", [c for c in MEMPOOL["cases"] if c["kind"] == "age"], ids=str)
def test_the_mempool_takes_the_recorded_ages(case: dict[str, Any]) -> None:
    pool = make_pool()
    assert digest(pool, case["command"]) == [case["digest_tx"]]
    assert len(pool) == case["count"]
    assert len(pool.list_since(0)) == case["in_async_since_0"]


def test_the_mempool_takes_a_sequence_as_recorded() -> None:
    case = next(c for c in MEMPOOL["cases"] if c["kind"] == "sequence")
    pool = make_pool()
    messages = decode_command(bytes.fromhex(case["command"])).messages
    results = []
    for place, message in enumerate(messages):
        in_chain = place == len(messages) - 1
        results += digest(pool, encode(message), in_chain=in_chain)
    assert [r.split(" _")[0] for r in results] == [r.split(" _")[0] for r in case["results"]]
    assert len(pool) == case["count"]


def encode(message: Message) -> str:
    return encode_command(Command(CommandId.TX, messages=(message,))).hex()


def test_the_mempool_offers_its_own_messages_only_to_who_asks_for_all() -> None:
    case = next(c for c in MEMPOOL["cases"] if c["kind"] == "since")
    age = next(c for c in MEMPOOL["cases"] if c["kind"] == "age")
    pool = make_pool()
    wire = decode_command(bytes.fromhex(age["command"])).messages[0]
    pool.add_own(replace(wire, txid=b"o" * 64, value=case["values"]["own"]))
    assert digest(pool, age["command"]) == ["accepted"]
    for since, values in case["since"].items():
        expected = [case["values"]["own"]] * (case["values"]["own"] in values)
        expected += [wire.value] * (case["values"]["from_wire"] in values)
        assert [m.value for m in pool.list_since(int(since))] == expected
