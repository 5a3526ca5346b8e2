"""Tunable parameters that the network's control address sets in the PoW chain (spec 5, coloured lists).

``rainbow`` is a list of ``KEY=VALUE``, items of a value that is a list joined by ``;``.  Taken at the start
of a round, each checked against the bounds of ``core.params.tunables``: what is outside is left as it was,
and that is shown.  The value of the network wins over the operator's.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import TUNABLES_BY_KEY, Tunables, TunableValue, override_tunables
from hypernode.core.registrations.colours import RAINBOW, Colours, split_colour

POSNET_CHARS: Final = 10
MAX_ITEMS: Final = 20
"""Of a list: more networks or updaters than that have no use."""


class _Unfit(Exception):
    """A value that cannot be used; its text says what was expected."""


@dataclass(frozen=True, slots=True)
class Tuning:
    """The values as ``rainbow`` tunes them.  ``tuned`` names the parameters that were set, ``refused`` says
    in words which values were not taken."""

    tunables: Tunables
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


_PARSERS: Final[Mapping[str, Callable[[ChainParams, str], tuple[str, ...]]]] = {
    "posnets": _parse_posnets,
    "ip addresses": _parse_ips,
}
"""By kind, of what is no number."""


def apply_rainbow(params: ChainParams, own: Tunables, colours: Colours) -> Tuning:
    """``own`` values with what the list ``rainbow`` among ``colours`` says over them.  Never raises; of equal
    keys the last one counts, and one that is malformed counts nothing."""
    values: dict[str, TunableValue] = {}
    refused: list[str] = []
    for item in split_colour(dict(colours).get(RAINBOW, "")):
        key, _, text = item.partition("=")
        try:
            values[key.strip()] = _parse(params, key.strip(), text.strip())
        except _Unfit as unfit:
            refused.append(f"rainbow {item[:80]!a}: {unfit}")
    return Tuning(override_tunables(own, values), tuple(values), tuple(refused[:MAX_ITEMS]))


def _parse(params: ChainParams, key: str, text: str) -> TunableValue:
    row = TUNABLES_BY_KEY.get(key)
    if row is None:
        raise _Unfit("no tunable parameter")
    if row.kind in _PARSERS:
        return _PARSERS[row.kind](params, text)
    least, most = row.least, row.most_of_chain
    if not (text.isascii() and text.isdecimal() and len(text) <= 9 and least <= int(text) <= most):
        raise _Unfit(f"expected a whole number from {least} to {most}")
    return int(text)
