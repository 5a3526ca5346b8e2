"""Blocks judged one after another, each on top of those before it (spec 4, a valid block).

``prepare`` does what needs no chain: the one true cut, and the messages verified on all cores.  A
``BlockValidator`` does the rest for one chain and one origin: it asks the ledger once for what all of its
blocks need, derives the lists of a round once, and remembers the keys of forgers.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from hypernode.core.block import encode_raw_block, normalise_block
from hypernode.core.errors import Reject
from hypernode.core.long_messages import LongMessages, is_short
from hypernode.core.packed_messages import PackedMessages, list_txids
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Rule, Violation
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Block, Height, Message, Round, RoundPlan
from hypernode.core.validate_block import (
    BlockContext,
    HeadContext,
    Origin,
    find_forger_key,
    is_refused,
    validate_block,
    validate_head,
    validate_juror,
    validate_shape,
)
from hypernode.core.validate_message import find_core_violations
from hypernode.mempool.pool import Mempool
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.node.chain.spooled_blocks import is_giant, list_pieces, take_out
from hypernode.ports.chain import Ledger, ToleratedViolation
from hypernode.ports.clock import Clock
from hypernode.ports.signing import Verifier

T = TypeVar("T")

MAX_KEYS = 1_024
"""Keys of forgers that are remembered: every hypernode of a large network."""
USUAL_MESSAGE_BYTES = 1_000
"""Encoded, of one whose params are as long as ours may be, several times over."""
MAX_PART_MESSAGES = 4_000
"""Messages of whole blocks that are verified together, and stored together when we catch up: larger parts
cost no less each, and hold the event loop up for longer."""

FIRST_PART_MESSAGES = 128
"""Of a pushed block verified first: 4 ms of one core."""
PART_GROWTH = 8
"""The next part is so much larger: four parts for the largest block, so that an honest one loses no time."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """A block from outside with its fields normalised, and by txid which of M1 to M3 some of its messages
    break."""

    block: Block
    bad_messages: Mapping[bytes, Violation]


class BlockRejected(Reject):
    """A block of a branch breaks a rule; ``height`` says which block."""

    def __init__(self, fault: Reject, height: Height) -> None:
        super().__init__(fault.rule, fault.reason, fault.cost)
        self.height = height


async def prepare(
    params: ChainParams, verifier: Verifier, mempool: Mempool, blocks: Sequence[Block]
) -> list[Prepared]:
    """Cut and verify the messages of some blocks.  What the mempool holds was verified when it came, and so
    was what is packed."""
    prepared: list[Prepared] = []
    for part in split_blocks(blocks, MAX_PART_MESSAGES):
        faults = [block.messages.faults for block in part if isinstance(block.messages, PackedMessages)]
        if len(faults) == len(part):
            prepared += [Prepared(block, bad) for block, bad in zip(part, faults, strict=True)]
            continue
        if isinstance(part[0].messages, LongMessages):
            prepared += [await _prepare_long(params, verifier, mempool, block) for block in part]
            continue
        cut = [normalise_block(params, block) for block in part]
        unverified = [[m for m in block.messages if not mempool.holds(m)] for block in cut]
        found = iter(await verifier.find_core_violations(params, [m for ms in unverified for m in ms]))
        prepared += [
            Prepared(block, {m.txid: broken for m in messages if (broken := next(found)) is not None})
            for block, messages in zip(cut, unverified, strict=True)
        ]
    return prepared


async def _prepare_long(params: ChainParams, verifier: Verifier, mempool: Mempool, block: Block) -> Prepared:
    """The same for one whose messages are not held; the first that is bad is enough to know."""
    cut = normalise_block(params, block)
    async for piece in list_pieces(cut, verifier.run):
        messages = [m for m in piece if not mempool.holds(m)]
        if all(map(is_short, messages)):
            found = await verifier.find_core_violations(params, messages)
        else:
            found = await verifier.run(partial(find_core_violations, params, messages))
        bad = {m.txid: broken for m, broken in zip(messages, found, strict=True) if broken is not None}
        if bad:
            return Prepared(cut, bad)
    return Prepared(cut, {})


async def prepare_until_fault(
    params: ChainParams, verifier: Verifier, mempool: Mempool, block: Block
) -> Prepared:
    """As ``prepare`` for one block, of which nobody needs to know more than one bad message: parts of growing
    size are verified, and the first that has one is the last."""
    cut = normalise_block(params, block)
    left = [message for message in cut.messages if not mempool.holds(message)]
    size = FIRST_PART_MESSAGES
    while left:
        part, left = left[:size], left[size:]
        found = await verifier.find_core_violations(params, part)
        bad = {m.txid: broken for m, broken in zip(part, found, strict=True) if broken is not None}
        if bad:
            return Prepared(cut, bad)
        size *= PART_GROWTH
    return Prepared(cut, {})


def split_blocks(blocks: Sequence[Block], most: int) -> Iterator[list[Block]]:
    """The blocks in parts, in order: a part ends where its messages reach ``most``, and where those that are
    held and those that are not meet."""
    part: list[Block] = []
    messages = 0
    for block in blocks:
        if part and isinstance(block.messages, LongMessages) != isinstance(part[0].messages, LongMessages):
            yield part
            part, messages = [], 0
        part.append(block)
        messages += _weigh(block.messages)
        if messages >= most:
            yield part
            part, messages = [], 0
    if part:
        yield part


def _weigh(messages: Sequence[Message]) -> int:
    """How many messages of usual size these are as much as."""
    if isinstance(messages, LongMessages):
        return max(len(messages), messages.encoded_bytes // USUAL_MESSAGE_BYTES)
    return len(messages)


def list_findings(block: Block, tolerated: Sequence[Violation]) -> list[ToleratedViolation]:
    """What the ledger keeps of the breaks with which a block is taken."""
    return [
        ToleratedViolation(block.height, block.block_hash, violation.rule, violation.reason)
        for violation in tolerated
    ]


class ForgerKeys:
    """Public keys of forgers by address.  A key is recovered from a signature once, which costs twice what
    verifying does, and then known."""

    def __init__(self, params: ChainParams, limit: int = MAX_KEYS) -> None:
        self._params = params
        self._limit = limit
        self._keys: OrderedDict[str, bytes] = OrderedDict()

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, block: Block) -> bytes | None:
        """The key of the block's forger, known or out of its signature; None if that is not the forger's."""
        key = self._keys.get(block.forger)
        if key is None:
            try:
                key = find_forger_key(self._params, block, encode_raw_block(block))
            except Reject:  # it cannot be written down, so nobody signed it
                key = None
        if key is not None:
            self._keys[block.forger] = key
            self._keys.move_to_end(block.forger)
            if len(self._keys) > self._limit:
                self._keys.popitem(last=False)
        return key


class BlockValidator:
    """Validates blocks on top of ``history``.  ``majority_holds``: most of the counted peers in sight hold
    the branch that the blocks are fetched from."""

    def __init__(
        self,
        params: ChainParams,
        clock: Clock,
        verifier: Verifier,
        rounds: Rounds,
        keys: ForgerKeys,
        history: History,
        origin: Origin,
        *,
        majority_holds: bool = False,
    ) -> None:
        self._params = params
        self._clock = clock
        self._verifier = verifier
        self._rounds = rounds
        self._keys = keys
        self._origin = origin
        self._majority_holds = majority_holds
        self._lists: dict[Round, tuple[RoundPlan, frozenset[str]]] = {}
        self.history = history

    @classmethod
    async def at(
        cls,
        params: ChainParams,
        clock: Clock,
        verifier: Verifier,
        ledger: Ledger,
        rounds: Rounds,
        keys: ForgerKeys,
        height: Height,
        origin: Origin,
        *,
        majority_holds: bool = False,
    ) -> BlockValidator:
        """For blocks on top of our block of that height."""
        history = await History.at(ledger, height)
        return cls(params, clock, verifier, rounds, keys, history, origin, majority_holds=majority_holds)

    async def judge(self, prepared: Prepared) -> tuple[Violation, ...]:
        """Every rule; the breaks that are tolerated.  Raises Reject for the first that is not."""
        block = await take_out(prepared.block, self._verifier.run)
        self._check_round(block)
        plan, senders = await self._get_lists(block.round)
        context = BlockContext(
            parent=self.history.tip,
            juror=plan.juror_of(block.sir),
            registered=senders,
            known_ids=await self._get_known_ids(block),
            slot_taken=await self.history.is_slot_taken(block.round, block.sir),
            now=self._clock.now(),
            bad_messages=prepared.bad_messages,
            forger_pubkey=await self._run(block, partial(self._keys.find, block)),
        )
        work = partial(validate_block, self._params, block, context, self._origin, self._majority_holds)
        return await self._run(block, work)

    async def _run(self, block: Block, work: Callable[[], T]) -> T:
        """Off the event loop, where the block is a giant one."""
        return await self._verifier.run(work) if is_giant(block) else work()

    async def _get_known_ids(self, block: Block) -> frozenset[bytes]:
        if not is_giant(block):
            return await self.history.get_known_ids(list_txids(block.messages))
        known: set[bytes] = set()
        async for piece in list_pieces(block, self._verifier.run):
            known |= await self.history.get_known_ids(message.txid for message in piece)
        return frozenset(known)

    async def check_juror(self, header: Block) -> None:
        """Rule 6, for a block of which no message was looked at.  Raises Reject also for a round that has no
        list, PowNotReady."""
        self._check_round(header)
        plan, _ = await self._get_lists(header.round)
        validate_juror(self._params, header, plan.juror_of(header.sir), self._origin)

    async def check_head(self, block: Block) -> None:
        """Rules 1 to 6, which need none of its messages but their ids.  Raises Reject, PowNotReady."""
        self._check_round(block)
        plan, _ = await self._get_lists(block.round)
        context = HeadContext(
            parent=self.history.tip,
            juror=plan.juror_of(block.sir),
            now=self._clock.now(),
            forger_pubkey=self._keys.find(block),
        )
        validate_head(self._params, block, context, self._origin)

    def check_shape(self, block: Block) -> None:
        """Rules 7 to 9, and what of 10, 14 and 15 shows without a message's signature.  Raises Reject,
        Ignore."""
        validate_shape(self._params, block, self._origin)

    def push(self, block: Block) -> None:
        """The next block is judged on top of this one."""
        self.history.push(block)
        # The lists of a later round follow from it.
        for round_ in [round_ for round_ in self._lists if round_ > block.round]:
            del self._lists[round_]

    async def _get_lists(self, round_: Round) -> tuple[RoundPlan, frozenset[str]]:
        """The plan of a round, and whose messages it takes."""
        known = self._lists.get(round_)
        if known is None:
            plan = await self._rounds.derive(round_, self.history)
            known = self._lists[round_] = plan, await self._rounds.get_allowed_senders(plan)
        return known

    def _check_round(self, block: Block) -> None:
        """Rules 2 and 3 as far as they bear on the round, before its list is derived: there is none for a
        round to come, and an ancient one is dear."""
        now = self._clock.now()
        if block.round > compute_round_slot(self._params, now + self._params.future_allowed_s)[0]:
            raise Reject(Rule.B3, "its round has not begun")
        early = Violation(Rule.B2, "its round is before the parent's")
        if block.round < self.history.tip.round and is_refused(
            self._params, block, early, self._origin, self._majority_holds
        ):
            raise Reject.of(early)
