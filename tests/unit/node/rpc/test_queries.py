"""The text parameters of queries (spec 2, commands)."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import Ignore
from hypernode.node.rpc.queries import (
    DEFAULT_HEADERS,
    MAX_HEADERS,
    AddressQuery,
    HeadersQuery,
    HypernodesQuery,
    check_height,
    parse_address_query,
    parse_headers,
    parse_hypernodes,
)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", HeadersQuery(None, DEFAULT_HEADERS)),
        ("None", HeadersQuery(None, DEFAULT_HEADERS)),
        (",7", HeadersQuery(None, 7)),
        ("0,7", HeadersQuery(0, 7)),
        ("12,99999", HeadersQuery(12, MAX_HEADERS)),
    ],
)
def test_getheaders(text: str, query: HeadersQuery) -> None:
    assert parse_headers(text) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("a", AddressQuery("a")),
        (" a ", AddressQuery("a")),
        ("a , 5 ", AddressQuery("a", 5)),
        ("a,5", AddressQuery("a", 5)),
        ("a,123456789", AddressQuery("a", 123_456_789)),
        ("a,1234567890", AddressQuery("a", from_txid=bytes.fromhex("1234567890"))),
    ],
)
def test_getaddtxs_takes_short_texts_for_heights_and_long_ones_for_ids(
    text: str, query: AddressQuery
) -> None:
    assert parse_address_query(text) == query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (None, HypernodesQuery()),
        ("", HypernodesQuery()),
        ("1", HypernodesQuery("1")),
        ("1,2,3", HypernodesQuery("1", 2, 3)),
        ("0,2,3", HypernodesQuery("0", 2, 3)),
        ("2", HypernodesQuery("2")),
        ("2,0,3", HypernodesQuery("2", 0, 3)),
        (" 2 , 0, 3 ", HypernodesQuery("2", 0, 3)),
        (" ", HypernodesQuery()),
    ],
)
def test_gethypernodes(text: str | None, query: HypernodesQuery) -> None:
    assert parse_hypernodes(text) == query


@pytest.mark.parametrize("height", [None, -1, -(2**31)])
def test_a_height_is_there_and_not_negative(height: int | None) -> None:
    assert check_height(0) == 0
    with pytest.raises(Ignore):
        check_height(height)


@given(st.text(max_size=40) | st.text("0123,", max_size=16))
def test_any_text_is_a_query_within_its_bounds_or_closes(text: str) -> None:
    with contextlib.suppress(Ignore):
        headers = parse_headers(text)
        assert 0 <= headers.count <= MAX_HEADERS
        assert headers.first is None or headers.first >= 0
    with contextlib.suppress(Ignore):
        messages = parse_address_query(text)
        assert messages.address == text.split(",")[0].strip()
        assert messages.from_height is None or messages.from_height >= 0
    with contextlib.suppress(Ignore):
        hypernodes = parse_hypernodes(text)
        assert hypernodes.form in ("", "0", "1", "2")
        assert all(round_ is None or round_ >= 0 for round_ in (hypernodes.first, hypernodes.last))
