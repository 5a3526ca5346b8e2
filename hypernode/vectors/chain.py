"""``chain.json``: what a legacy node reports about its chain after each block, and what it does with single
blocks on top of it (spec 4).

The blocks go through the rules, as pushed ones on a mixed network without a list, and into our ledger;
what is recorded is asked of that ledger.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule
from hypernode.core.types import Block, ChainHeight, Kpis
from hypernode.core.validate_block import Origin, validate_block
from hypernode.node.base.json_shapes import height_to_object
from hypernode.node.rpc.queries import parse_headers
from hypernode.storage.ledger import SqliteLedger
from hypernode.vectors.digest import judge_digest
from hypernode.vectors.outcome import Agree, Differs, DiffersAsDocumented, Json, Outcome, compare_fields
from hypernode.vectors.replay import create_context, decode_block, open_chain, read_network
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command

_BLOCKINFO_KEYS = ("height", "round", "sir", "block_hash", "forgers", "uniques")
_ALWAYS_SHOWN = ("forged", "sources")
"""KPIs that are told even when they are 0 (spec 6, status)."""
_STALE = "legacy nodes tell uniques and forgers from a cache that can be stale; our own count decides"


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind chain or digest."""
    params = read_network(document)
    if case["kind"] == "chain":
        return asyncio.run(_judge_chain(params, case))
    below = [decode_block(block["command"]) for block in _find_chain(document, case)["blocks"]]
    return asyncio.run(judge_digest(params, below, case))


def _find_chain(document: Json, case: Json) -> Json:
    """The chain case that a digest case builds on: the last one before it."""
    found: Json | None = None
    for other in document["cases"]:
        if other is case:
            break
        if other["kind"] == "chain":
            found = other
    if found is None:
        raise ValueError("no case of kind chain before this one")
    return found


async def _judge_chain(params: ChainParams, case: Json) -> Outcome:
    ledger = await open_chain(params, ())
    outcome = compare_fields(case.get("genesis_status", {}), height_to_object(ledger.get_height()))
    for recorded in case["blocks"]:
        if isinstance(outcome, Agree):
            outcome = await _digest(params, ledger, recorded)
    if isinstance(outcome, Agree):
        outcome = await _judge_answers(params, ledger, case)
    for recorded in case.get("rounds", []):
        if isinstance(outcome, Agree):
            outcome = await _judge_round(ledger, recorded)
    await ledger.close()
    return outcome


async def _digest(params: ChainParams, ledger: SqliteLedger, recorded: Json) -> Outcome:
    """One block: taken, the measures after it, and its bytes as we would serve it."""
    block = decode_block(recorded["command"])
    # No list of the registered goes with this file: neither the juror nor M6 is judged.
    context = await create_context(params, ledger, block, juror=UNCHECKED, registered=UNCHECKED)
    validate_block(params, block, context, Origin.PUSHED)
    await ledger.append(block)
    stored = await ledger.get_block(block.height)
    assert stored is not None
    got: dict[str, Any] = {
        "height": stored.height,
        "round": stored.round,
        "sir": stored.sir,
        "forger": stored.forger,
        "senders": sorted({message.sender for message in stored.messages}),
        "height_status_after": height_to_object(ledger.get_height()),
        "command": encode_command(Command(CommandId.BLOCK, blocks=(stored,))).hex(),
    }
    expected = {name: recorded[name] for name in got if name in recorded}
    if "senders" in expected:
        expected["senders"] = sorted(expected["senders"])
    return compare_fields(expected, got)


async def _judge_answers(params: ChainParams, ledger: SqliteLedger, case: Json) -> Outcome:
    """Answers to blockinfo, blocksync, getheaders and getblock."""
    tip = ledger.get_height().height
    got: dict[str, Any] = {
        "blockinfo": [await _get_blockinfo(ledger, height) for height in range(tip + 1)],
        "unknown_blockinfo": await _get_blockinfo(ledger, tip + 1),
        "getheaders": {text: await _get_headers(ledger, text) for text in case.get("getheaders", {})},
        "getblock_missing_command": encode_command(Command(CommandId.GETBLOCK)).hex(),
    }
    for name in case:
        # blocksync_5_heights, blocksync_5_sha256: the answer to blocksync with the number in the name
        command, _, rest = name.partition("_")
        first, _, what = rest.partition("_")
        if command == "blocksync" and first.isdecimal() and what in ("heights", "sha256"):
            blocks = await ledger.get_blocks(int(first), params.default_tunables.block_sync_count)
            got[name] = _describe_blocksync(blocks, what)
    return compare_fields({name: case[name] for name in got if name in case}, got)


