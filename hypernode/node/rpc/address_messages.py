"""getaddtxs: the messages of an address, a page at a time (spec 2, commands)."""

from __future__ import annotations

from typing import Final

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Message
from hypernode.node.rpc.queries import AddressQuery
from hypernode.ports.chain import ChainReader

PAGE: Final = 100
"""Messages in one answer, as in those of legacy nodes."""


async def find_messages_of(ledger: ChainReader, query: AddressQuery) -> list[Message]:
    """The earliest messages of an address, times descending within a block; or ascending, from a height or
    the height of a message on.  Raises Ignore for an unknown id.

    A full page from the height of an id on may end before it comes past that id: whoever asks on from the
    last message of a page would get the same page for ever.  Such a page begins with the message itself
    (docs/adr/0033)."""
    if query.from_txid is None:
        is_ascending = query.from_height is not None
        return await ledger.get_messages_of(
            query.address, query.from_height or 0, PAGE, is_ascending=is_ascending
        )
    first = await ledger.get_message(query.from_txid)
    if first is None:
        raise Ignore(Rule.WIRE, "getaddtxs from an unknown id")
    page = await ledger.get_messages_of(query.address, first.block_height, PAGE, is_ascending=True)
    is_past = any(message.txid == first.txid for message in page[:-1])
    if len(page) < PAGE or is_past or query.address not in (first.sender, first.recipient):
        return page
    return await ledger.get_messages_of(
        query.address, first.block_height, PAGE, is_ascending=True, first_txid=first.txid
    )
