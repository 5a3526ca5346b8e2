"""What is done to a ledger and a journal until the power goes, and what has to be there after it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

from hypernode.core.fork_choice import is_better
from hypernode.core.rules import Rule
from hypernode.core.types import Block, Round, Slot
from hypernode.ports.chain import ToleratedViolation
from hypernode.storage.journal import SqliteJournal
from hypernode.storage.ledger import SqliteLedger
from tests.unit.storage.chains import GENESIS, NETWORK, block, message

SHORT: Final = replace(NETWORK, keep_rounds=1, message_age_s=1, slot_s=1, future_allowed_s=0)
"""Main's genesis, and little that pruning has to keep."""
SLOTS: Final = 4
"""Of a round here: so that chains of some twenty blocks have rounds that can be pruned."""
MAX_BLOCKS: Final = 60
"""A chain as long as this goes back by half: checking counts all of it."""

Place = tuple[Round, Slot]


def list_findings(blocks: Iterable[Block]) -> list[ToleratedViolation]:
    """Every other block here comes with a finding, as its hash has it."""
    return [
        ToleratedViolation(b.height, b.block_hash, Rule.B6, "by chance")
        for b in blocks
        if b.block_hash[0] % 2
    ]


@dataclass(slots=True)
class Expected:
    """What has to be there: what was acknowledged; and what was under way, which may be there or not."""

    blocks: list[Block] = field(default_factory=lambda: [GENESIS])
    blocks_under_way: list[Block] | None = None
    signed: dict[Place, bytes] = field(default_factory=dict)
    signing: tuple[Place, bytes] | None = None
    findings: set[ToleratedViolation] = field(default_factory=set)
    """Of all blocks that were ever acknowledged, whether they are still there or not."""

    def begin_blocks(self, blocks: list[Block]) -> None:
        """The chain is about to become this one."""
        self.blocks_under_way = blocks

    def end_blocks(self, *, adopted: bool = True) -> None:
        """It is acknowledged that it did, or did not."""
        if adopted and self.blocks_under_way is not None:
            self.expect(self.blocks_under_way)
        self.blocks_under_way = None

    def expect(self, blocks: list[Block]) -> None:
        """This is the chain."""
        self.blocks = blocks
        self.findings |= set(list_findings(blocks[1:]))  # genesis came with none

    def begin_signing(self, place: Place, block_hash: bytes) -> None:
        self.signing = (place, block_hash)

    def end_signing(self) -> None:
        if self.signing is not None:
            self.signed[self.signing[0]] = self.signing[1]
        self.signing = None

    def list_chains(self) -> list[list[Block]]:
        """The chains that may be there."""
        return [self.blocks, *([] if self.blocks_under_way is None else [self.blocks_under_way])]

    def list_journals(self) -> list[dict[Place, bytes]]:
        """What the journal may hold."""
        journals = [self.signed]
        if self.signing is not None:
            journals.append({**self.signed, self.signing[0]: self.signing[1]})
        return journals


class Worker:
    """Digests, swaps, rolls back, prunes and journals, by chance; ``done`` counts it."""

    def __init__(
        self,
        ledger: SqliteLedger,
        journal: SqliteJournal,
        expected: Expected,
        random: Random,
        done: Counter[str],
    ) -> None:
        self._ledger, self._journal = ledger, journal
        self._expected, self._random, self._done = expected, random, done

    async def step(self) -> None:
        """One thing."""
        if len(self._expected.blocks) > MAX_BLOCKS:
            await self._roll_back(MAX_BLOCKS // 2)
        steps = (self._digest,) * 4 + (self._swap, self._go_back, self._prune, self._sign, self._sign)
        await self._random.choice(steps)()

    async def _digest(self) -> None:
        blocks = self._expected.blocks
        made = self._make(blocks[-1], self._random.choice((1, 1, 1, 3)))
        self._expected.begin_blocks([*blocks, *made])
        await self._ledger.append_many(made, list_findings(made))
        self._expected.end_blocks()
        self._done["digested"] += 1

    async def _swap(self) -> None:
        blocks = self._expected.blocks
        common = self._choose_common(5)
        made = self._make(blocks[common], self._random.randrange(1, 6))
        self._expected.begin_blocks([*blocks[: common + 1], *made])
        outcome = await self._ledger.replace(common, made, is_better, list_findings(made))
        self._expected.end_blocks(adopted=outcome.adopted)
        self._done["swapped" if outcome.adopted else "not better"] += 1

    async def _go_back(self) -> None:
        await self._roll_back(self._random.randrange(4))

    async def _roll_back(self, count: int) -> None:
        blocks = self._expected.blocks
        height = max(0, len(blocks) - 1 - count, self._ledger.get_pruned_below() - 1)
        self._expected.begin_blocks(blocks[: height + 1])
        await self._ledger.rollback(height)
        self._expected.end_blocks()
        self._done["rolled back"] += 1

    async def _prune(self) -> None:
        count = await self._ledger.prune(len(self._expected.blocks))
        self._done["pruned" if count else "nothing to prune"] += 1

    async def _sign(self) -> None:
        place = (self._expected.blocks[-1].round, len(self._expected.signed))
        block_hash = self._random.randbytes(20)
        self._expected.begin_signing(place, block_hash)
        await self._journal.record(*place, block_hash)
        self._expected.end_signing()
        self._done["journalled"] += 1

    def _choose_common(self, depth: int) -> int:
        height = len(self._expected.blocks) - 1
        return max(0, height - self._random.randrange(depth), self._ledger.get_pruned_below() - 1)

    def _make(self, parent: Block, count: int) -> list[Block]:
        made = [parent]
        for number in range(count):
            below, salt = made[-1], self._random.getrandbits(64)
            size = self._random.choice((0, 4, 12, 150))
            last = below.sir >= SLOTS - 1
            round_, sir = (below.round + 1, 0) if last else (below.round, below.sir + 1)
            messages = [
                message((salt, i), f"s{self._random.randrange(9)}", f"r{i % 5}", params=f"{salt}")
                for i in range(size)
            ]
            made.append(block(below, round_, sir, f"f{number}", messages, salt))
        return made[1:]
