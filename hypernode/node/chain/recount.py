"""The measures of a chain counted anew, block by block (spec 1, height): what the stored ones must equal.

Independent of how storage keeps them: for each address the first round that it sent or forged in; ``uniques``
of a chain are those with a first round before its last block's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hypernode.core.types import Block, ChainHeight, Round

FirstRounds = dict[str, Round]
"""By address."""


@dataclass(slots=True)
class Recount:
    """Counts a chain from genesis, or from where ``senders`` and ``forgers`` come from."""

    senders: FirstRounds = field(default_factory=dict)
    forgers: FirstRounds = field(default_factory=dict)
    max_round: Round = -1
    _round: Round = -1
    _round_senders: set[str] = field(default_factory=set)
    _round_forgers: set[str] = field(default_factory=set)
    _uniques: int = 0
    _forgers: int = 0

    def take_totals(self, senders: FirstRounds, forgers: FirstRounds, round_: Round) -> None:
        """Who took part up to a round, of which the blocks themselves cannot be counted."""
        self.senders.update(senders)
        self.forgers.update(forgers)
        self.max_round = round_

    def needs_round(self, round_: Round) -> bool:
        """Whether ``begin_round`` has to be told the blocks of a round before one of it is added: the chain
        comes back to a round, or counting begins within it."""
        return round_ != self._round and round_ <= self.max_round

    def begin_round(self, round_: Round, blocks: Iterable[Block] = ()) -> None:
        """The next blocks are of ``round_``; ``blocks`` are those of it so far."""
        self._round = round_
        self._round_senders, self._round_forgers = set(), set()
        for block in blocks:
            self._count(block)
        self._uniques = _count_before(self.senders, round_, self.max_round)
        self._forgers = _count_before(self.forgers, round_, self.max_round)
        self.max_round = max(self.max_round, round_)

    def add(self, block: Block) -> ChainHeight:
        """The measures with ``block`` as tip."""
        if block.round != self._round:
            self.begin_round(block.round)
        self._count(block)
        return ChainHeight(
            block.height,
            block.round,
            block.sir,
            block.block_hash,
            uniques=self._uniques,
            uniques_round=len(self._round_senders),
            forgers=self._forgers,
            forgers_round=len(self._round_forgers),
        )

    def _count(self, block: Block) -> None:
        if block.height == 0:
            return
        senders = {message.sender for message in block.messages}
        self._round_senders |= senders
        self._round_forgers.add(block.forger)
        for first, addresses in ((self.senders, senders), (self.forgers, {block.forger})):
            for address in addresses:
                if first.get(address, block.round) >= block.round:
                    first[address] = block.round


def _count_before(first: Mapping[str, Round], round_: Round, max_round: Round) -> int:
    if round_ > max_round:
        return len(first)
    return sum(1 for earliest in first.values() if earliest < round_)
