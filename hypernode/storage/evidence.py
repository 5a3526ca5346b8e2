"""What was observed and is kept to be shown: double signatures, and violations that were tolerated."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Final

from hypernode.core.block import to_header
from hypernode.core.rules import BLOCK_RULES, Rule
from hypernode.core.types import Block, Equivocation, Height, Message
from hypernode.ports.chain import ToleratedViolation
from hypernode.ports.storage_faults import StorageBroken
from hypernode.storage.interface import Reader, Transaction

MAX_CASES: Final = 100
"""The latest by slot: more than the slots of the rounds that anybody is told of (``EVIDENCE_ROUNDS`` of
``node.chain.chain``).  Who forges can make a case in each slot of his, for years."""
MAX_BLOCK_CHARS: Final = 128 * 1024
"""Of a block as it is kept, some 300 messages; of a larger one its head must do.  With ``MAX_CASES`` all of
the evidence takes 26 MB at most."""

# One case for a slot and forger: two blocks prove it, and a forger can make any number of them.
_SAVE_EVIDENCE: Final = "INSERT OR IGNORE INTO evidence VALUES(?, ?, ?, ?, ?, ?)"
_DROP_OLD: Final = (
    "DELETE FROM evidence WHERE rowid NOT IN"
    " (SELECT rowid FROM evidence ORDER BY round DESC, sir DESC, forger LIMIT ?)"
)
_GET_EVIDENCE: Final = "SELECT first, second, seen_at FROM evidence ORDER BY round, sir, forger"
_SAVE_FINDING: Final = "INSERT OR IGNORE INTO findings VALUES(?, ?, ?, ?)"
_GET_FINDINGS: Final = (
    "SELECT height, block_hash, rule, reason FROM findings WHERE height BETWEEN ? AND ? ORDER BY height, rule"
)
_COUNT_FINDINGS: Final = "SELECT rule, count(*) FROM findings GROUP BY rule ORDER BY rule"


async def save_evidence(transaction: Transaction, evidence: Equivocation) -> None:
    """Keep the first case of a slot and forger, and of all cases the latest."""
    first = evidence.first
    texts = (_block_to_json(first), _block_to_json(evidence.second))
    await transaction.execute(
        _SAVE_EVIDENCE, (first.round, first.sir, first.forger, *texts, evidence.seen_at)
    )
    await transaction.execute(_DROP_OLD, (MAX_CASES,))


async def get_evidence(reader: Reader) -> list[Equivocation]:
    """All cases, by slot."""
    rows = await reader.fetch_all(_GET_EVIDENCE)
    return [Equivocation(_block_from_json(a), _block_from_json(b), seen_at) for a, b, seen_at in rows]


async def save_findings(transaction: Transaction, findings: Sequence[ToleratedViolation]) -> None:
    """Keep tolerated breaks, each once for a block and rule."""
    if not findings:
        return
    rows = [(found.height, found.block_hash, found.rule.number, found.reason) for found in findings]
    await transaction.execute_many(_SAVE_FINDING, rows)


async def get_findings(reader: Reader, first: Height, last: Height) -> list[ToleratedViolation]:
    """Tolerated breaks in blocks from ``first`` to ``last``.  Raises StorageBroken for one of no rule."""
    rows = await reader.fetch_all(_GET_FINDINGS, (first, last))
    return [
        ToleratedViolation(height, block_hash, _read_rule(rule, height), reason)
        for height, block_hash, rule, reason in rows
    ]


def _read_rule(number: str, height: Height) -> Rule:
    rule = BLOCK_RULES.get(number)
    if rule is None:
        raise StorageBroken(
            f"the ledger has a finding of a rule {number!r} for block {height}, which is none: "
            "repair it or restore a backup"
        )
    return rule


async def count_findings(reader: Reader) -> dict[str, int]:
    """Tolerated breaks by rule."""
    return {rule: int(number) for rule, number in await reader.fetch_all(_COUNT_FINDINGS)}


def _block_to_json(block: Block) -> str:
    """With its messages, where it has them and there are not too many: the signature is over their ids."""
    fields: dict[str, Any] = {name: getattr(block, name) for name in Block.__slots__}
    fields["messages"] = [{name: getattr(m, name) for name in Message.__slots__} for m in block.messages]
    text = json.dumps(fields, default=_encode_bytes, separators=(",", ":"))
    return text if len(text) <= MAX_BLOCK_CHARS or not block.messages else _block_to_json(to_header(block))


def _encode_bytes(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"{type(value).__name__} is not a field of a block")


def _block_from_json(text: str) -> Block:
    fields: dict[str, Any] = json.loads(text)
    for name in ("previous_hash", "signature", "block_hash"):
        fields[name] = bytes.fromhex(fields[name])
    fields["messages"] = tuple(_message_from_json(m) for m in fields["messages"])
    return Block(**fields)


def _message_from_json(fields: dict[str, Any]) -> Message:
    return Message(
        **{**fields, "txid": bytes.fromhex(fields["txid"]), "pubkey": bytes.fromhex(fields["pubkey"])}
    )
