"""Texts and keys that are stored once: gives each its row number, and makes rows for new ones."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.packed_messages import list_senders
from hypernode.core.types import Block
from hypernode.storage.interface import Transaction
from hypernode.storage.packed_rows import list_params, list_recipients, list_signers
from hypernode.storage.rows import fetch_in

_NEW_ADDRESS: Final = "INSERT OR IGNORE INTO addresses(address) VALUES(?)"
_GET_ADDRESSES: Final = "SELECT address, id, sent, forged FROM addresses WHERE address IN ({marks})"
_NEW_SIGNER: Final = "INSERT OR IGNORE INTO signers(address_id, pubkey) VALUES(?, ?)"
_GET_SIGNERS: Final = "SELECT address_id, pubkey, id FROM signers WHERE address_id IN ({marks})"
_NEW_PARAMS: Final = "INSERT OR IGNORE INTO params(text) VALUES(?)"
_GET_PARAMS: Final = "SELECT text, id FROM params WHERE text IN ({marks})"


@dataclass(slots=True)
class Interned:
    """Row numbers: of addresses, of (address number, key), of params; and of the addresses (by number)
    those that the chain had as senders and as forgers so far."""

    addresses: dict[str, int] = field(default_factory=dict)
    signers: dict[tuple[int, bytes], int] = field(default_factory=dict)
    params: dict[str, int] = field(default_factory=dict)
    senders: set[int] = field(default_factory=set)
    forgers: set[int] = field(default_factory=set)


async def intern_addresses(transaction: Transaction, texts: Iterable[str]) -> Interned:
    """Numbers of addresses; sorted first, so that the same blocks make the same file."""
    interned, wanted = Interned(), sorted(set(texts))
    await transaction.execute_many(_NEW_ADDRESS, [(text,) for text in wanted])
    for address, row_id, sent, forged in await fetch_in(transaction, _GET_ADDRESSES, wanted):
        interned.addresses[address] = row_id
        if sent:
            interned.senders.add(row_id)
        if forged:
            interned.forgers.add(row_id)
    return interned


def list_addresses(blocks: Iterable[Block]) -> set[str]:
    """Every address in the blocks: forgers, senders, recipients."""
    found: set[str] = set()
    for block in blocks:
        found.add(block.forger)
        found |= list_senders(block.messages)
        found |= list_recipients(block.messages)
    return found


async def intern_blocks(transaction: Transaction, blocks: Iterable[Block]) -> Interned:
    """Numbers of all that the blocks refer to."""
    blocks = tuple(blocks)
    interned = await intern_addresses(transaction, list_addresses(blocks))
    keys = {key for block in blocks for key in list_signers(block.messages)}
    signers = sorted((interned.addresses[sender], pubkey) for sender, pubkey in keys)
    await transaction.execute_many(_NEW_SIGNER, signers)
    for address_id, pubkey, row_id in await fetch_in(
        transaction, _GET_SIGNERS, sorted({number for number, _ in signers})
    ):
        interned.signers[address_id, pubkey] = row_id
    params = sorted({text for block in blocks for text in list_params(block.messages)})
    await transaction.execute_many(_NEW_PARAMS, [(text,) for text in params])
    interned.params.update(await fetch_in(transaction, _GET_PARAMS, params))
    return interned
