"""Two blocks of one forger for one slot: shown, and reported (111) until the report is in the chain.

A report waits in the mempool, which a crash loses; the evidence is in the ledger.  So at the start of each
round what has no report of ours yet is said again, while the slot is of the last rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from hypernode.core import kinds
from hypernode.core.block import to_header
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Equivocation, Height, Round
from hypernode.mempool.pool import Mempool
from hypernode.node.base.node_state import NodeState
from hypernode.node.duty.reporter import Reporter
from hypernode.ports.chain import EvidenceStore, MessageIndex

MAX_SHOWN: Final = 100
"""Cases in the status, and all that can be reported again: those of the last rounds."""


class EvidenceLedger(EvidenceStore, MessageIndex, Protocol):
    """The evidence that is stored, and what is said of it in blocks."""


@dataclass(slots=True)
class EvidenceWatch:
    """Puts the stored evidence into the node's state, where the status finds it."""

    params: ChainParams
    own_address: str
    ledger: EvidenceLedger
    node_state: NodeState
    mempool: Mempool
    reporter: Reporter
    warn: Callable[[str], None]

    async def load(self) -> None:
        """Load the evidence from before our start."""
        self.node_state.set_evidence(_to_headers(case) for case in await self.ledger.get_evidence())

    def note(self, evidence: Equivocation) -> None:
        """Note a new case that is stored already; it is to be reported."""
        self.node_state.set_evidence([*self.node_state.evidence, _to_headers(evidence)][-MAX_SHOWN:])
        self.warn(f"{evidence.first.forger} signed two blocks for slot {evidence.first.sir}")

    async def report_again(self, round_: Round) -> None:
        """Publish the reports that are not in the chain or on their way."""
        recent = [
            case for case in self.node_state.evidence if case.first.round >= round_ - self.params.keep_rounds
        ]
        if not recent:
            return
        said = await self._list_said(min(case.first.height for case in recent))
        for case in recent:
            if format_report(case) not in said:
                await self.reporter.publish_equivocation(case)

    async def _list_said(self, first: Height) -> set[str]:
        """Params of our own reports, in the chain from a height on or on their way into it."""
        stored = await self.ledger.get_messages_of_kind(kinds.EQUIVOCATION, first)
        own = self.own_address
        said = [*stored, *(m for m in self.mempool.get_all() if m.what == kinds.EQUIVOCATION)]
        return {message.params for message in said if message.sender == own}


def format_report(case: Equivocation) -> str:
    """The params of its report."""
    first, second = case.first, case.second
    return kinds.format_equivocation(first.round, first.sir, first.block_hash, second.block_hash)


def _to_headers(case: Equivocation) -> Equivocation:
    """What is shown and reported of it: the blocks may be large, and there may be many."""
    return replace(case, first=to_header(case.first), second=to_header(case.second))
