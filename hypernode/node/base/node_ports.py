"""The ports that a node lives on, in one value: the daemon and the simulation fill it differently."""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.ports.chain import Ledger
from hypernode.ports.clock import Clock, Entropy
from hypernode.ports.connections import Connections
from hypernode.ports.files import Files
from hypernode.ports.journal import Journal
from hypernode.ports.registrations import FeedReader, PowSource
from hypernode.ports.signing import Signer, Verifier


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside the node that it may touch."""

    clock: Clock
    entropy: Entropy
    connections: Connections
    signer: Signer
    verifier: Verifier
    ledger: Ledger
    journal: Journal
    pow_source: PowSource
    files: Files
    feed: FeedReader | None = None
    """Of the companion's ledger, where that is what we read."""
