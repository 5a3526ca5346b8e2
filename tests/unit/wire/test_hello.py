"""Hellos: the text of the vectors, the ports that mean something, and what is refused."""

from __future__ import annotations

import pytest

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.wire.hello import (
    ANNOUNCED_FEATURES,
    FEATURE_CHECKED,
    FEATURE_COMPRESSED,
    FEATURE_SIGNED_HELLO,
    FEATURES,
    Hello,
    format_hello,
    get_posnet,
    parse_hello,
)
from tests.unit.wire.samples import load_cases

ADDRESS = "B9a8v7EeYjyuqBaZydfNFSFWiJNi664Rg2"
HELLOS = [case for case in load_cases("frames.json") if "parsed" in case]


@pytest.mark.parametrize("case", HELLOS, ids=lambda case: case["string_value"])
def test_hellos_of_the_vectors_read_and_write(case: dict[str, str]) -> None:
    hello = parse_hello(case["string_value"])
    assert hello == Hello(**case["parsed"])  # type: ignore[arg-type]
    assert format_hello(hello) == case["string_value"]


@pytest.mark.parametrize(
    ("port", "is_client", "is_one_off", "is_dialable"),
    [
        (101, True, False, False),
        (0, False, True, False),
        (999, False, False, False),
        (1000, False, False, True),
    ],
)
def test_ports_say_what_a_peer_is(port: int, is_client: bool, is_one_off: bool, is_dialable: bool) -> None:
    hello = Hello("posnet0002", port, ADDRESS)
    assert (hello.is_client, hello.is_one_off, hello.is_dialable) == (is_client, is_one_off, is_dialable)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "a hello of 0 characters"),
        (f"posnet000206969{ADDRESS}x", "a hello of 50 characters"),
        (f"posnet0002-6969{ADDRESS}", "a hello without a port"),
        (f"posnet000265536{ADDRESS}", "a hello without a port"),
        (f"posnet000\n06969{ADDRESS}", "a hello with unprintable characters"),
        (f"posnet000²06969{ADDRESS}", "a hello with unprintable characters"),
    ],
)
def test_refused(text: str, reason: str) -> None:
    with pytest.raises(Reject) as caught:
        parse_hello(text)
    assert (caught.value.rule, caught.value.reason) == (Rule.WIRE, reason)


@pytest.mark.parametrize("hello", [Hello("posnet2", 6969, ADDRESS), Hello("posnet0002", 100_000, ADDRESS)])
def test_a_hello_that_would_not_read_back_is_not_written(hello: Hello) -> None:
    with pytest.raises(Reject):
        format_hello(hello)


def test_a_hello_of_another_meaning_is_not_written() -> None:
    with pytest.raises(Reject, match="cannot be written"):
        format_hello(Hello("posnet0002", 100_000, "0" + ADDRESS[2:]))


@pytest.mark.parametrize(
    ("text", "posnet"), [("posnet0009 and more", "posnet0009"), ("", ""), ("\x1b[2J", "")]
)
def test_the_posnet_is_known_whatever_else_is_wrong(text: str, posnet: str) -> None:
    assert get_posnet(text) == posnet


def test_features_are_the_bits_of_the_spec_and_all_are_announced() -> None:
    assert (FEATURE_SIGNED_HELLO, FEATURE_COMPRESSED, FEATURE_CHECKED) == (2, 4, 8)
    assert set(FEATURES) == {FEATURE_CHECKED, FEATURE_SIGNED_HELLO, FEATURE_COMPRESSED}
    assert ANNOUNCED_FEATURES == 14
