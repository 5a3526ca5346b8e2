"""The hello of a session (spec 2, commands): ``posnet (10 chars) ‖ port (5 digits) ‖ address (34)``.

The port says what a peer is: a registered node its own, a client 00101, a node's one-off command
connection 00000; ports below 1000 are never dialled back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.types import ADDRESS_CHARS, MAX_PORT
from hypernode.wire.tags import RULE

POSNET_CHARS: Final = 10
PORT_DIGITS: Final = 5
HELLO_CHARS: Final = POSNET_CHARS + PORT_DIGITS + ADDRESS_CHARS
CLIENT_PORT: Final = 101
ONE_OFF_PORT: Final = 0
FIRST_DIALABLE_PORT: Final = 1_000
PROTOCOL_VERSION: Final = 1
"""Field 24 of a hello with features."""

# Bits of field 20; two peers use what both announce.  Bit 1 was checked frames with another checksum; it is
# never announced again, so that peers which still have it go on with us in legacy frames.
FEATURE_SIGNED_HELLO: Final = 2
FEATURE_COMPRESSED: Final = 4
FEATURE_CHECKED: Final = 8

FEATURES: Final[Mapping[int, str]] = MappingProxyType(
    {
        FEATURE_SIGNED_HELLO: "signed hello: both prove that they hold the key of their address",
        FEATURE_COMPRESSED: "payloads with blocks begin with a byte that says whether they are compressed",
        FEATURE_CHECKED: "checked frames after the hello exchange; without hello only to who announced it",
    }
)
"""The table of features: every bit that this version has, and announces."""
ANNOUNCED_FEATURES: Final = sum(FEATURES)


@dataclass(frozen=True, slots=True)
class Hello:
    """Who says hello: its posnet, the port that it listens on, its PoS address."""

    posnet: str
    port: int
    address: str

    @property
    def is_client(self) -> bool:
        """A tool, not a node."""
        return self.port == CLIENT_PORT

    @property
    def is_one_off(self) -> bool:
        """A node's connection for a single command."""
        return self.port == ONE_OFF_PORT

    @property
    def is_dialable(self) -> bool:
        return self.port >= FIRST_DIALABLE_PORT


def format_hello(hello: Hello) -> str:
    """The text of a hello.  Raises Reject for one that would not read back."""
    text = f"{hello.posnet}{hello.port:0{PORT_DIGITS}d}{hello.address}"
    if parse_hello(text) != hello:
        raise Reject(RULE, "a hello that cannot be written")
    return text


def parse_hello(text: str) -> Hello:
    """Raises Reject when it is not 49 printable ASCII characters with a port where one belongs."""
    if len(text) != HELLO_CHARS:
        raise Reject(RULE, f"a hello of {len(text)} characters")
    if not text.isascii() or not text.isprintable():
        raise Reject(RULE, "a hello with unprintable characters")
    digits = text[POSNET_CHARS : POSNET_CHARS + PORT_DIGITS]
    if not digits.isdecimal() or int(digits) > MAX_PORT:
        raise Reject(RULE, "a hello without a port")
    return Hello(text[:POSNET_CHARS], int(digits), text[POSNET_CHARS + PORT_DIGITS :])


def get_posnet(text: str) -> str:
    """What a hello says for posnet, whatever else is wrong with it; empty if it is not printable."""
    posnet = text[:POSNET_CHARS]
    return posnet if posnet.isascii() and posnet.isprintable() else ""
