"""The chain in SQLite (spec 4, storage): the port ``Ledger`` over a ``Database``.

A call that changes the chain is one transaction; a call that asks sees one snapshot.  The state of the
chain is held in memory and set right after the commit, also when the caller was cancelled meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from hypernode.core.block import create_genesis
from hypernode.core.packed_messages import list_txids
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.pruning import compute_replay_window, count_kept_rounds
from hypernode.core.types import (
    Block,
    ChainHeight,
    Equivocation,
    Height,
    Round,
    RoundPlan,
)
from hypernode.health.duty_log import SlotRecord
from hypernode.ports.chain import ChainReader, Lane, Replacement, ToleratedViolation
from hypernode.storage import duty_log, plans, prune, queries, rounds, side_rows
from hypernode.storage import evidence as observed
from hypernode.storage.append import append_blocks, drop_blocks, store_genesis
from hypernode.storage.interface import (
    Database,
    OtherNetwork,
    Row,
    Source,
    StorageError,
    Transaction,
    check_writable,
)
from hypernode.storage.reading import LedgerReader
from hypernode.storage.rows import Tip, fetch_tip
from hypernode.storage.schema.migrations import check_version, migrate
from hypernode.storage.schema.tables import LEDGER_MIGRATIONS


class _NotBetter(Exception):
    """Undoes the transaction of a branch that is not better."""

    def __init__(self, measured: ChainHeight) -> None:
        super().__init__("the branch is not better")
        self.measured = measured


async def open_ledger(
    database: Database, params: ChainParams, lanes: Mapping[Lane, Source] = MappingProxyType({})
) -> SqliteLedger:
    """The ledger in ``database``, made with the network's genesis if it is new.  ``lanes``: how others'
    questions are read, where not over the same connection as all else.

    Reads the tip, not the chain.  Raises StorageError for a file of a newer program, of something else,
    or of another network."""
    await migrate(database, LEDGER_MIGRATIONS, "ledger")
    tip = await fetch_tip(database)
    if tip is None:
        genesis = create_genesis(params)
        stored = await database.write(lambda t: store_genesis(t, genesis))
        return SqliteLedger(database, params, stored, lanes=lanes)
    return await _open_existing(database, params, tip, lanes)


async def open_ledger_to_read(database: Database, params: ChainParams) -> SqliteLedger:
    """The ledger in a database that can only be read.  Raises StorageError as ``open_ledger``, and for a file
    that is empty or of an older version (the next start of the node brings it up to date)."""
    await check_version(database, LEDGER_MIGRATIONS, "ledger")
    tip = await fetch_tip(database)
    if tip is None:
        raise StorageError(f"{database.name}: this ledger has no blocks: start the node once")
    return await _open_existing(database, params, tip)


async def _open_existing(
    database: Database, params: ChainParams, tip: Tip, lanes: Mapping[Lane, Source] = MappingProxyType({})
) -> SqliteLedger:
    genesis = create_genesis(params)
    stored = await queries.get_headers(database, 0, 1)
    if not stored or stored[0] != genesis:
        found = f"{stored[0].height} {stored[0].block_hash.hex()}" if stored else "none"
        raise OtherNetwork(
            f"{database.name}: this ledger is of another network: its first block is {found}, and "
            f"that of {params.name} is 0 {genesis.block_hash.hex()}. Choose the right network, or move the "
            "file away."
        )
    return SqliteLedger(database, params, tip, await prune.get_pruned_below(database), lanes)


class SqliteLedger(LedgerReader):
    """Implements ``ports.chain.Ledger``: use ``open_ledger``."""

    def __init__(
        self,
        database: Database,
        params: ChainParams,
        tip: Tip,
        pruned_below: Height = 0,
        lanes: Mapping[Lane, Source] = MappingProxyType({}),
    ) -> None:
        super().__init__(database)
        self._database = database
        self._readers = {lane: LedgerReader(source) for lane, source in lanes.items()}
        self._params = params
        self._tip = tip
        self._pruned_below = pruned_below

    def _set_tip(self, tip: Tip) -> None:
        self._tip = tip

    def get_height(self) -> ChainHeight:
        return self._tip.state

    def get_reader(self, lane: Lane) -> ChainReader:
        return self._readers.get(lane, self)

    async def append(self, block: Block, findings: Sequence[ToleratedViolation] = ()) -> ChainHeight:
        return await self.append_many((block,), findings)

    async def append_many(
        self, blocks: Sequence[Block], findings: Sequence[ToleratedViolation] = ()
    ) -> ChainHeight:
        async def work(transaction: Transaction) -> Tip:
            tip = await append_blocks(transaction, self._tip, blocks)
            await observed.save_findings(transaction, findings)
            return tip

        return (await self._database.write(work, self._set_tip)).state

    async def replace(
        self,
        common: Height,
        blocks: Sequence[Block],
        is_better: Callable[[ChainHeight, ChainHeight], bool],
        findings: Sequence[ToleratedViolation] = (),
    ) -> Replacement:
        async def work(transaction: Transaction) -> tuple[Tip, list[Block]]:
            below, dropped = await drop_blocks(transaction, self._tip, common)
            tip = await append_blocks(transaction, below, blocks)
            if not is_better(tip.state, self._tip.state):
                raise _NotBetter(tip.state)
            await observed.save_findings(transaction, findings)
            return tip, dropped

        try:
            tip, dropped = await self._database.write(work, lambda result: self._set_tip(result[0]))
        except _NotBetter as refusal:
            return Replacement(adopted=False, measured=refusal.measured)
        # mostly nothing goes, and then nobody asks what came
        kept = {txid for block in blocks for txid in list_txids(block.messages)} if dropped else set()
        messages = (message for block in dropped for message in block.messages)
        return Replacement(
            adopted=True,
            measured=tip.state,
            # They are in no block any more: height 0, as in a mempool.
            dropped_messages=tuple(replace(m, block_height=0) for m in messages if m.txid not in kept),
            dropped_blocks=tuple(dropped),
        )

    async def rollback(self, to_height: Height) -> tuple[Block, ...]:
        async def work(transaction: Transaction) -> tuple[Tip, list[Block]]:
            return await drop_blocks(transaction, self._tip, to_height)

        _, dropped = await self._database.write(work, lambda result: self._set_tip(result[0]))
        return tuple(reversed(dropped))

    async def save_plan(self, plan: RoundPlan) -> None:
        await self._database.write(lambda t: plans.save_plan(t, plan))

    async def list_plan_rounds(self) -> list[Round]:
        """Rounds that a plan is kept for."""
        return await plans.list_plan_rounds(self._database)

    async def save_side_rows(self, tables: Mapping[str, Sequence[Row]]) -> None:
        """Rows of a legacy file that are no part of the chain."""
        await self._database.write(lambda t: side_rows.save_side_rows(t, tables))

    async def get_side_rows(self) -> dict[str, list[Row]]:
        """What ``save_side_rows`` kept."""
        return await side_rows.get_side_rows(self._database)

    async def save_status(self, round_: Round, status: Mapping[str, object]) -> None:
        await self._database.write(lambda t: rounds.save_status(t, round_, status))

    async def get_status(self, round_: Round) -> Mapping[str, object] | None:
        return await rounds.get_status(self._database, round_)

    async def save_evidence(self, evidence: Equivocation) -> None:
        await self._database.write(lambda t: observed.save_evidence(t, evidence))

    async def get_evidence(self) -> list[Equivocation]:
        return await observed.get_evidence(self._database)

    async def get_findings(self, first: Height, last: Height) -> list[ToleratedViolation]:
        return await observed.get_findings(self._database, first, last)

    async def count_findings(self) -> dict[str, int]:
        return await observed.count_findings(self._database)

    async def save_slot_record(self, record: SlotRecord) -> None:
        await self._database.write(lambda t: duty_log.save_record(t, record))

    async def save_final_round(
        self, round_: Round, records: Sequence[SlotRecord], summary: Mapping[str, object]
    ) -> None:
        await self._database.write(lambda t: duty_log.save_final_round(t, round_, records, summary))

    async def get_slot_records(self, first: Round, last: Round) -> list[SlotRecord]:
        return await duty_log.get_records(self._database, first, last)

    async def get_summaries(self, first: Round, last: Round) -> list[Mapping[str, object]]:
        return await duty_log.get_summaries(self._database, first, last)

    async def get_first_summary_round(self) -> Round | None:
        return await duty_log.get_first_round(self._database)

    async def get_last_summary_round(self) -> Round | None:
        return await duty_log.get_last_round(self._database)

    async def check_writable(self) -> None:
        await check_writable(self._database)

    def get_pruned_below(self) -> Height:
        return self._pruned_below

    async def get_prune_limit(self) -> Height:
        """The height from which on messages have to stay (``core.pruning``)."""
        kept, window = count_kept_rounds(self._params), compute_replay_window(self._params)
        return await self._database.read(lambda r: prune.find_prune_limit(r, kept, window))

    async def prune(self, below: Height, on_step: Callable[[Height], None] = lambda mark: None) -> int:
        """Drop the messages of blocks below a height, as far as they may go; how many went.  Several
        transactions, each with a piece of the chain; ``on_step`` hears how far it came."""
        target, total = min(below, await self.get_prune_limit()), 0
        while max(self._pruned_below, 1) < target:
            _, count = await self._database.write(lambda t: prune.prune_step(t, target), self._set_pruned)
            total += count
            on_step(self._pruned_below)
        return total

    def _set_pruned(self, step: tuple[Height, int]) -> None:
        self._pruned_below = step[0]

    async def close(self) -> None:
        await self._database.close()
