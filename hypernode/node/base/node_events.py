"""What the parts of a node have to tell, as one protocol that each gets when it is made."""

from __future__ import annotations

from typing import Protocol

from hypernode.core.errors import InvariantBroken
from hypernode.core.types import Block, Equivocation, Height
from hypernode.ports.storage_faults import StorageFault


class NodeEvents(Protocol):
    """Who hears of what happens in the node.  A part calls it where the thing happens; no call raises, and
    none but ``on_own_block`` waits."""

    def on_tip(self) -> None:
        """Our chain has another tip."""

    def on_block(self, block: Block) -> None:
        """A block came on top of our chain; of a giant one a part, with the messages that are short."""

    async def on_own_block(self, block: Block) -> None:
        """A valid block of ours, by its signature, that the journal does not know.  Raises StorageFault."""

    def on_evidence(self, evidence: Equivocation) -> None:
        """Two blocks of one forger for one slot, stored as evidence already."""

    def on_cut(self, first: Height, last: Height, name: str, why: str) -> None:
        """Blocks of ours from ``first`` to ``last`` are dropped, ``why`` in words; the file ``name`` keeps
        them."""

    def on_height(self) -> None:
        """A peer reported a height that it had not reported before."""

    def on_storage_fault(self, fault: StorageFault) -> None:
        """Something could not be read or stored while a question was answered."""

    def on_bug(self, bug: InvariantBroken) -> None:
        """Our own fault: nothing may be forged or taken any more."""
