"""The openfield of a registration: ``ip:port:pos_address[,key=value]…`` (spec 5, registration)."""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.core.errors import Reject

_RULE = "5-pow openfield"


@dataclass(frozen=True, slots=True)
class RegistrationText:
    """What an openfield says.  Nothing in it is checked but its form and ``source``."""

    ip: str
    port: str
    pos: str
    reward: str
    reason: str


def parse_extras(openfield: str) -> dict[str, str]:
    """The ``key=value`` texts after the first comma; of equal keys the last one counts.

    Raises Reject when one of them has not exactly one ``=`` (a comma at the end makes an empty one)."""
    extras: dict[str, str] = {}
    for extra in openfield.split(",")[1:]:
        parts = extra.split("=")
        if len(parts) != 2:
            raise Reject(_RULE, f"the extra {extra!r} has not exactly one '='")
        extras[parts[0]] = parts[1]
    return extras


def parse_registration(openfield: str, sender: str) -> RegistrationText:
    """The parts of an openfield.  ``reward=`` defaults to the sender; an empty ``source=`` is none.

    Raises Reject when there are not exactly three parts between colons before the first comma, when
    an extra is malformed, or when ``source=`` is not the sender."""
    parts = openfield.split(",", 1)[0].split(":")
    if len(parts) != 3:
        raise Reject(_RULE, f"expected ip:port:pos_address, got {len(parts)} parts")
    extras = parse_extras(openfield)
    source = extras.get("source", "")
    if source and source != sender:
        raise Reject(_RULE, "the source is not the sender")
    ip, port, pos = parts
    return RegistrationText(ip, port, pos, extras.get("reward", sender), extras.get("reason", ""))
