"""The text parameters of queries, as legacy nodes read them (spec 2, commands): spaces around a part are none
of it.

A malformed one closes the connection there, and so here: ``Ignore`` says that, without blame.
"""

from __future__ import annotations

from dataclasses import dataclass

from hypernode.core.errors import Ignore
from hypernode.core.rules import Rule
from hypernode.core.types import Height, Round

DEFAULT_HEADERS = 20
MAX_HEADERS = 1_000
"""Headers in one answer: 0.2 MB, below the 2 MiB an answer may have."""


@dataclass(frozen=True, slots=True)
class HeadersQuery:
    """``first`` None: the newest, descending; else ascending from there."""

    first: Height | None
    count: int


def parse_headers(text: str) -> HeadersQuery:
    """``""``, ``None`` or ``,n``: newest first; ``start,n``: ascending."""
    if text.strip() in ("", "None"):
        return HeadersQuery(None, DEFAULT_HEADERS)
    start, comma, count = (part.strip() for part in text.partition(","))
    if not comma:
        raise Ignore(Rule.WIRE, "getheaders takes 'start,count' or ',count'")
    first = parse_number(start, "start") if start else None
    return HeadersQuery(first, min(parse_number(count, "count"), MAX_HEADERS))


@dataclass(frozen=True, slots=True)
class AddressQuery:
    """Messages of an address: the earliest (both None), or from a height or a message on."""

    address: str
    from_height: Height | None = None
    from_txid: bytes | None = None


def parse_address_query(text: str) -> AddressQuery:
    """``address`` or ``address,x``: x of fewer than 10 characters is a height, else a hex id."""
    address, comma, start = (part.strip() for part in text.partition(","))
    if not comma:
        return AddressQuery(address)
    if len(start) < 10:
        return AddressQuery(address, parse_number(start, "height"))
    return AddressQuery(address, from_txid=parse_hex(start))


@dataclass(frozen=True, slots=True)
class HypernodesQuery:
    """``form`` empty: the list; ``0`` and ``1``: by PoS address, without and with KPIs; ``2``: by
    collateral.  Rounds are None where the present one is meant."""

    form: str = ""
    first: Round | None = None
    last: Round | None = None


def parse_hypernodes(text: str | None) -> HypernodesQuery:
    """The three forms of gethypernodes (spec 6, status)."""
    if not text or not text.strip():
        return HypernodesQuery()
    form, *rest = (part.strip() for part in text.split(","))
    if form not in ("0", "1", "2") or len(rest) not in (0, 2):
        raise Ignore(Rule.WIRE, "gethypernodes takes nothing, '1,from,to', '0,from,to' or '2,0,round'")
    if not rest:
        return HypernodesQuery(form)
    first, last = (parse_number(part, "round") for part in rest)
    return HypernodesQuery(form, first, last)


def parse_number(text: str, what: str) -> int:
    if not (text.isascii() and text.isdecimal() and len(text) <= 10):
        raise Ignore(Rule.WIRE, f"{what} is no number")
    return int(text)


def parse_hex(text: str) -> bytes:
    try:
        return bytes.fromhex(text)
    except ValueError as error:
        raise Ignore(Rule.WIRE, "the id is no hexadecimal text") from error


def check_height(height: int | None) -> Height:
    """The int32 of a query: present and not negative."""
    if height is None or height < 0:
        raise Ignore(Rule.WIRE, "a height or round is asked for")
    return height
