"""A ``RegistryState`` as JSON, kept from round to round."""

from __future__ import annotations

import json
from dataclasses import fields
from typing import Final

from hypernode.core.registrations.registry import RegistryState
from hypernode.core.types import Registration

_NAMES: Final = tuple(sorted(field.name for field in fields(Registration)))
_UNIQUE: Final = ("collateral", "ip", "pos")
"""Rules 4 to 6 of spec 5."""
_TEXTS: Final = ("collateral", "ip", "port", "pos", "reward")


def encode_state(state: RegistryState) -> str:
    """JSON (ASCII) of a state; ``decode_state`` gives it back."""
    entries = [{name: getattr(entry, name) for name in _NAMES} for entry in state.entries]
    return json.dumps({"entries": entries, "voids": list(state.voids)})


def decode_state(text: str, source: str) -> RegistryState:
    """The state that was encoded.  Raises ValueError naming ``source`` and what was expected."""
    try:
        parsed = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{source}: not JSON ({error})") from None
    if not isinstance(parsed, dict) or set(parsed) != {"entries", "voids"}:
        raise ValueError(f"{source}: expected an object of 'entries' and 'voids'")
    entries, voids = parsed["entries"], parsed["voids"]
    if not isinstance(entries, list) or not isinstance(voids, list):
        raise ValueError(f"{source}: expected lists 'entries' and 'voids'")
    if not all(isinstance(pos, str) for pos in voids):
        raise ValueError(f"{source}: expected texts in 'voids'")
    decoded = tuple(_decode_entry(entry, source) for entry in entries)
    for name in _UNIQUE:
        if len({getattr(entry, name) for entry in decoded}) < len(decoded):
            raise ValueError(f"{source}: expected no two entries with one {name}")
    return RegistryState(decoded, tuple(voids))


def _decode_entry(entry: object, source: str) -> Registration:
    if not isinstance(entry, dict) or entry.keys() != set(_NAMES):
        raise ValueError(f"{source}: expected entries with {', '.join(_NAMES)}")
    if not all(isinstance(entry[name], str) for name in _TEXTS):
        raise ValueError(f"{source}: expected texts for {', '.join(_TEXTS)}")
    if type(entry["weight"]) is not int or type(entry["timestamp"]) not in (int, float):
        raise ValueError(f"{source}: expected numbers for weight and timestamp")
    return Registration(**entry)
