"""What the node needs of the world, as protocols: the daemon and the simulation each bring their own.

Time and chance come in here (``Clock``, ``Entropy``), bytes through ``Transport``, the chain through
``Ledger``, the companion through ``PowSource``.  Waiting is asyncio's own: in a simulation the loop
runs on virtual time, so ``asyncio.sleep`` and ``asyncio.timeout`` do too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeVar

from hypernode.core.colours import Colours
from hypernode.core.params import Network
from hypernode.core.types import (
    Block,
    ChainHeight,
    Equivocation,
    Height,
    Kpis,
    Message,
    PowHeight,
    Registration,
    Round,
    RoundPlan,
    Slot,
)
from hypernode.wire.spool import Spool

T = TypeVar("T")


class Clock(Protocol):
    """The only source of time."""

    def now(self) -> float:
        """Wall clock, unix seconds."""
        ...

    def monotonic(self) -> float:
        """Seconds that never step."""
        ...


class Entropy(Protocol):
    """The only source of chance."""

    def token(self, size: int) -> bytes:
        """``size`` random bytes."""
        ...

    def below(self, limit: int) -> int:
        """A random integer from 0 to ``limit`` - 1."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An IP address (text) and a TCP port."""

    ip: str
    port: int


class TransportClosed(ConnectionError):
    """The stream is closed, by us, by the peer or by the network."""


class Transport(Protocol):
    """A connected stream of bytes."""

    @property
    def remote(self) -> Endpoint: ...

    @property
    def is_gone(self) -> bool:
        """Whether the stream is closed, or its peer closed its end, which may show here before anybody reads
        it."""
        ...

    async def read_some(self, max_bytes: int) -> bytes:
        """At least one byte, as soon as there is one.  Raises TransportClosed at the end."""
        ...

    async def write(self, data: bytes) -> None:
        """Returns when the bytes may be forgotten here.  Raises TransportClosed."""
        ...

    def close(self) -> None:
        """Ends the stream; whoever reads or writes gets TransportClosed."""
        ...


class Listener(Protocol):
    """A listening port."""

    @property
    def endpoint(self) -> Endpoint: ...

    async def close(self) -> None:
        """Stops accepting.  Sessions that are under way go on."""
        ...


class Connections(Protocol):
    """Where transports come from."""

    async def connect(self, remote: Endpoint, source_ip: str | None, timeout_s: float) -> Transport:
        """Raises TransportClosed when refused or unreachable, TimeoutError after ``timeout_s``."""
        ...

    def has_address(self, ip: str) -> bool:
        """Whether this host has an address now, so that one can dial from it."""
        ...

    async def listen(
        self, local: Endpoint, on_connection: Callable[[Transport], Awaitable[None]]
    ) -> Listener:
        """Port 0 takes a free one.  Every connection gets a task of its own that ``on_connection``
        lives in; the stream is closed when it returns."""
        ...


class Signer(Protocol):
    """Our key."""

    @property
    def address(self) -> str: ...

    @property
    def pubkey(self) -> bytes: ...

    def sign(self, buffer: bytes) -> bytes:
        """A 64-byte signature (spec 1) with low s."""
        ...


@dataclass(frozen=True, slots=True)
class SignatureCheck:
    """One signature to verify: ``signature`` of ``buffer`` by ``pubkey``."""

    pubkey: bytes
    signature: bytes
    buffer: bytes


class Offload(Protocol):
    """Runs pure work that would hold the event loop up (``Verifier.run``)."""

    async def __call__(self, work: Callable[[], T], /) -> T: ...


class Verifier(Protocol):
    """Pure work that takes long: outside the event loop and on all cores in the daemon, in line in a
    simulation."""

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        """One verdict each, in order; a malformed key or signature is False, never an exception."""
        ...

    async def find_faults(self, network: Network, messages: Sequence[Message]) -> list[str]:
        """Why each message of a block breaks M1, M2 or M3, in order; empty where it breaks none."""
        ...

    async def run(self, work: Callable[[], T], /) -> T:
        """What ``work`` returns, or raises; it must touch nothing that others change."""
        ...


class AlreadySigned(Exception):
    """The journal holds another hash for this slot."""


class StorageTrouble(Exception):
    """The disk refuses for now (full, read only, failing, in use): words for the operator.  What was asked
    did not happen, or is not known to have happened; it can be tried again."""


class StorageBroken(StorageTrouble):
    """The stored data is damaged: no later try helps."""


