"""The data of the network: messages, blocks, heights, registrations, and what a round is made of.

Everything here is frozen, and construction does no work: parsing, hashing and judging are functions
of the neighbouring modules.  Shapes and limits are those of spec 1 (data), 3 (rounds) and 5 (PoW).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

Height: TypeAlias = int
"""Number of a block on the PoS chain; 0 is genesis."""

PowHeight: TypeAlias = int
"""Number of a block on the companion's chain; mirror rows carry negative ones."""

Round: TypeAlias = int
"""Number of a round since the network's origin of time."""

Slot: TypeAlias = int
"""Slot in round ("sir"): 0 to slots - 1 have a juror, the closing ones have none."""

Timestamp: TypeAlias = int
"""Seconds since 1970, as written into messages and blocks (uint32)."""

HASH_BYTES = 20
ID_BYTES = 64
"""Bytes of a signature, which is a message's id (txid)."""
MAX_ID_BYTES = 96
"""The longest id that some legacy nodes seal (spec 1, keys and signatures)."""
PUBKEY_BYTES = 64
ADDRESS_CHARS = 34
UINT32_MAX = 0xFFFFFFFF


@dataclass(frozen=True, slots=True)
class Message:
    """A transaction of the PoS chain (spec 1, message).  ``txid`` is the signature; ``block_height``
    is 0 in a mempool and not signed; ``received`` (unix s: when this node got it, 0 for what it wrote itself)
    is local and never on the wire: messages that differ in nothing else are equal."""

    txid: bytes
    block_height: Height
    timestamp: Timestamp
    sender: str
    recipient: str
    what: int
    params: str
    value: int
    pubkey: bytes
    received: Timestamp = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """A block (spec 1, block).  A header is a block whose ``messages`` are empty while ``msg_count``
    is not; ``received_by`` is local and empty.  ``messages`` are a tuple, or ``LongMessages`` where they are
    too much to be held."""

    height: Height
    round: Round
    sir: Slot
    timestamp: Timestamp
    previous_hash: bytes
    messages: Sequence[Message]
    msg_count: int
    uniques_sources: int
    signature: bytes
    block_hash: bytes
    forger: str
    received_by: str = ""


@dataclass(frozen=True, slots=True)
class ChainHeight:
    """The state of a chain as told to peers (spec 1, height): its last block, and the measures of how
    many took part.  ``uniques`` and ``forgers`` count blocks after genesis of rounds before the last
    block's; the ``*_round`` measures count the last block's round."""

    height: Height
    round: Round
    sir: Slot
    block_hash: bytes
    uniques: int = 0
    uniques_round: int = 0
    forgers: int = 0
    forgers_round: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """A hypernode on the list that the PoW ledger yields (spec 5, registration).  ``port`` is text as
    registered; ``weight`` may be 0 or below; ``timestamp`` is that of its row."""

    collateral: str
    ip: str
    port: str
    pos: str
    reward: str
    weight: int
    timestamp: float = 0.0


@dataclass(frozen=True, slots=True)
class Juror:
    """Who holds a slot: a PoS address and the ticket that won it."""

    address: str
    ticket: int


@dataclass(frozen=True, slots=True)
class PeerTest:
    """One test of the plan: ``tester`` tests ``tested`` (PoS addresses), ``kind`` 0 to 4."""

    tester: str
    tested: str
    kind: int


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """All that follows for a round from the registrations and the chain before it (spec 3).

    ``registered`` is in list order; ``inactive`` and ``voided`` are PoS addresses out of it.
    ``jurors`` has one entry per slot with a juror, or none at all where no weight is positive.
    ``tests`` has one tuple per slot that has a juror."""

    round: Round
    pow_height: PowHeight
    reference_hash: bytes
    registered: tuple[Registration, ...]
    inactive: tuple[str, ...] = ()
    voided: tuple[str, ...] = ()
    jurors: tuple[Juror, ...] = ()
    tests: tuple[tuple[PeerTest, ...], ...] = ()

    def juror_of(self, sir: Slot) -> str | None:
        """Address of the slot's juror; None in a closing slot and in a round without jurors."""
        return self.jurors[sir].address if 0 <= sir < len(self.jurors) else None


@dataclass(frozen=True, slots=True)
class Kpis:
    """Key performance indicators of one hypernode over a span of rounds (spec 7)."""

    forged: int = 0
    sources: int = 0
    start_count: int = 0
    no_tests_sent: int = 0
    ok_tests_sent: int = 0
    ko_tests_sent: int = 0
    ok_actions_received: int = 0
    ko_actions_received: int = 0


@dataclass(frozen=True, slots=True)
class Equivocation:
    """Evidence: two signed headers of one forger for one slot (spec 4)."""

    first: Block
    second: Block
    seen_at: Timestamp = field(default=0, compare=False)


MAX_PORT: Final = 65_535
"""The highest TCP port."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address (text) and a TCP port."""

    ip: str
    port: int
