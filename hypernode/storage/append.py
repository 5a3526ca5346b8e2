"""Appends blocks to the tip and drops them again: the statements that change the chain, and its measures.

A batch of blocks costs a dozen statements, whatever is in it.  The measures of each block follow from
its parent's row and from who took part in its round; nothing is ever counted over the chain, but when a
block's round is before its parent's (class B: taken when most of a mixed network holds such a branch).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Final

from hypernode.core.encoded_size import compute_block_size
from hypernode.core.errors import InvariantBroken
from hypernode.core.long_messages import split_messages
from hypernode.core.packed_messages import PackedMessages, Tables, list_senders, list_txids
from hypernode.core.types import Block, ChainHeight, Height, Message, Round
from hypernode.storage.interface import Params, Transaction
from hypernode.storage.intern import Interned, intern_addresses, intern_blocks, list_addresses
from hypernode.storage.long_texts import has_stand_in, is_giant, store_long_texts
from hypernode.storage.packed_rows import PackedNumbers
from hypernode.storage.prune import check_not_pruned, get_pruned_below
from hypernode.storage.rows import (
    MAX_AT_ONCE,
    Tip,
    compute_first_id,
    compute_txid_keys,
    fetch_headers,
    fetch_in,
    fetch_messages,
    fetch_tip,
)
from hypernode.storage.schema.tables import MAX_MESSAGES
from hypernode.storage.tally import add_tally, compute_tally, subtract_tally

MAX_DROPPED_MESSAGES: Final = 20_000
"""Of a block that goes, to be sealed again: twice the most of an ordinary block."""

_INSERT_BLOCK: Final = f"INSERT INTO blocks VALUES({','.join('?' * 19)})"
_INSERT_MESSAGE: Final = f"INSERT INTO messages VALUES({','.join('?' * 9)})"
_GET_SLOTS: Final = "SELECT round, sir FROM blocks WHERE round IN ({marks})"
_GET_IDS: Final = "SELECT txid FROM messages WHERE txid_key IN ({marks})"
_GET_TAKING_PART: Final = "SELECT round, address_id, sent, forged FROM participation WHERE round IN ({marks})"
_COUNT_BEFORE: Final = (
    "SELECT count(DISTINCT CASE WHEN sent > 0 THEN address_id END), "
    "count(DISTINCT CASE WHEN forged > 0 THEN address_id END) FROM participation WHERE round < ?"
)


async def store_genesis(transaction: Transaction, genesis: Block) -> Tip:
    """The first row.  Genesis counts in nothing but its own ``forgers_round`` (spec 1, height)."""
    interned = await intern_addresses(transaction, [genesis.forger])
    state = ChainHeight(genesis.height, genesis.round, genesis.sir, genesis.block_hash, forgers_round=1)
    tip = Tip(state, 0, 0, genesis.round)
    row = _block_row(genesis, tip, interned.addresses[genesis.forger])
    await transaction.execute(_INSERT_BLOCK, row)
    return tip


async def append_blocks(transaction: Transaction, tip: Tip, blocks: Sequence[Block]) -> Tip:
    """Store blocks on ``tip``; the new tip.  Raises InvariantBroken, after which the transaction has to
    be undone, when they do not follow it, or a slot or an id is there already."""
    _check_sequence(tip, blocks)
    for run in _split_runs(tip, blocks):
        tip = await _append_run(transaction, tip, run)
    return tip


def _check_sequence(tip: Tip, blocks: Sequence[Block]) -> None:
    height, block_hash = tip.state.height, tip.state.block_hash
    for block in blocks:
        if block.height != height + 1 or block.previous_hash != block_hash:
            raise InvariantBroken(f"block {block.height} does not follow the tip {height} {block_hash.hex()}")
        if len(block.messages) > MAX_MESSAGES:
            raise InvariantBroken(f"block {block.height} has {len(block.messages)} messages")
        height, block_hash = block.height, block.block_hash


async def _check_slots(transaction: Transaction, blocks: Sequence[Block]) -> None:
    slots = [(block.round, block.sir) for block in blocks]
    taken = set(await fetch_in(transaction, _GET_SLOTS, sorted({round_ for round_, _ in slots})))
    for slot in slots:
        if slot in taken:
            raise InvariantBroken(f"slot {slot[1]} of round {slot[0]} has a block already")
        taken.add(slot)


async def _check_ids(transaction: Transaction, txids: Sequence[bytes]) -> None:
    keys = compute_txid_keys(txids)
    known = {txid for (txid,) in await fetch_in(transaction, _GET_IDS, keys)}
    for txid in txids:
        if txid in known:
            raise InvariantBroken(f"message {txid.hex()} is in the chain already")
        known.add(txid)


def _split_runs(tip: Tip, blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks that can be measured together, and whose rows are made in one turn of the event loop; one with
    an earlier round than its parent is alone."""
    run: list[Block] = []
    messages = 0
    parent_round, max_round = tip.state.round, tip.max_round
    for block in blocks:
        is_alone = block.round < max_round or (block.round == max_round != parent_round)
        if run and (is_alone or messages + len(block.messages) > MAX_AT_ONCE):
            yield run
            run, messages = [], 0
        run.append(block)
        messages += len(block.messages)
        if is_alone:
            yield run
            run, messages = [], 0
        parent_round, max_round = block.round, max(max_round, block.round)
    if run:
        yield run


