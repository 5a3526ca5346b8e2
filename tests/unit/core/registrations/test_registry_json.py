"""The registry as JSON, and what is none."""

from __future__ import annotations

import pytest

from hypernode.core.registrations.registry import RegistryState
from hypernode.core.registrations.registry_json import decode_state, encode_state
from hypernode.core.types import Registration


def test_a_state_survives_json() -> None:
    entry = Registration("c", "10.0.0.1", "٣", "p ", "r", -3, 1535718085.55)
    state = RegistryState((entry,), ("p ", "q"))
    assert decode_state(encode_state(state), "here") == state


@pytest.mark.parametrize(
    "text",
    [
        "no json",
        "[]",
        '{"entries": [], "voids": [1]}',
        '{"entries": {}, "voids": []}',
        '{"entries": [{"ip": "1"}], "voids": []}',
        encode_state(RegistryState((Registration("c", "i", "p", "q", "r", 1),))).replace(
            '"weight": 1', '"weight": "1"'
        ),
        encode_state(RegistryState((Registration("c", "i", "p", "q", "r", 1),))).replace(
            '"ip": "i"', '"ip": 7'
        ),
        encode_state(RegistryState(tuple(Registration(c, "i", c, "q", c, 1) for c in "cd"))),
    ],
)
def test_what_is_no_state_is_refused_by_name(text: str) -> None:
    with pytest.raises(ValueError, match=r"^state\.json: "):
        decode_state(text, "state.json")
