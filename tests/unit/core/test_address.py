import pytest

from hypernode.core.address import (
    compute_address,
    encode_address,
    is_address_byte,
    is_valid_address,
    validate_address,
)
from hypernode.core.errors import Reject
from hypernode.core.hashing import h4, h20
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import Rule
from tests.unit.core.builders import get_pubkey

MAIN = mainnet().address_byte
CONTROL = mainnet().control_pos


def test_address_of_a_key_holds_the_hash_of_the_key() -> None:
    address = compute_address(get_pubkey(0), MAIN)
    assert len(address) == 34
    assert address.startswith("B")
    assert validate_address(address, MAIN) == h20(get_pubkey(0))


def test_address_of_the_test_byte_begins_with_a_small_b() -> None:
    assert compute_address(get_pubkey(0), 0x55).startswith("b")


def test_checksum_is_no_prefix_of_the_longer_hash() -> None:
    assert h4(b"x") != h20(b"x")[:4]


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        (CONTROL[:-1], "34 letters"),
        (CONTROL + "1", "34 letters"),
        (CONTROL[:-1] + " ", "34 letters"),
        (CONTROL + "\n", "34 letters"),
        (CONTROL[:-1] + "é", "34 letters"),
        (CONTROL[:-1] + "0", "base58"),
        (CONTROL[:-1] + "1", "checksum"),
        ("1" * 34, "decodes to"),
        (encode_address(bytes(20), 0x55), "network 0x55"),
    ],
)
def test_what_is_no_address_is_refused_with_the_reason(address: str, reason: str) -> None:
    assert not is_valid_address(address, MAIN)
    with pytest.raises(Reject, match=reason) as refused:
        validate_address(address, MAIN)
    assert refused.value.rule == Rule.DATA


def test_control_address_of_main_is_valid() -> None:
    assert is_valid_address(CONTROL, MAIN)


@pytest.mark.parametrize(("address_byte", "fits"), [(0x19, True), (0x55, True), (0, False), (255, False)])
def test_network_bytes_are_those_that_give_34_characters(address_byte: int, fits: bool) -> None:
    assert is_address_byte(address_byte) is fits
    both = {len(encode_address(payload, address_byte)) for payload in (bytes(20), b"\xff" * 20)}
    assert (both == {34}) is fits