async def _get_blockinfo(ledger: SqliteLedger, height: int) -> Json:
    measured = await ledger.get_height_at(height)
    if measured is None:
        return {}
    shown = height_to_object(measured)
    return {name: shown[name] for name in _BLOCKINFO_KEYS}


async def _get_headers(ledger: SqliteLedger, text: str) -> list[int]:
    query = parse_headers(text)
    return [header.height for header in await ledger.get_headers(query.first, query.count)]


def _describe_blocksync(blocks: list[Block], what: str) -> object:
    if what == "heights":
        return [block.height for block in blocks]
    payload = encode_command(Command(CommandId.BLOCKSYNC, blocks=tuple(blocks)))
    return hashlib.sha256(payload).hexdigest()


async def _judge_round(ledger: SqliteLedger, recorded: Json) -> Outcome:
    """Who took part in a round, its KPIs and blocks, and the measures of its blocks."""
    round_ = recorded["round"]
    blocks = await ledger.get_round_blocks(round_)
    blocks = [block for block in blocks if block.height > 0]
    kpis = await ledger.get_kpis(round_, round_)
    start, _ = await ledger.get_reference(round_)
    got: dict[str, Any] = {
        "active_hns": sorted(await ledger.get_seen(round_)),
        "active_hns_details": {address: _show_kpis(found) for address, found in kpis.items()},
        "last_hash_of_round": blocks[-1].block_hash.hex() if blocks else None,
        "height_at_start_of_round": start,
        "roundblocks_heights": [block.height for block in blocks],
    }
    if recorded.get("roundblocks_command") is not None:
        answer = encode_command(Command(CommandId.ROUNDBLOCKS, blocks=tuple(blocks)))
        got["roundblocks_command"] = answer.hex()
    outcome = compare_fields({name: recorded[name] for name in got if name in recorded}, got)
    return outcome if not isinstance(outcome, Agree) else await _judge_check_round(ledger, blocks, recorded)


def _show_kpis(kpis: Kpis) -> dict[str, int]:
    return {name: value for name, value in asdict(kpis).items() if value or name in _ALWAYS_SHOWN}


async def _judge_check_round(ledger: SqliteLedger, blocks: list[Block], recorded: Json) -> Outcome:
    """Legacy's measures of the round's blocks as if they came from a peer: its ``uniques`` and ``forgers``
    are those told with the last block *before* the round."""
    for name, last in (("check_round", -1), ("check_round_minus_last_block", -2)):
        expected = recorded.get(name)
        if name not in recorded or (expected is None and len(blocks) < -last):
            continue
        if expected is None or len(blocks) < -last:
            return Differs({name: expected}, {name: f"{len(blocks)} blocks"})
        start = await ledger.get_height_at(blocks[0].height - 1)
        measured = await ledger.get_height_at(blocks[last].height)
        assert start is not None
        assert measured is not None
        outcome = _compare_check(name, expected, start, measured)
        if not isinstance(outcome, Agree):
            return outcome
    return Agree()


def _compare_check(
    name: str, expected: Mapping[str, object], start: ChainHeight, measured: ChainHeight
) -> Outcome:
    before = replace(measured, uniques=start.uniques, forgers=start.forgers)
    shown = height_to_object(before)
    wrong = {key for key, value in expected.items() if shown.get(key) != value}
    if not wrong:
        return Agree()
    if wrong <= {"uniques", "forgers"}:
        return DiffersAsDocumented(Rule.STORED, _STALE, {name: expected}, {name: shown})
    return Differs({name: expected}, {name: shown})
