"""``addresses.json``: addresses of keys, and which texts are addresses (spec 1, address)."""

from __future__ import annotations

from hypernode.core.address import compute_address, validate_address
from hypernode.core.errors import Reject
from hypernode.core.hashing import h20
from hypernode.core.registrations.pow_address import find_pos_violation
from hypernode.core.rules import Rule
from hypernode.core.signing import compute_pubkey
from hypernode.core.types import ADDRESS_CHARS
from hypernode.vectors.outcome import Agree, Differs, DiffersAsDocumented, Json, Outcome, compare_fields

_BY_NETWORK = "address_"
"""Keys like ``address_19``: the address on the network of that byte."""


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind valid, ascii_pubkey_test or validate."""
    if case["kind"] == "validate":
        return _validate(case)
    if case["kind"] == "ascii_pubkey_test":
        return compare_fields(_select_addresses(case), _compute_addresses(case, case["input_ascii"].encode()))
    pubkey = compute_pubkey(bytes.fromhex(case["privkey"]))
    got = {"pubkey": pubkey.hex(), "hash20": h20(pubkey).hex(), **_compute_addresses(case, pubkey)}
    expected = {name: value for name, value in case.items() if name in got}
    return compare_fields(expected, got)


def _select_addresses(case: Json) -> dict[str, object]:
    return {name: value for name, value in case.items() if name.startswith(_BY_NETWORK)}


def _compute_addresses(case: Json, pubkey: bytes) -> dict[str, object]:
    names = _select_addresses(case)
    return {name: compute_address(pubkey, int(name.removeprefix(_BY_NETWORK), 16)) for name in names}


def _validate(case: Json) -> Outcome:
    """Legacy takes a good checksum over any payload; we want exactly 34 characters and 25 bytes."""
    address, address_byte = case["address"], case["network"]
    if not case.get("quick_match", True) and find_pos_violation(address, address_byte) is None:
        return Differs("not the form of an address", "a registration could have it")
    expected = case.get("hash", "") if case["result"] == "ok" else "refused"
    try:
        got = validate_address(address, address_byte).hex()
    except Reject as reject:
        if case["result"] != "ok":
            return Agree()
        lenient = find_pos_violation(address, address_byte) is None
        if lenient and len(address) != ADDRESS_CHARS:
            return DiffersAsDocumented(Rule.DATA, reject.reason, expected, "refused")
        return Differs(expected, str(reject))
    return Agree() if got == expected else Differs(expected, got)
