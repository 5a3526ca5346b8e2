"""Blocks onto the ledger and off it: bytes come back as they were, measures are exact, all or nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hypernode.core.block import create_genesis, to_header
from hypernode.core.errors import InvariantBroken
from hypernode.core.fork_choice import is_better
from hypernode.core.params.networks import testnet as make_testnet
from hypernode.core.rules import Rule
from hypernode.core.types import UINT32_MAX, ChainHeight
from hypernode.ports.chain import Ledger, ToleratedViolation
from hypernode.storage.database import Database, InlineDatabase, open_database
from hypernode.storage.interface import OtherNetwork
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.storage.chains import GENESIS, NETWORK, block, chain, digest, message, recount


async def _inline() -> SqliteLedger:
    return await open_ledger(InlineDatabase(), NETWORK)


async def _dump(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """All rows, but those of texts and keys, which stay when blocks go."""
    tables = ("blocks", "messages", "presence", "participation", "failures", "findings")
    found = {name: await database.fetch_all(f"SELECT * FROM {name}") for name in tables}
    counted = "SELECT address, sent, forged FROM addresses WHERE sent OR forged"
    return {**found, "totals": sorted(await database.fetch_all(counted))}


def test_new_ledger_has_the_networks_genesis() -> None:
    async def run() -> None:
        ledger: Ledger = await _inline()
        assert ledger.get_height() == ChainHeight(0, 0, 0, GENESIS.block_hash, forgers_round=1)
        assert await ledger.get_block(0) == GENESIS
        assert await ledger.get_forged_count(GENESIS.forger) == 0
        assert await ledger.get_seen(0) == frozenset()
        assert await ledger.get_kpis(0, 0) == {}

    asyncio.run(run())


def test_ledger_of_another_network_is_refused(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = await open_ledger(InlineDatabase(tmp_path / "l.db"), NETWORK)
        await ledger.close()
        other = make_testnet()
        assert create_genesis(other) != GENESIS
        database = InlineDatabase(tmp_path / "l.db")
        with pytest.raises(OtherNetwork, match=r"l\.db: this ledger is of another network"):
            await open_ledger(database, other)
        await database.close()

    asyncio.run(run())


def test_every_byte_of_a_block_comes_back() -> None:
    async def run() -> None:
        ledger = await _inline()
        params = ("0123", " 1e3", "\x00", "a\x00b", "it's", '"; DROP TABLE blocks', "", "é\U0001f600", "0123")
        messages = [message(i, f"s{i % 3}", f"r{i % 2}", params=text) for i, text in enumerate(params)]
        extremes: dict[str, Any] = {
            "timestamp": UINT32_MAX,
            "what": UINT32_MAX,
            "value": UINT32_MAX,
            "received": UINT32_MAX,
        }
        messages += [
            message("long", "s1", "b'\x00", txid=digest("long", size=64) + b"\x00" * 32, **extremes),
            message("zeros", "s2", "", txid=bytes(64), timestamp=0, what=0, value=0, pubkey=b"\xff" * 64),
            message("other key", "s2", pubkey=b"\x00" * 65),
            message("same tail", txid=b"\x01" + bytes(63)),
        ]
        first = block(GENESIS, 1, 0, "forger", messages)
        odd = replace(first, msg_count=99, uniques_sources=77, timestamp=UINT32_MAX, received_by="x")
        second = block(odd, UINT32_MAX, 18)
        await ledger.append(odd)
        await ledger.append(second)
        assert await ledger.get_block(1) == odd
        assert await ledger.get_blocks(0, 9) == [GENESIS, odd, second]
        for m in odd.messages:
            assert await ledger.get_message(m.txid) == m
        assert await ledger.get_message(b"\x02" + bytes(63)) is None

    asyncio.run(run())


def test_better_branch_replaces_ours() -> None:
    async def run() -> None:
        ledger = await _inline()
        ours = chain(6)
        await ledger.append_many(ours)
        moved = replace(ours[4].messages[0], block_height=0)
        branch = chain(5, salt="other", parent=ours[3])
        branch[0] = block(ours[3], 2, 1, "f9", [*branch[0].messages, moved])
        for i in range(1, 5):
            branch[i] = replace(branch[i], previous_hash=branch[i - 1].block_hash)
        findings = [
            ToleratedViolation(made.height, made.block_hash, Rule.B6, "words")
            for made in (branch[0], branch[4])
        ]
        outcome = await ledger.replace(4, branch, is_better, findings)
        assert outcome.adopted
        assert await ledger.get_findings(0, 20) == findings
        assert outcome.measured == ledger.get_height() == recount([GENESIS, *ours[:4], *branch])
        assert outcome.dropped_blocks == tuple(ours[4:])
        lost = [m for b in ours[4:] for m in b.messages if m.txid != moved.txid]
        assert outcome.dropped_messages == tuple(replace(m, block_height=0) for m in lost)
        assert await ledger.get_blocks(1, 20) == [*ours[:4], *branch]

    asyncio.run(run())


def test_branch_that_is_not_better_changes_nothing() -> None:
    async def run() -> None:
        database = InlineDatabase()
        ledger = await open_ledger(database, NETWORK)
        ours = chain(6)
        await ledger.append_many(ours)
        before = await _dump(database)
        branch = [block(ours[3], 2, 5, "f0")]
        finding = ToleratedViolation(5, branch[0].block_hash, Rule.B6, "words")
        outcome = await ledger.replace(4, branch, is_better, [finding])
        assert not outcome.adopted
        assert outcome.measured == recount([GENESIS, *ours[:4], *branch])
        assert (outcome.dropped_messages, outcome.dropped_blocks) == ((), ())
        with pytest.raises(InvariantBroken):
            await ledger.replace(3, branch, is_better, [finding])
        assert await _dump(database) == before
        assert ledger.get_height() == recount([GENESIS, *ours])

    asyncio.run(run())


OPENERS = pytest.mark.parametrize("threads", [True, False], ids=["aiosqlite", "inline"])


async def _open(threads: bool, path: Path) -> SqliteLedger:
    opener: Awaitable[Database] | None = open_database(path) if threads else None
    return await open_ledger(InlineDatabase(path) if opener is None else await opener, NETWORK)


@OPENERS
def test_chain_is_there_after_reopening(threads: bool, tmp_path: Path) -> None:
    async def run() -> None:
        blocks = chain(7)
        ledger = await _open(threads, tmp_path / "l.db")
        await ledger.append_many(blocks[:5])
        for made in blocks[5:]:
            await ledger.append(made)
        height = ledger.get_height()
        await ledger.close()
        again = await _open(threads, tmp_path / "l.db")
        assert again.get_height() == height == recount([GENESIS, *blocks])
        assert await again.get_blocks(1, 9) == blocks
        await again.close()

    asyncio.run(run())


def test_cancelled_append_stores_the_whole_block_and_knows_it(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = await _open(True, tmp_path / "l.db")
        blocks = chain(8)
        for made in blocks:
            caller = asyncio.create_task(ledger.append(made))
            for _ in range(made.height % 4):
                await asyncio.sleep(0)
            caller.cancel()
            with pytest.raises(asyncio.CancelledError):
                await caller
            await ledger.check_writable()  # waits for the writer
            # Cancelled before it began it is not stored at all; later it is, whole.
            if ledger.get_height().height < made.height:
                assert await ledger.get_block(made.height) is None
                await ledger.append(made)
            assert await ledger.get_block(made.height) == made
        assert ledger.get_height() == recount([GENESIS, *blocks])
        await ledger.close()

    asyncio.run(run())


def test_concurrent_appends_are_one_after_the_other(tmp_path: Path) -> None:
    async def run() -> None:
        ledger = await _open(True, tmp_path / "l.db")
        ours, other = chain(1)[0], chain(1, salt="other")[0]
        results = await asyncio.gather(ledger.append(ours), ledger.append(other), return_exceptions=True)
        assert isinstance(results[1], InvariantBroken)
        assert results[0] == ledger.get_height() == recount([GENESIS, ours])
        assert to_header(ours) == (await ledger.get_headers(None, 1))[0]
        await ledger.close()

    asyncio.run(run())
