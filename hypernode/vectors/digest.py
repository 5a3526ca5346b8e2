"""A single block offered on top of a chain: what a legacy node did with it, and what ours does.

What legacy refuses ours refuses.  What legacy takes and a rule of spec 4 refuses differs as documented.
"""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule, Violation
from hypernode.core.types import Block
from hypernode.core.validate_block import Origin, validate_block
from hypernode.storage.ledger import SqliteLedger
from hypernode.vectors.outcome import DiffersAsDocumented, Json, Outcome, compare_fields
from hypernode.vectors.replay import create_context, decode_block, open_chain

_POLICY = "legacy nodes stop at such messages; mempools refuse them, blocks of a mixed network may hold them"


async def judge_digest(params: ChainParams, below: Sequence[Block], case: Json) -> Outcome:
    """Offer the case's block, as pushed by a peer, on top of ``below``."""
    ledger = await open_chain(params, below)
    height_before = ledger.get_height().height
    try:
        block, tolerated = await _offer(params, ledger, case["command"])
    except Reject as refusal:
        await ledger.close()
        return _compare_refused(case, refusal, height_before)
    outcome = await _compare_taken(ledger, block, tolerated, case)
    await ledger.close()
    return outcome


async def _offer(
    params: ChainParams, ledger: SqliteLedger, payload: str
) -> tuple[Block, tuple[Violation, ...]]:
    """The block, once it is stored, and the breaks that a mixed network tolerates.  Raises Reject."""
    block = decode_block(payload)
    # No list of the registered goes with this file: neither the juror nor M6 is judged.
    context = await create_context(params, ledger, block, juror=UNCHECKED, registered=UNCHECKED)
    tolerated = validate_block(params, block, context, Origin.PUSHED)
    await ledger.append(block)
    return block, tolerated


def _compare_refused(case: Json, refusal: Reject, height_before: int) -> Outcome:
    got = {"digest_block": False, "last_height_after": height_before}
    expected = {name: case[name] for name in got if name in case}
    if case["digest_block"]:
        return DiffersAsDocumented(refusal.rule, refusal.reason, expected, got)
    return compare_fields(expected, got)


async def _compare_taken(
    ledger: SqliteLedger, block: Block, tolerated: tuple[Violation, ...], case: Json
) -> Outcome:
    got: dict[str, object] = {"digest_block": True, "last_height_after": ledger.get_height().height}
    served = await ledger.get_blocks(block.height, 1)
    # Messages of each block in the answer to blocksync from there on; legacy raised where this is text.
    if isinstance(case.get("then_blocksync"), list):
        got["then_blocksync"] = [len(one.messages) for one in served]
    if "height_after_rollback" in case:
        await ledger.rollback(block.height - 1)
        got["height_after_rollback"] = ledger.get_height().height
    expected = {name: case[name] for name in got if name in case}
    if not case["digest_block"] and case.get("node_stop_called"):
        policy = next((violation for violation in tolerated if violation.rule is Rule.B13), None)
        if policy is not None and policy.cause is not None and policy.cause.rule in (Rule.M4, Rule.M5):
            return DiffersAsDocumented(Rule.LEGACY, _POLICY, expected, got)
    return compare_fields(expected, got)
