"""Our key, and the work of verifying others' signatures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Violation
from hypernode.core.types import Block, Message, Timestamp

T = TypeVar("T")


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
    """Runs pure work that would block the event loop (``Verifier.run``)."""

    async def __call__(self, work: Callable[[], T], /) -> T: ...


class BlockChecker(Protocol):
    """Decodes, cuts and verifies the blocks of a long answer (``wire.checked_blocks``), elsewhere."""

    async def __call__(
        self, params: ChainParams, payload: bytes, received: Timestamp, /
    ) -> tuple[Block, ...]:
        """The blocks of a payload whose tags were walked; ``received`` in unix seconds.  Raises Reject for
        what is no command."""
        ...


class Verifier(Protocol):
    """Pure work that takes long: in the daemon outside the event loop and on all cores, in a simulation in
    line."""

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        """One verdict each, in order; a malformed key or signature is False, never an exception."""
        ...

    async def find_core_violations(
        self, params: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        """The first of M1, M2 and M3 that each message of a block breaks, in order; None where it breaks
        none."""
        ...

    async def run(self, work: Callable[[], T], /) -> T:
        """What ``work`` returns, or raises; it must touch nothing that others change."""
        ...

    def get_checker(self) -> BlockChecker | None:
        """For answers with many messages; None where they are decoded and verified in line."""
        ...
