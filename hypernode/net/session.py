"""What both sides of a session have in common: its counters, its hello, and the framing that follows it."""

from __future__ import annotations

from hypernode.net.stream import CommandStream
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import (
    FEATURE_CHECKED,
    FEATURE_COMPRESSED,
    PROTOCOL_VERSION,
    Hello,
    format_hello,
)


class SessionTraffic:
    """How many bytes went over a session's stream, and when the last one did."""

    _stream: CommandStream

    @property
    def last_used(self) -> float:
        """Monotonic seconds when a byte last came or went."""
        return self._stream.last_used

    @property
    def bytes_received(self) -> int:
        return self._stream.bytes_received

    @property
    def bytes_sent(self) -> int:
        return self._stream.bytes_sent


def make_hello(
    hello: Hello,
    features: int,
    *,
    nonce: bytes | None = None,
    pubkey: bytes | None = None,
    proof: bytes | None = None,
) -> Command:
    """The command that says ``hello`` and ``features``; a hello without features has the form that legacy
    nodes know, without a version."""
    return Command(
        CommandId.HELLO,
        string=format_hello(hello),
        features=features or None,
        version=PROTOCOL_VERSION if features else None,
        nonce=nonce,
        pubkey=pubkey,
        proof=proof,
    )


def switch_framing(framing: Framing, features: int) -> None:
    """Frame what follows the hello as the features that both sides have ask for (spec 2, frames)."""
    if features & FEATURE_CHECKED and framing.mode is not Mode.CHECKED:
        framing.switch_to_checked()
    if features & FEATURE_COMPRESSED:
        framing.switch_to_packed()