async def _append_run(transaction: Transaction, tip: Tip, run: Sequence[Block]) -> Tip:
    """A giant block in pieces, each with what it counts: no more than one of them is held."""
    await _check_slots(transaction, run)
    measuring = _Measuring(tip)
    await measuring.load(transaction, run)
    taking_part = await _append_messages(transaction, run)
    tips = [measuring.add(block, taking_part) for block in run]
    rows = [_block_row(b, t, taking_part.forgers[b.forger]) for b, t in zip(run, tips, strict=True)]
    await transaction.execute_many(_INSERT_BLOCK, rows)
    return tips[-1]


async def _append_messages(transaction: Transaction, run: Sequence[Block]) -> _TakingPart:
    """A function of its own: the last piece goes with it, before the blocks are gone through again."""
    taking_part = _TakingPart()
    for piece in _split_run(run):
        await _append_piece(transaction, piece, taking_part)
    return taking_part


@dataclass(slots=True)
class _TakingPart:
    """Who takes part in the blocks of a run, by numbers of addresses; ``new_senders`` and ``new_forgers`` are
    those that the chain had not seen before their block."""

    senders: dict[Height, set[int]] = field(default_factory=lambda: defaultdict(set))
    forgers: dict[str, int] = field(default_factory=dict)
    new_senders: dict[Height, set[int]] = field(default_factory=lambda: defaultdict(set))
    known_forgers: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class _Piece:
    """Whole blocks, or some messages of one: ``start`` is the place of the first of them."""

    blocks: tuple[Block, ...]
    start: int = 0


def _split_run(run: Sequence[Block]) -> Iterator[_Piece]:
    if len(run) > 1 or not is_giant(run[0]):
        yield _Piece(tuple(run))
        return
    start = 0
    for messages in split_messages(run[0].messages):
        yield _Piece((replace(run[0], messages=messages),), start)
        start += len(messages)


async def _append_piece(transaction: Transaction, piece: _Piece, taking_part: _TakingPart) -> None:
    await _check_ids(transaction, [txid for block in piece.blocks for txid in list_txids(block.messages)])
    blocks = [
        replace(block, messages=await store_long_texts(transaction, block.messages)) for block in piece.blocks
    ]
    interned = await intern_blocks(transaction, blocks)
    numbers = interned.addresses
    for block in blocks:
        senders = {numbers[sender] for sender in list_senders(block.messages)}
        taking_part.senders[block.height] |= senders
        taking_part.new_senders[block.height] |= senders - interned.senders
        taking_part.forgers[block.forger] = numbers[block.forger]
    if piece.start == 0:
        taking_part.known_forgers |= interned.forgers
    packed = _number_packed(blocks, interned)
    rows = list(chain.from_iterable(_make_rows(block, interned, piece.start, packed) for block in blocks))
    await transaction.execute_many(_INSERT_MESSAGE, rows)
    await add_tally(transaction, compute_tally(blocks, numbers, packed, forged=int(piece.start == 0)))


def _number_packed(blocks: Iterable[Block], interned: Interned) -> dict[Tables, PackedNumbers]:
    """The row numbers of each table of theirs."""
    held = (block.messages for block in blocks)
    tables = {messages.tables for messages in held if isinstance(messages, PackedMessages)}
    return {t: PackedNumbers(t, interned.addresses, interned.signers, interned.params) for t in tables}


