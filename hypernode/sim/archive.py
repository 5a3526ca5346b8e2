"""Every block that any host of a simulation stored, judged anew by all rules on top of its own branch.

It shares no code with the nodes beyond the pure rules themselves, and asks no ledger: history, lists and
measures are counted from the blocks.  So a node that leaves out a check, or counts wrong, stands out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.block import create_genesis, to_header
from hypernode.core.lottery import compute_round_plan
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Violation
from hypernode.core.types import Block, ChainHeight, Registration, Round, RoundPlan
from hypernode.core.validate_block import BlockContext, find_violations
from hypernode.core.validate_message import check_messages
from hypernode.ports.chain import Ledger
from hypernode.ports.registrations import PowSource

LOOK_BACK: Final = 24
"""Headers that are asked for at a time, until one is known."""


@dataclass(frozen=True, slots=True)
class Filed:
    """A block with what follows from it: who it is by, what it breaks, and the measures of its chain."""

    header: Block
    parent: Filed | None
    txids: frozenset[bytes]
    senders: frozenset[str]
    breaks: tuple[Violation, ...]
    measured: ChainHeight

    def walk(self) -> Iterator[Filed]:
        """This block and those below it, down to genesis."""
        filed: Filed | None = self
        while filed is not None:
            yield filed
            filed = filed.parent


class Archive:
    """Blocks by hash.

    ``pow_source``: one that is never late; ``list_former``: sources that show the companions' chain as it was
    before each rollback.  Nodes that derived a round's list before keep it for the round, so that either list
    makes a block right."""

    def __init__(
        self,
        params: ChainParams,
        pow_source: PowSource,
        list_former: Callable[[], Sequence[PowSource]] = tuple,
    ) -> None:
        self._params = params
        self._pow = pow_source
        self._list_former = list_former
        genesis = create_genesis(params)
        measured = ChainHeight(0, genesis.round, genesis.sir, genesis.block_hash, forgers_round=1)
        root = Filed(to_header(genesis), None, frozenset(), frozenset(), (), measured)
        self.root = root
        self._filed = {genesis.block_hash: root}
        self._plans: dict[tuple[object, ...], RoundPlan] = {}

    def get(self, block_hash: bytes) -> Filed:
        return self._filed[block_hash]

    async def file(self, ledger: Ledger) -> Filed:
        """Take what is new in a ledger; returns its tip.  Raises ValueError at a loose block."""
        tip = ledger.get_height()
        unknown_from = await self._find_unknown(ledger, tip.height)
        for block in await ledger.get_blocks(unknown_from, tip.height - unknown_from + 1):
            await self.file_block(block)
        return self._filed[tip.block_hash]

    async def file_block(self, block: Block) -> Filed:
        """Take a block, if it is new.  Raises ValueError for a loose one."""
        known = self._filed.get(block.block_hash)
        if known is None:
            parent = self._filed.get(block.previous_hash)
            if parent is None:
                raise ValueError(f"block {block.height} follows nothing that is known")
            known = self._filed[block.block_hash] = await self._judge(parent, block)
        return known

    async def _find_unknown(self, ledger: Ledger, tip: int) -> int:
        """The lowest height whose block is new."""
        first = tip + 1
        while first > 0:
            low = max(0, first - LOOK_BACK)
            for header in reversed(await ledger.get_headers(low, first - low)):
                if header.block_hash in self._filed:
                    return header.height + 1
            first = low
        return 0

    async def _judge(self, parent: Filed, block: Block) -> Filed:
        """By the present lists, and where these make it wrong by former ones."""
        filed = await self._judge_by(self._pow, parent, block)
        for former in self._list_former() if filed.breaks else ():
            by_former = await self._judge_by(former, parent, block)
            if len(by_former.breaks) < len(filed.breaks):
                filed = by_former
        return filed

    async def _judge_by(self, pow_source: PowSource, parent: Filed, block: Block) -> Filed:
        txids = frozenset(message.txid for message in block.messages)
        senders = frozenset(message.sender for message in block.messages)
        plan, registered = await self._derive(pow_source, parent, block.round)
        known: set[bytes] = set()
        is_taken = False
        for below in parent.walk():
            known |= txids & below.txids
            is_taken = is_taken or (below.header.round, below.header.sir) == (block.round, block.sir)
        context = BlockContext(
            parent=parent.header,
            juror=plan.juror_of(block.sir),
            registered=registered,
            known_ids=known,
            slot_taken=is_taken and parent.header.height > 0,
            bad_messages=check_messages(self._params, block.messages),
        )
        breaks = find_violations(self._params, block, context)
        measured = _measure(parent, block, senders)
        return Filed(to_header(block), parent, txids, senders, breaks, measured)

    async def _derive(
        self, pow_source: PowSource, parent: Filed, round_: Round
    ) -> tuple[RoundPlan, frozenset[str]]:
        registered = await pow_source.get_registered(round_)
        before: tuple[Registration, ...] = (await pow_source.get_registered(round_ - 1)).entries
        reference = next(filed for filed in parent.walk() if filed.header.round < round_)
        seen: set[str] = set()
        for filed in parent.walk():
            if filed.header.round < round_ - 1:
                break
            if filed.header.round == round_ - 1:
                seen |= {filed.header.forger, *filed.senders}
        key = (round_, reference.header.block_hash, registered.entries, registered.pow_height)
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = compute_round_plan(
                self._params,
                self._params.default_tunables.tests_per_slot,
                round_,
                registered=registered.entries,
                registered_before=before,
                seen_before=frozenset(seen),
                reference_hash=reference.header.block_hash,
                pow_height=registered.pow_height,
                voided=registered.voided,
            )
        addresses = {entry.pos for entry in (*registered.entries, *before)}
        return plan, frozenset(addresses | {self._params.control_pos})


def _measure(parent: Filed, block: Block, senders: frozenset[str]) -> ChainHeight:
    """Distinct senders and forgers after genesis: of earlier rounds, and of the block's own."""
    before: tuple[set[str], set[str]] = set(), set()
    here: tuple[set[str], set[str]] = set(senders), {block.forger}
    for filed in parent.walk():
        if filed.header.height:
            counted = here if filed.header.round == block.round else before
            counted[0].update(filed.senders)
            counted[1].add(filed.header.forger)
    return ChainHeight(
        block.height,
        block.round,
        block.sir,
        block.block_hash,
        uniques=len(before[0]),
        uniques_round=len(here[0]),
        forgers=len(before[1]),
        forgers_round=len(here[1]),
    )
