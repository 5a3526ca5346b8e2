"""The chain in SQLite (spec 4, storage): the port ``Ledger`` over a ``Database``.

A call that changes the chain is one transaction; a call that asks sees one snapshot.  The state of the
chain is held in memory and set right after the commit, also when the caller was cancelled meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

from hypernode.core.block import create_genesis
from hypernode.core.params import Network
from hypernode.core.pruning import compute_replay_window, count_kept_rounds
from hypernode.core.types import (
    Block,
    ChainHeight,
    Equivocation,
    Height,
    Kpis,
    Message,
    Round,
    RoundPlan,
    Slot,
)
from hypernode.ports import Finding, Replacement
from hypernode.storage import evidence as observed
from hypernode.storage import plans, prune, queries, rounds, side_rows, sizes
from hypernode.storage.append import append_blocks, drop_blocks, store_genesis
from hypernode.storage.interface import Database, Row, StorageError, Transaction, check_writable
from hypernode.storage.migrations import check_version, migrate
from hypernode.storage.rows import Tip, fetch_blocks, fetch_tip
from hypernode.storage.schema import LEDGER_MIGRATIONS


class _NotBetter(Exception):
    """Undoes the transaction of a branch that is not better."""

    def __init__(self, measured: ChainHeight) -> None:
        super().__init__("the branch is not better")
        self.measured = measured


async def open_ledger(database: Database, network: Network) -> SqliteLedger:
    """The ledger in ``database``, made with the network's genesis if it is new.

    Reads the tip, not the chain.  Raises StorageError for a file of a newer program, of something else,
    or of another network."""
    await migrate(database, LEDGER_MIGRATIONS, "ledger")
    tip = await fetch_tip(database)
    if tip is None:
        genesis = create_genesis(network)
        return SqliteLedger(database, network, await database.write(lambda t: store_genesis(t, genesis)))
    return await _open_existing(database, network, tip)


async def open_ledger_to_read(database: Database, network: Network) -> SqliteLedger:
    """The ledger in a database that can only be read.  Raises StorageError as ``open_ledger``, and for a file
    that is empty or of an older version (the next start of the node brings it up to date)."""
    await check_version(database, LEDGER_MIGRATIONS, "ledger")
    tip = await fetch_tip(database)
    if tip is None:
        raise StorageError(f"{database.name}: this ledger has no blocks: start the node once")
    return await _open_existing(database, network, tip)


async def _open_existing(database: Database, network: Network, tip: Tip) -> SqliteLedger:
    genesis = create_genesis(network)
    stored = await queries.get_headers(database, 0, 1)
    if not stored or stored[0] != genesis:
        found = f"{stored[0].height} {stored[0].block_hash.hex()}" if stored else "none"
        raise StorageError(
            f"{database.name}: this ledger is of another network: its first block is {found}, and "
            f"that of {network.name} is 0 {genesis.block_hash.hex()}. Choose the right network, or move the "
            "file away."
        )
    return SqliteLedger(database, network, tip, await prune.get_pruned_below(database))


class SqliteLedger:
    """Implements ``ports.Ledger``: use ``open_ledger``."""

    def __init__(self, database: Database, network: Network, tip: Tip, pruned_below: Height = 0) -> None:
        self._database = database
        self._network = network
        self._tip = tip
        self._pruned_below = pruned_below

    def _set_tip(self, tip: Tip) -> None:
        self._tip = tip

    def get_height(self) -> ChainHeight:
        return self._tip.state

    async def append(self, block: Block, findings: Sequence[Finding] = ()) -> ChainHeight:
        return await self.append_many((block,), findings)

    async def append_many(self, blocks: Sequence[Block], findings: Sequence[Finding] = ()) -> ChainHeight:
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
        findings: Sequence[Finding] = (),
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
        kept = {message.txid for block in blocks for message in block.messages}
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

    async def get_block(self, height: Height) -> Block | None:
        return await self._database.read(lambda r: queries.get_block(r, height))

    async def get_block_of_slot(self, round_: Round, sir: Slot) -> Block | None:
        return await queries.get_block_of_slot(self._database, round_, sir)

    async def get_headers_of_rounds(self, rounds: Iterable[Round]) -> list[Block]:
        wanted = tuple(rounds)
        return await self._database.read(lambda r: queries.get_headers_of_rounds(r, wanted))

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        return await self._database.read(lambda r: fetch_blocks(r, first, first + count - 1))

    async def get_round_blocks(self, round_: Round) -> list[Block]:
        return await self._database.read(lambda r: queries.get_round_blocks(r, round_))

    async def get_block_sizes(self, first: Height, count: int) -> list[tuple[Height, int]]:
        return await sizes.get_block_sizes(self._database, first, count)

    async def get_round_block_sizes(self, round_: Round) -> list[tuple[Height, int]]:
        return await sizes.get_round_block_sizes(self._database, round_)

    async def get_headers(self, first: Height | None, count: int) -> list[Block]:
        return await queries.get_headers(self._database, first, count)

    async def get_height_at(self, height: Height) -> ChainHeight | None:
        tip = await fetch_tip(self._database, height)
        return None if tip is None else tip.state

    async def get_message(self, txid: bytes) -> Message | None:
        return await queries.get_message(self._database, txid)

    async def get_messages_of(
        self,
        address: str,
        from_height: Height = 0,
        count: int = 100,
        *,
        is_ascending: bool = False,
        first_txid: bytes | None = None,
    ) -> list[Message]:
        return await self._database.read(
            lambda r: queries.get_messages_of(
                r, address, from_height, count, is_ascending=is_ascending, first_txid=first_txid
            )
        )

    async def get_messages_of_kind(self, what: int, from_height: Height) -> list[Message]:
        return await self._database.read(lambda r: queries.get_messages_of_kind(r, what, from_height))

    async def get_known_ids(self, txids: Iterable[bytes], up_to: Height | None = None) -> frozenset[bytes]:
        wanted = tuple(txids)
        return await self._database.read(lambda r: queries.get_known_ids(r, wanted, up_to))

    async def get_reference(self, round_: Round, up_to: Height | None = None) -> tuple[Height, bytes]:
        return await self._database.read(lambda r: rounds.get_reference(r, round_, up_to))

    async def get_seen(self, round_: Round, up_to: Height | None = None) -> frozenset[str]:
        return await self._database.read(lambda r: rounds.get_seen(r, round_, up_to))

    async def get_kpis(self, first_round: Round, last_round: Round) -> dict[str, Kpis]:
        return await self._database.read(lambda r: rounds.get_kpis(r, first_round, last_round))

    async def get_first_rounds(self, last_round: Round) -> tuple[dict[str, Round], dict[str, Round]]:
        return await self._database.read(lambda r: rounds.get_first_rounds(r, last_round))

    async def get_forged_count(self, address: str) -> int:
        return await queries.get_forged_count(self._database, address)

    async def save_plan(self, plan: RoundPlan) -> None:
        await self._database.write(lambda t: plans.save_plan(t, plan))

    async def get_plan(self, round_: Round) -> RoundPlan | None:
        return await self._database.read(lambda r: plans.get_plan(r, round_))

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

    async def get_findings(self, first: Height, last: Height) -> list[Finding]:
        return await observed.get_findings(self._database, first, last)

    async def count_findings(self) -> dict[str, int]:
        return await observed.count_findings(self._database)

    async def check_writable(self) -> None:
        await check_writable(self._database)

    def get_pruned_below(self) -> Height:
        return self._pruned_below

    async def get_prune_limit(self) -> Height:
        """The height from which on messages have to stay (``core.pruning``)."""
        kept, window = count_kept_rounds(self._network), compute_replay_window(self._network)
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