class _Measuring:
    """Measures block after block of one run."""

    def __init__(self, tip: Tip) -> None:
        self._tip = tip
        self._new_senders: set[int] = set()
        self._new_forgers: set[int] = set()
        self._senders: dict[Round, set[int]] = {}
        self._forgers: dict[Round, set[int]] = {}
        self._before: tuple[int, int] | None = None

    async def load(self, transaction: Transaction, run: Sequence[Block]) -> None:
        """Who took part in the rounds of the run so far; and, for a block out of order, before it."""
        rounds = sorted({block.round for block in run})
        for round_ in rounds:
            self._senders[round_], self._forgers[round_] = set(), set()
        for round_, number, sent, forged in await fetch_in(transaction, _GET_TAKING_PART, rounds):
            if sent:
                self._senders[round_].add(number)
            if forged:
                self._forgers[round_].add(number)
        if len(run) == 1 and not self._is_in_order(run[0]):
            [(uniques, forgers)] = await transaction.fetch_all(_COUNT_BEFORE, (run[0].round,))
            self._before = (uniques, forgers)

    def _is_in_order(self, block: Block) -> bool:
        later = block.round > self._tip.max_round
        return later or block.round == self._tip.max_round == self._tip.state.round

    def add(self, block: Block, taking_part: _TakingPart) -> Tip:
        """The measures with ``block`` as tip."""
        tip, round_ = self._tip, block.round
        if self._before is not None:
            uniques, forgers = self._before
        elif round_ > tip.max_round:
            uniques, forgers = tip.total_uniques, tip.total_forgers
        else:
            uniques, forgers = tip.state.uniques, tip.state.forgers
        forger = {taking_part.forgers[block.forger]}
        self._senders[round_] |= taking_part.senders[block.height]
        self._forgers[round_] |= forger
        state = ChainHeight(
            height=block.height,
            round=round_,
            sir=block.sir,
            block_hash=block.block_hash,
            uniques=uniques,
            uniques_round=len(self._senders[round_]),
            forgers=forgers,
            forgers_round=len(self._forgers[round_]),
        )
        new_senders = taking_part.new_senders[block.height] - self._new_senders
        new_forgers = forger - taking_part.known_forgers - self._new_forgers
        total_uniques = tip.total_uniques + len(new_senders)
        total_forgers = tip.total_forgers + len(new_forgers)
        self._new_senders |= new_senders
        self._new_forgers |= new_forgers
        self._tip = Tip(state, total_uniques, total_forgers, max(tip.max_round, round_))
        return self._tip


def _block_row(block: Block, tip: Tip, forger_id: int) -> Params:
    state = tip.state
    return (
        *(block.height, block.round, block.sir, block.timestamp, block.previous_hash, block.msg_count),
        *(block.uniques_sources, block.signature, block.block_hash, forger_id),
        *(block.received_by, state.uniques, state.uniques_round, state.forgers, state.forgers_round),
        *(tip.total_uniques, tip.total_forgers, tip.max_round, compute_block_size(block)),
    )


def _make_rows(
    block: Block, interned: Interned, start: int, packed: Mapping[Tables, PackedNumbers]
) -> Iterable[Params]:
    messages, first_id = block.messages, compute_first_id(block.height) + start
    if isinstance(messages, PackedMessages):
        return packed[messages.tables].generate_rows(messages, first_id)
    return _generate_rows(messages, interned, first_id)


def _generate_rows(messages: Iterable[Message], interned: Interned, first_id: int) -> Iterator[Params]:
    for row_id, m in enumerate(messages, start=first_id):
        signer = interned.signers[interned.addresses[m.sender], m.pubkey]
        recipient, params = interned.addresses[m.recipient], interned.params[m.params]
        yield (row_id, m.txid, m.timestamp, signer, recipient, m.what, params, m.value, m.received)


async def drop_blocks(transaction: Transaction, tip: Tip, to_height: Height) -> tuple[Tip, list[Block]]:
    """Take away the blocks above ``to_height``; the new tip and the blocks, ascending.  Raises
    InvariantBroken for a height that the chain has not, StorageError when some of them are pruned: what
    they counted could not be taken away again."""
    new_tip = await fetch_tip(transaction, to_height)
    if new_tip is None:
        raise InvariantBroken(f"no block {to_height} to go back to; the tip is {tip.state.height}")
    if to_height < tip.state.height:
        check_not_pruned("the ledger", to_height, await get_pruned_below(transaction))
    dropped: list[Block] = []
    headers = await fetch_headers(transaction, to_height + 1, tip.state.height)
    for header in headers:
        dropped.append(await _drop_block(transaction, header))
    await transaction.execute("DELETE FROM messages WHERE id >= ?", (compute_first_id(to_height + 1),))
    await transaction.execute("DELETE FROM blocks WHERE height > ?", (to_height,))
    return new_tip, dropped


async def _drop_block(transaction: Transaction, header: Block) -> Block:
    """Take away what a block counted; the block, of a giant one no more than can go to a mempool again."""
    kept: list[Message] = []
    forged = 1
    async for messages in fetch_messages(transaction, header.height, header.msg_count):
        piece = replace(header, messages=tuple(messages))
        interned = await intern_addresses(transaction, list_addresses([piece]))
        await subtract_tally(transaction, compute_tally([piece], interned.addresses, forged=forged))
        kept += [m for m in messages if len(kept) < MAX_DROPPED_MESSAGES and not has_stand_in(m)]
        forged = 0
    return replace(header, messages=tuple(kept))
