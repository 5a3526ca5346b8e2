"""A chain out of an archive or a legacy file into our ledger: verified, then stored, batch by batch (spec 6).

Its blocks are judged as a fetched branch that the network holds: what legacy nodes of a mixed network took
against class B is taken, counted and kept as a finding.  A batch is one transaction of whole blocks and
their findings, so an import that is interrupted goes on where it was.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from hypernode.core.block import create_genesis, to_header
from hypernode.core.encoded_size import count_within
from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Unchecked, Violation
from hypernode.core.types import Block, Height
from hypernode.core.validate_block import Origin, find_dead_tip, is_refused
from hypernode.node.chain.block_validation import list_findings
from hypernode.node.chain.examiner import Examiner
from hypernode.node.chain.history import History
from hypernode.ports.chain import Ledger
from hypernode.ports.registrations import PowNotReady

BATCH_BLOCKS: Final = 100
BATCH_BYTES: Final = 16 * 1024 * 1024
"""Encoded bytes of blocks that are read at once: five batches of usual messages; a giant block alone."""
BATCH_MESSAGES: Final = 10_000
"""A batch is judged and stored at once: some 0.5 s and 10 MB."""


class BlockSource(Protocol):
    """Where a chain comes from."""

    @property
    def tip_height(self) -> Height: ...

    async def get_hash(self, height: Height) -> bytes | None: ...

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        """Whole blocks, ascending, at least one if there is any; fewer than asked for if they are large."""
        ...


class LedgerChain:
    """A ledger of ours as a source."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    @property
    def tip_height(self) -> Height:
        return self._ledger.get_height().height

    async def get_hash(self, height: Height) -> bytes | None:
        stored = await self._ledger.get_height_at(height)
        return None if stored is None else stored.block_hash

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        sizes = await self._ledger.get_block_sizes(first, count)
        return await self._ledger.get_blocks(first, count_within((size for _, size in sizes), BATCH_BYTES))


@dataclass(slots=True)
class ImportReport:
    """What was imported: blocks from ``first`` on, and tolerated violations by rule."""

    first: Height
    height: Height
    messages: int = 0
    tolerated: dict[str, int] = field(default_factory=dict)


class OtherChain(Exception):
    """The chain does not go on from ours: words for the operator."""


async def import_chain(
    params: ChainParams,
    ledger: Ledger,
    source: BlockSource,
    examiner: Examiner,
    *,
    needs_companion: bool,
    on_progress: Callable[[ImportReport], None] = lambda report: None,
) -> ImportReport:
    """Store what ``source`` has beyond our tip.  Raises OtherChain, Reject for the first block that breaks a
    rule (those before it are stored), PowNotReady where the companion is needed and cannot say."""
    own = ledger.get_height().height
    await _check_common(params, ledger, source)
    report = ImportReport(own + 1, own)
    [parent] = await ledger.get_headers(own, 1)
    reading: list[Block] = await source.get_blocks(own + 1, BATCH_BLOCKS)
    waiting: tuple[list[Block], asyncio.Task[Mapping[bytes, Violation] | Unchecked]] | None = None
    try:
        while reading or waiting is not None:
            ready, waiting = waiting, None
            if reading:
                batch, reading = _split(reading)
                waiting = batch, asyncio.create_task(examiner.verify(batch))
                await asyncio.sleep(0)  # so that it begins, and goes on while the one before is stored
            if ready is not None:
                await _store(
                    params, ledger, examiner, parent, ready[0], await ready[1], report, needs_companion
                )
                parent = to_header(ready[0][-1])
                on_progress(report)
            if waiting is not None and not reading:
                reading = await source.get_blocks(waiting[0][-1].height + 1, BATCH_BLOCKS)
    finally:
        if waiting is not None:
            waiting[1].cancel()
    return report


async def _check_common(params: ChainParams, ledger: Ledger, source: BlockSource) -> None:
    """Their block at our tip is ours; and their first one the network's."""
    own = ledger.get_height()
    if await source.get_hash(0) not in (None, create_genesis(params).block_hash):
        raise OtherChain(f"this chain is not of {params.name}: its first block is another one")
    if own.height and source.tip_height >= own.height and await source.get_hash(own.height) != own.block_hash:
        raise OtherChain(
            f"this chain has another block {own.height} than ours ({own.block_hash.hex()}): move our ledger "
            "away to start from it, or fetch the rest from the network"
        )


def _split(blocks: list[Block]) -> tuple[list[Block], list[Block]]:
    """As many blocks as a batch may have, at least one; and the others."""
    count = count_within((len(block.messages) for block in blocks), BATCH_MESSAGES)
    return blocks[:count], blocks[count:]


async def _store(
    params: ChainParams,
    ledger: Ledger,
    examiner: Examiner,
    parent: Block,
    batch: Sequence[Block],
    bad: Mapping[bytes, Violation] | Unchecked,
    report: ImportReport,
    needs_companion: bool,
) -> None:
    """Judge a batch and store what of it is good."""
    history = History(ledger, parent)
    await history.look_up(batch)
    good: list[tuple[Block, tuple[Violation, ...]]] = []
    try:
        for block in batch:
            violations = await examiner.examine(history, block, bad)
            if needs_companion and Rule.B6 in examiner.not_judged:
                raise PowNotReady(examiner.not_judged[Rule.B6].reason)
            _refuse(params, block, violations)
            good.append((block, violations))
            history.push(block)
    finally:
        if good:
            await _append(ledger, good, report)


def _refuse(params: ChainParams, block: Block, violations: Sequence[Violation]) -> None:
    """Raises Reject for the first break that no origin excuses."""
    if (dead := find_dead_tip(params, block)) is not None:
        raise Reject(dead.rule, f"block {block.height}: {dead.reason}")
    for violation in violations:
        if is_refused(params, block, violation, Origin.FETCHED, majority_holds=True):
            raise Reject(violation.rule, f"block {block.height}: {violation.reason}")


async def _append(
    ledger: Ledger, good: Sequence[tuple[Block, tuple[Violation, ...]]], report: ImportReport
) -> None:
    findings = [finding for block, violations in good for finding in list_findings(block, violations)]
    await ledger.append_many([block for block, _ in good], findings)
    report.height = good[-1][0].height
    report.messages += sum(len(block.messages) for block, _ in good)
    for finding in findings:
        number = finding.rule.number
        report.tolerated[number] = report.tolerated.get(number, 0) + 1
