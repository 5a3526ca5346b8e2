"""Ledgers in memory for tests, and what one looks at in them."""

from __future__ import annotations

from collections.abc import Sequence

from hypernode.core.types import Block
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import SqliteLedger, open_ledger
from tests.unit.storage.chains import NETWORK


async def open_with(blocks: Sequence[Block]) -> tuple[SqliteLedger, InlineDatabase]:
    """A ledger of main in memory that holds these blocks, and its database."""
    database = InlineDatabase()
    ledger = await open_ledger(database, NETWORK)
    await ledger.append_many(blocks)
    return ledger, database


async def make_ledger(*blocks: Block) -> SqliteLedger:
    """The same without its database."""
    ledger, _ = await open_with(blocks)
    return ledger
