"""A network as a file: what it needs, and errors that name file, field and what was expected."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.params import networks
from hypernode.core.params.chain_params import Delays, FixedHypernode
from hypernode.core.params.network_file import NetworkFileError, network_from_json, network_to_json
from tests.unit.core.builders import MIXED, OWN, get_address


def to_dict(**fields: Any) -> dict[str, Any]:
    """A network of our own as the object of a file, with other fields."""
    values: dict[str, Any] = json.loads(network_to_json(OWN))
    return {**values, **fields}


def find_fault(**fields: Any) -> str:
    """The error of a file with these fields."""
    with pytest.raises(NetworkFileError) as refused:
        network_from_json(json.dumps(to_dict(**fields)), "net.json")
    return str(refused.value)


def test_a_file_needs_only_what_has_no_default() -> None:
    given = {
        "name": "side",
        "mixed": False,
        "address_byte": 0x55,
        "magic": "B1534E01",
        "posnet": "sidenet001",
        "origin_of_time": 1_700_000_000,
        "control_pow": "control",
        "control_pos": get_address(OWN, 0),
        "slot_s": 18,
    }
    params = network_from_json(json.dumps(given), "net.json")
    assert params.default_tunables.posnet_allow == ("sidenet001",)
    assert params.delays == Delays().scaled(18)
    assert params.min_active == networks.mainnet().min_active


def test_given_delays_count_and_the_others_scale() -> None:
    params = network_from_json(json.dumps(to_dict(delays={"grace_s": 7})), "net.json")
    assert params.delays == replace(Delays().scaled(6), grace_s=7.0)


def test_a_fixed_list_of_hypernodes_is_read() -> None:
    pos = get_address(OWN, 3)
    params = network_from_json(
        json.dumps(to_dict(hypernodes=[{"pos": pos, "ip": "127.0.0.1", "port": 16969}])), "net.json"
    )
    assert params.hypernodes == (FixedHypernode(pos, "127.0.0.1", 16969, 1),)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"slot": 6}, "unknown field 'slot'; did you mean 'slots'?"),
        ({"xyzzy": 6}, "unknown field 'xyzzy'"),
        ({"slot_s": "6"}, "slot_s: expected a whole number, not '6'"),
        ({"slot_s": True}, "slot_s: expected a whole number, not True"),
        ({"slot_s": 0}, "slot_s: expected at least 1, not 0"),
        ({"min_active": -1}, "min_active: expected at least 0, not -1"),
        ({"mixed": 1}, "mixed: expected true or false, not 1"),
        ({"collateral_from_round": "0"}, "collateral_from_round: expected a whole number, not '0'"),
        ({"collateral_from_round": -1}, "collateral_from_round: expected at least 0, not -1"),
        ({"name": None}, "name: expected a text of ASCII, not None"),
        ({"magic": "xyz"}, "magic: expected hexadecimal text, not 'xyz'"),
        ({"magic": "71534e19"}, "magic: expected 4 bytes, the first above 7f"),
        ({"magic": "b1"}, "magic: expected 4 bytes"),
        ({"posnet": "short"}, "posnet: expected 10 characters, not 'short'"),
        ({"posnet_allow": "devnet0001"}, "posnet_allow: expected a list"),
        ({"reference": "other"}, "reference: expected one of 'round', 'legacy', not 'other'"),
        ({"genesis": []}, "genesis: expected one of 'main', 'derived'"),
        ({"address_byte": 0}, "address_byte: expected one whose addresses have 34 characters, not 0"),
        ({"control_pos": get_address(MIXED, 0)}, "control_pos: expected an address of the network"),
        ({"port": 70000}, "port: expected 1 to 65535, not 70000"),
        ({"test_kinds": []}, "test_kinds: expected at least one"),
        ({"delays": {"grace": 1}}, "delays: unknown field 'grace'; did you mean 'grace_s'?"),
        ({"delays": {"grace_s": "1"}}, "delays: grace_s: expected a number, not '1'"),
        ({"delays": {"grace_s": -1}}, "grace_s: expected at least 0, not -1"),
        ({"delays": 5}, "delays: expected an object"),
        ({"exceptions": [[5]]}, "exceptions: expected a list of 2"),
        ({"hypernodes": [{"pos": "x", "ip": "1", "port": 1}]}, "hypernodes[0].pos: expected an address"),
        (
            {"hypernodes": [{"pos": get_address(OWN, 0), "ip": "1", "port": 0}]},
            "hypernodes[0].port: expected 1 to 65535, not 0",
        ),
        ({"hypernodes": [{"pos": "x"}]}, "hypernodes: missing 'ip', 'port'"),
    ],
)
def test_errors_name_file_field_and_what_was_expected(fields: dict[str, Any], words: str) -> None:
    assert find_fault(**fields).startswith(f"net.json: {words}")


def test_a_missing_field_is_named() -> None:
    given = to_dict()
    del given["control_pos"], given["posnet"], given["posnet_allow"]
    with pytest.raises(NetworkFileError, match="missing 'posnet', 'control_pos'"):
        network_from_json(json.dumps(given), "net.json")


@pytest.mark.parametrize("text", ["", "{", "[]", "5", "[" * 100_000])
def test_what_is_no_object_of_json_is_refused(text: str) -> None:
    with pytest.raises(NetworkFileError, match=r"^net\.json: "):
        network_from_json(text, "net.json")