class Journal(Protocol):
    """What we signed, durably, before it leaves us (spec 4: a node never signs twice for a slot).  Every call
    may raise StorageTrouble."""

    async def record(self, round_: Round, sir: Slot, block_hash: bytes) -> None:
        """On disk when it returns.  The same hash again is fine; raises AlreadySigned for another."""
        ...

    async def get_hash(self, round_: Round, sir: Slot) -> bytes | None:
        """What was signed for the slot."""
        ...

    async def get_last(self) -> tuple[Round, Slot] | None:
        """The latest slot that was signed for; None for a new journal."""
        ...

    async def check_writable(self) -> None:
        """Raises StorageTrouble when nothing can be recorded at present."""
        ...


@dataclass(frozen=True, slots=True)
class PowStatus:
    """The companion at a glance.  ``problem`` is empty when it is in sync, else words for the operator;
    ``remarks`` are what else an operator should know: registrations left out, weights that legacy nodes may
    see otherwise, what this source cannot tell."""

    source: str
    height: PowHeight
    timestamp: float
    block_hash: str
    problem: str = ""
    remarks: tuple[str, ...] = ()


class PowNotReady(Exception):
    """The companion cannot answer yet (late, busy, missing): words for the operator."""


@dataclass(frozen=True, slots=True)
class RegisteredList:
    """The list for a round: entries in order, the PoW height that it was derived at, the PoS addresses out of
    it that the control address has voided, and its coloured lists at that height.  ``weights``: what each
    entry's balance gives there, in order; None where only weights at registration can be had."""

    round: Round
    pow_height: PowHeight
    entries: tuple[Registration, ...]
    voided: tuple[str, ...] = ()
    colours: Colours = ()
    weights: tuple[int, ...] | None = None


class PowSource(Protocol):
    """The companion's chain, read only (spec 5)."""

    async def get_status(self, now: float) -> PowStatus:
        """Never raises: trouble is in ``problem``."""
        ...

    async def get_registered(self, round_: Round) -> RegisteredList:
        """registered(R) of spec 3.  Raises PowNotReady."""
        ...

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """56 characters each, in order.  Raises PowNotReady."""
        ...

    async def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Replacement:
    """Outcome of ``Ledger.replace``: whether it happened, the measured height of the other branch,
    and the messages that our blocks had and the other branch has not."""

    adopted: bool
    measured: ChainHeight
    dropped_messages: tuple[Message, ...] = ()
    dropped_blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Finding:
    """A break of a rule that was tolerated when its block was taken."""

    height: Height
    block_hash: bytes
    rule: str
    reason: str


class Lane(Enum):
    """Whose questions about the chain: each has readers of its own, and neither those of the node itself."""

    PEERS = "of hypernodes that count, and of the operator"
    STRANGERS = "of everybody else"


class ChainReader(Protocol):
    """What can be asked of the chain in storage; each call sees one moment of it.  Every call may raise
    StorageTrouble."""

    async def get_block(self, height: Height) -> Block | None: ...

    async def get_block_of_slot(self, round_: Round, sir: Slot) -> Block | None:
        """The header (no messages) of the block of a slot."""
        ...

    async def get_headers_of_rounds(self, rounds: Iterable[Round]) -> list[Block]:
        """The headers of all blocks of some rounds, ascending."""
        ...

    async def get_blocks(self, first: Height, count: int) -> list[Block]:
        """Ascending, whole, as many as there are."""
        ...

    async def get_round_blocks(self, round_: Round) -> list[Block]: ...

    async def get_block_sizes(self, first: Height, count: int) -> list[tuple[Height, int]]:
        """Height and encoded bytes (``core.encoded_size``) of blocks from ``first`` on, ascending, as many as
        there are; reads no message."""
        ...

    async def get_round_block_sizes(self, round_: Round) -> list[tuple[Height, int]]:
        """The same for all blocks of a round."""
        ...

    def read_encoded(self, height: Height) -> AsyncIterator[bytes]:
        """The encoded block of a height (``wire.codec``), as many bytes as ``get_block_sizes`` says, in
        pieces of some 256 KiB, so that a giant block is never held; nothing where there is none.  Raises
        Ignore when it goes meanwhile."""
        ...

    async def get_headers(self, first: Height | None, count: int) -> list[Block]:
        """From ``first`` ascending; None: the newest, descending.  Without messages."""
        ...

    async def get_height_at(self, height: Height) -> ChainHeight | None:
        """The measures as they were with that block as tip."""
        ...

    async def get_message(self, txid: bytes) -> Message | None: ...

    async def get_messages_of(
        self,
        address: str,
        from_height: Height = 0,
        count: int = 100,
        *,
        is_ascending: bool = False,
        first_txid: bytes | None = None,
    ) -> list[Message]:
        """Sent or received, heights ascending; times within one descending, or ascending (spec 2).
        ``first_txid``: what comes before this message in the block at ``from_height`` is left out."""
        ...

    async def get_messages_of_kind(self, what: int, from_height: Height) -> list[Message]:
        """As they came in the blocks from that height on."""
        ...

    async def get_known_ids(self, txids: Iterable[bytes], up_to: Height | None = None) -> frozenset[bytes]:
        """Those of ``txids`` that are in the chain (in blocks of at most ``up_to``, if given)."""
        ...

    async def get_reference(self, round_: Round, up_to: Height | None = None) -> tuple[Height, bytes]:
        """Height and hash of the last block of a round before ``round_`` (spec 3, reference hash)."""
        ...

    async def get_seen(self, round_: Round, up_to: Height | None = None) -> frozenset[str]:
        """Addresses that forged a block of the round or sent a message that is in one."""
        ...

    async def get_kpis(self, first_round: Round, last_round: Round) -> dict[str, Kpis]:
        """Spec 7, both rounds included; those with an entry only."""
        ...

    async def get_first_rounds(self, last_round: Round) -> tuple[dict[str, Round], dict[str, Round]]:
        """By address, the first round up to ``last_round`` in which it sent, and in which it forged."""
        ...

    async def get_forged_count(self, address: str) -> int: ...

    async def get_plan(self, round_: Round) -> RoundPlan | None: ...

    async def make_of_blocks(
        self, first: Height, count: int, most_bytes: int, make: Callable[[Block], T]
    ) -> list[T]:
        """What ``make`` gives for blocks from ``first`` on, ascending: as many as there are of ``count``,
        ending before their encoded sizes are over ``most_bytes`` but with one at least.  No more than one
        block is held at a time; ``make`` is pure and may run in another thread."""
        ...


