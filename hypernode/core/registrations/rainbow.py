"""Tunable parameters that the network's control address sets in the PoW chain (spec 5, coloured lists).

``rainbow`` is a list of ``KEY=VALUE``, items of a value that is a list joined by ``;``.  Taken at the start
of a round, each checked against the bounds below: what is outside is left as it was and told.  The value of
the network wins over the operator's.  A ``ChainParams`` stays immutable: a round has one of its own.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Final

from hypernode.core.chain_params import ChainParams
from hypernode.core.registrations.colours import RAINBOW, Colours, split_colour

POSNET_CHARS: Final = 10
MAX_ITEMS: Final = 20
"""Of a list: more networks or updaters than that have no use."""


class _Unfit(Exception):
    """A value that cannot be used; its text says what was expected."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A tunable parameter: the field of the network, and for a number its bounds.  A parameter that is not a
    number has a parser of its own."""

    field: str
    least: int = 0
    most: int = 0
    parse: Callable[[ChainParams, str], tuple[str, ...]] | None = None


@dataclass(frozen=True, slots=True)
class Tuning:
    """A network as ``rainbow`` tunes it.  ``tuned`` names the parameters that were set, ``refused`` says in
    words which values were not taken."""

    params: ChainParams
    tuned: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()


def _parse_posnets(params: ChainParams, text: str) -> tuple[str, ...]:
    items = _parse_items(text)
    if any(len(item) != POSNET_CHARS or not item.isascii() for item in items):
        raise _Unfit(f"expected names of {POSNET_CHARS} characters")
    if params.posnet not in items:
        raise _Unfit(f"expected our own {params.posnet} among them")
    return items


def _parse_ips(params: ChainParams, text: str) -> tuple[str, ...]:
    try:
        return tuple(str(ipaddress.ip_address(item)) for item in _parse_items(text))
    except ValueError:
        raise _Unfit("expected IP addresses") from None


def _parse_items(text: str) -> tuple[str, ...]:
    items = tuple(item.strip() for item in text.split(";") if item.strip())
    if len(items) > MAX_ITEMS:
        raise _Unfit(f"expected at most {MAX_ITEMS} items")
    return items


BOUNDS: Final[Mapping[str, Bound]] = {
    "POSNET_ALLOW": Bound("posnet_allow", parse=_parse_posnets),
    "MAX_CONNECT_TO": Bound("max_connect_to", 1, 1_000),
    "BLOCK_SYNC_COUNT": Bound("block_sync_count", 1, 100),
    "ALLOW_UPDATES_FROM": Bound("allow_updates_from", parse=_parse_ips),
    "TESTS_PER_SLOT": Bound("tests_per_slot", 0, 100),
    "PING_DELAY": Bound("ping_delay_s", 1, 80),
    "MIN_FORGE_CONSENSUS": Bound("min_forge_consensus", 0, 66),
    "MAX_TXS_TO_SYNC": Bound("max_txs_to_sync", 1, 2_000),
    "MAX_TXS_PER_BLOCK": Bound("max_txs_per_block", 4, 10_000),
}
"""The parameters that can be tuned (spec 5).  As in an operator's file, but that a consensus which two thirds
of the registered cannot reach would stop the network."""


def apply_rainbow(params: ChainParams, colours: Colours) -> Tuning:
    """``params`` with what the list ``rainbow`` among ``colours`` says.  Never raises; of equal keys the
    last one counts, and one that is malformed counts nothing."""
    fields: dict[str, object] = {}
    tuned: dict[str, None] = {}
    refused: list[str] = []
    for item in split_colour(dict(colours).get(RAINBOW, "")):
        key, _, text = item.partition("=")
        try:
            bound, value = _parse(params, key.strip(), text.strip())
        except _Unfit as unfit:
            refused.append(f"rainbow {item[:80]!a}: {unfit}")
        else:
            fields[bound.field] = value
            tuned[key.strip()] = None
    changed: ChainParams = replace(params, **fields) if fields else params  # type: ignore[arg-type]
    return Tuning(changed, tuple(tuned), tuple(refused[:MAX_ITEMS]))


def _parse(params: ChainParams, key: str, text: str) -> tuple[Bound, object]:
    bound = BOUNDS.get(key)
    if bound is None:
        raise _Unfit("no tunable parameter")
    if bound.parse is not None:
        return bound, bound.parse(params, text)
    if not (
        text.isascii() and text.isdecimal() and len(text) <= 9 and bound.least <= int(text) <= bound.most
    ):
        raise _Unfit(f"expected a whole number from {bound.least} to {bound.most}")
    return bound, int(text)
