"""Ports of a simulated host that need no network: a signer, a verifier in line, files in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import TypeVar

from hypernode.core.address import compute_address
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Violation
from hypernode.core.signing import compute_pubkey, is_valid_signature, sign
from hypernode.core.types import Message
from hypernode.core.validate_message import find_core_violations, list_signature_checks
from hypernode.ports.signing import SignatureCheck
from hypernode.wire.spool import MemorySpool, Spool

T = TypeVar("T")

MAX_VERDICTS = 50_000
"""Verdicts that are remembered: some rounds of a large network, 25 MB."""


class KeySigner:
    """Implements ``ports.signing.Signer`` over a private key; real signatures."""

    def __init__(self, privkey: bytes, address_byte: int) -> None:
        self._privkey = privkey
        self.pubkey = compute_pubkey(privkey)
        self.address = compute_address(self.pubkey, address_byte)

    def sign(self, buffer: bytes) -> bytes:
        return sign(self._privkey, buffer)


class InlineVerifier:
    """Implements ``ports.signing.Verifier`` at once, where it is asked: threads would not replay.  Hosts of
    one process share its verdicts: a message that twenty nodes get is verified once."""

    def __init__(self) -> None:
        self._verdicts: dict[tuple[SignatureCheck, bool], bool] = {}

    async def verify(self, checks: Sequence[SignatureCheck], *, allow_long_ids: bool) -> list[bool]:
        return [self._verify(check, allow_long_ids) for check in checks]

    async def find_core_violations(
        self, params: ChainParams, messages: Sequence[Message]
    ) -> list[Violation | None]:
        checks = [SignatureCheck(*triple) for triple in list_signature_checks(messages)]
        return find_core_violations(params, messages, await self.verify(checks, allow_long_ids=params.mixed))

    async def run(self, work: Callable[[], T], /) -> T:
        return work()

    def get_checker(self) -> None:
        """In line: the verdicts would not be shared."""
        return

    def _verify(self, check: SignatureCheck, allow_long_ids: bool) -> bool:
        verdict = self._verdicts.get((check, allow_long_ids))
        if verdict is None:
            verdict = is_valid_signature(
                check.pubkey, check.signature, check.buffer, allow_long_ids=allow_long_ids
            )
            if len(self._verdicts) >= MAX_VERDICTS:
                self._verdicts.clear()
            self._verdicts[check, allow_long_ids] = verdict
        return verdict


class MemoryFiles:
    """Implements ``ports.files.Files``; survives a crash of the node."""

    def __init__(self) -> None:
        self._contents: dict[str, bytes] = {}

    def read(self, name: str) -> bytes | None:
        return self._contents.get(name)

    def write(self, name: str, content: bytes) -> None:
        self._contents[name] = content

    async def write_parts(self, name: str, parts: AsyncIterator[bytes]) -> None:
        self._contents[name] = b"".join([part async for part in parts])

    def remove(self, name: str) -> None:
        self._contents.pop(name, None)

    def make_spool(self) -> Spool:
        return MemorySpool()

    def list_names(self) -> list[str]:
        """What there is."""
        return sorted(self._contents)


def no_metrics() -> Mapping[str, object]:
    """A simulated node has no process of its own to measure."""
    return {}