class Ledger(ChainReader, Protocol):
    """The chain in storage.  One writer; a call that changes it is one transaction.  Every call may raise
    StorageTrouble; then the chain is as it was.  Its own questions are those of the node's judging."""

    def get_height(self) -> ChainHeight:
        """The state of the chain, held in memory: costs nothing."""
        ...

    def get_reader(self, lane: Lane) -> ChainReader:
        """For questions of others."""
        ...

    async def append(self, block: Block, findings: Sequence[Finding] = ()) -> ChainHeight:
        """Store a verified block on the tip.  Raises InvariantBroken when it does not follow it.

        ``findings``, here and below: the tolerated breaks of what is stored, kept to be shown (spec 4,
        classes).  They are there with their blocks or not at all."""
        ...

    async def append_many(self, blocks: Sequence[Block], findings: Sequence[Finding] = ()) -> ChainHeight:
        """Several whole blocks in one transaction."""
        ...

    async def replace(
        self,
        common: Height,
        blocks: Sequence[Block],
        is_better: Callable[[ChainHeight, ChainHeight], bool],
        findings: Sequence[Finding] = (),
    ) -> Replacement:
        """Drop what is above ``common``, store ``blocks``, measure; keep it only if
        ``is_better(measured, ours)``, else leave everything as it was.  One transaction.  Findings of
        blocks that go stay: they were taken once."""
        ...

    async def rollback(self, to_height: Height) -> tuple[Block, ...]:
        """Drop the blocks above ``to_height``, highest first, and return them."""
        ...

    async def save_plan(self, plan: RoundPlan) -> None:
        """Keep what was derived for a round; a later one of the same round replaces it."""
        ...

    async def save_status(self, round_: Round, status: Mapping[str, object]) -> None:
        """The node's own status of a finished round."""
        ...

    async def get_status(self, round_: Round) -> Mapping[str, object] | None: ...

    async def save_evidence(self, evidence: Equivocation) -> None: ...

    async def get_evidence(self) -> list[Equivocation]: ...

    async def get_findings(self, first: Height, last: Height) -> list[Finding]:
        """Tolerated breaks in blocks of these heights, ascending."""
        ...

    async def count_findings(self) -> dict[str, int]:
        """Tolerated breaks by rule."""
        ...

    def get_pruned_below(self) -> Height:
        """Blocks from 1 to the one before this height have lost their messages; 0: none has."""
        ...

    async def check_writable(self) -> None:
        """Raises StorageTrouble when nothing can be stored at present."""
        ...

    async def close(self) -> None: ...


class Files(Protocol):
    """Files of the data folder beside the ledger: small ones (the saved mempool), and what was cut off the
    chain."""

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all.  Raises OSError."""
        ...

    async def write_parts(self, name: str, parts: AsyncIterator[bytes]) -> None:
        """The parts one after another, for what is too large to be held; whole or not at all.  Raises
        OSError."""
        ...

    def remove(self, name: str) -> None:
        """Also when there is none.  Raises OSError."""
        ...

    def make_spool(self) -> Spool:
        """A file without a name, for what is too large to be held; it goes with the last who holds it.
        Raises OSError."""
        ...
