"""The openfield of a registration: ``ip:port:pos_address[,key=value]…`` (spec 5, registration)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.registrations.pow_address import has_pos_checksum
from hypernode.core.rules import Rule

MAX_OPENFIELD_CHARS: Final = 100_000
"""The PoW chain cuts what is longer."""
KEPT_CHARS: Final = 1_000
"""Of an openfield that is kept as it stands: an honest one has a hundred or two."""
MAX_PORT_CHARS: Final = 64
"""A longer port is no number, but it counts: an unregister has to name the same one."""
MAX_REASON_CHARS: Final = 200
"""Of a reason, which is only shown."""
_SHOWN_CHARS: Final = 100


@dataclass(frozen=True, slots=True)
class RegistrationText:
    """The parts of an openfield.  Only its form and ``source`` have been checked."""

    ip: str
    port: str
    pos: str
    reward: str
    reason: str


def show(text: str) -> str:
    """A text of anybody's as it stands in a reason: quoted, its end left out where it is long."""
    return repr(text if len(text) <= _SHOWN_CHARS else f"{text[:_SHOWN_CHARS]}…")


def shorten_openfield(openfield: str, sender: str) -> tuple[str, str]:
    """An openfield that says the same, and nothing; or the beginning of one that says nothing, and why.
    So that 100,000 rows of 100,000 characters are not all held.  A PoS address that could be registered
    stays whole: the list has it, whatever its length."""
    if len(openfield) <= KEPT_CHARS:
        return openfield, ""
    try:
        text = parse_registration(openfield, sender)
    except Reject as reject:
        return openfield[:KEPT_CHARS], reject.reason
    # what is so long is no ip and no Bismuth address, cut or not; a PoS address it can be
    ip, reward, reason = (part[:MAX_REASON_CHARS] for part in (text.ip, text.reward, text.reason))
    pos = text.pos
    if len(pos) > MAX_REASON_CHARS and not has_pos_checksum(pos):
        pos = f"{pos[:MAX_REASON_CHARS]}…"
    return f"{ip}:{text.port}:{pos},reward={reward},reason={reason}", ""


def parse_extras(openfield: str) -> dict[str, str]:
    """The ``key=value`` texts after the first comma; of equal keys the last one counts.

    Raises Reject when one of them has not exactly one ``=`` (a comma at the end makes an empty one)."""
    extras: dict[str, str] = {}
    for extra in openfield.split(",")[1:]:
        parts = extra.split("=")
        if len(parts) != 2:
            raise Reject(Rule.OPENFIELD, f"the extra {show(extra)} has not exactly one '='")
        extras[parts[0]] = parts[1]
    return extras


def parse_registration(openfield: str, sender: str) -> RegistrationText:
    """The parts of an openfield.  ``reward=`` defaults to the sender; an empty ``source=`` is none.

    Raises Reject when there are not exactly three parts between colons before the first comma, when
    an extra is malformed, or when ``source=`` is not the sender."""
    parts = openfield.split(",", 1)[0].split(":")
    if len(parts) != 3:
        raise Reject(Rule.OPENFIELD, f"expected ip:port:pos_address, got {len(parts)} parts")
    extras = parse_extras(openfield)
    source = extras.get("source", "")
    if source and source != sender:
        raise Reject(Rule.OPENFIELD, "the source is not the sender")
    ip, port, pos = parts
    if len(port) > MAX_PORT_CHARS:
        digest = hashlib.sha256(port.encode("utf-8", "replace")).hexdigest()
        port = f"{port[:16]}#{digest}"[:MAX_PORT_CHARS]
    return RegistrationText(ip, port, pos, extras.get("reward", sender), extras.get("reason", ""))
