"""``realchain.json``: a chain that legacy nodes forged, block by block, with the jurors and tests of each
round and the measures at its end (spec 4, README).

Every rule of classes A and B holds for every block, as fetched from a peer that no majority backs; class C
is tolerated on a mixed network, so messages against the policy (M4 to M6) are no difference.
"""

from __future__ import annotations

import asyncio
from typing import Any

from hypernode.core.block import create_genesis
from hypernode.core.errors import Reject
from hypernode.core.lottery import compute_round_plan
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Registration, RoundPlan
from hypernode.core.validate_block import Origin, validate_block
from hypernode.node.base.json_shapes import height_to_object
from hypernode.storage.ledger import SqliteLedger
from hypernode.vectors.outcome import Differs, Json, Outcome, compare_fields
from hypernode.vectors.replay import (
    create_context,
    decode_block,
    open_chain,
    read_network,
    read_registered,
)

_ROUND = "round"
_END = "end"
_FLAGS = {"hash_ok": {Rule.B4}, "forger_signature_ok": {Rule.B5}, "all_tx_ok": {Rule.B11}}
"""What the file says of a block, and the rules that say the same."""


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a block, or one of ``extra_cases``."""
    params, registered = read_network(document), read_registered(document)
    blocks = sorted((decode_block(one["command"]) for one in document["cases"]), key=lambda b: b.height)
    if case.get("kind") == _ROUND:
        return asyncio.run(_judge_round(params, registered, blocks, case))
    if case.get("kind") == _END:
        return asyncio.run(_judge_end(params, blocks, case))
    return asyncio.run(_judge_block(params, registered, blocks, case))


def extra_cases(document: Json) -> list[Json]:
    """The recorded rounds, and the chain's end."""
    end = {name: document[name] for name in ("final_height_status", "genesis_hash") if name in document}
    return [*({**recorded, "kind": _ROUND} for recorded in document["rounds"]), {**end, "kind": _END}]


async def _derive_plan(
    params: ChainParams, registered: tuple[Registration, ...], ledger: SqliteLedger, round_: int
) -> RoundPlan:
    """The lists of a round, from the chain before it."""
    _, reference_hash = await ledger.get_reference(round_)
    return compute_round_plan(
        params,
        params.default_tunables.tests_per_slot,
        round_,
        registered=registered,
        registered_before=registered,
        seen_before=await ledger.get_seen(round_ - 1),
        reference_hash=reference_hash,
    )


async def _judge_block(
    params: ChainParams, registered: tuple[Registration, ...], blocks: list[Block], case: Json
) -> Outcome:
    """The block holds the rules on top of those before it, and our ledger takes it."""
    block = decode_block(case["command"])
    ledger = await open_chain(params, [one for one in blocks if one.height < block.height])
    plan = await _derive_plan(params, registered, ledger, block.round)
    senders = {entry.pos for entry in registered} | {params.control_pos}
    context = await create_context(params, ledger, block, plan.juror_of(block.sir), senders)
    try:
        tolerated = validate_block(params, block, context, Origin.FETCHED)
    except Reject as refusal:
        return Differs("every rule of classes A and B holds", str(refusal))
    await ledger.append(block)
    broken = {violation.rule for violation in tolerated}
    got: dict[str, Any] = {"height": block.height, "round": block.round, "sir": block.sir}
    got |= {name: broken.isdisjoint(rules) for name, rules in _FLAGS.items()}
    got["served as it came"] = await ledger.get_block(block.height) == block
    await ledger.close()
    expected = {name: case[name] for name in got if name in case}
    return compare_fields({**expected, "served as it came": True}, got)


async def _judge_round(
    params: ChainParams, registered: tuple[Registration, ...], blocks: list[Block], case: Json
) -> Outcome:
    """Jurors and tests of a round, and what they follow from."""
    round_ = case["round"]
    ledger = await open_chain(params, [block for block in blocks if block.round < round_])
    plan = await _derive_plan(params, registered, ledger, round_)
    seen = await ledger.get_seen(round_ - 1)
    await ledger.close()
    got: dict[str, Any] = {
        "active_last_round": sorted(seen),
        "too_few_active_so_all": len(seen) < params.min_active,
        "reference_hash": plan.reference_hash.hex(),
        "slots": [[juror.address, juror.ticket] for juror in plan.jurors],
        "test_slots": [[[test.tester, test.tested, test.kind] for test in slot] for slot in plan.tests],
    }
    return compare_fields({name: case[name] for name in got if name in case}, got)


async def _judge_end(params: ChainParams, blocks: list[Block], case: Json) -> Outcome:
    """The measures of the whole chain."""
    ledger = await open_chain(params, blocks)
    got = {
        "genesis_hash": create_genesis(params).block_hash.hex(),
        "final_height_status": height_to_object(ledger.get_height()),
    }
    await ledger.close()
    return compare_fields({name: case[name] for name in got if name in case}, got)
