"""A network as a JSON file (spec 6, networks): the fields of ``ChainParams``, and those of ``Tunables`` among
them; those with a default may be left out.

Bytes are hexadecimal text, tuples are lists.  ``delays`` that are not given are main's, scaled with the
slot.  Every error names the file, the field and what was expected there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from difflib import get_close_matches
from typing import Any, Final, Literal, TypeAlias, get_args, get_origin, get_type_hints

from hypernode.core.address import is_address_byte, is_valid_address
from hypernode.core.params.chain_params import ChainParams, Delays, FixedHypernode
from hypernode.core.params.tunables import Tunables
from hypernode.core.types import MAX_PORT

POSNET_CHARS: Final = 10
MAGIC_BYTES: Final = 4
_LARGEST: Final = 1e12
_LEGACY_TOP_BYTE: Final = 0x7F
"""The largest first byte of a legacy frame's length."""

_TUNABLE_FIELDS: Final = frozenset(f.name for f in fields(Tunables))

_Parsers: TypeAlias = Mapping[object, Callable[[Any], object]]


class NetworkFileError(ValueError):
    """A network file that cannot be used: names the file, the field and what was expected."""


class _Unfit(Exception):
    """A value that cannot be used; its text says what was expected."""


def network_from_json(text: str, source: str) -> ChainParams:
    """The network that ``text`` describes; ``source`` names it in errors.  Raises NetworkFileError."""
    try:
        values = json.loads(text, object_pairs_hook=_require_once)
    except _Unfit as unfit:
        raise NetworkFileError(f"{source}: {unfit}") from None
    except (ValueError, RecursionError) as error:
        raise NetworkFileError(f"{source}: not JSON: {error}") from error
    if not isinstance(values, dict):
        raise NetworkFileError(f"{source}: expected an object with the fields of a network")
    given = {"delays": {}, **values}
    given.setdefault("posnet_allow", [given["posnet"]] if "posnet" in given else [])
    slot_s = given.get("slot_s", 180)
    scaled = Delays().scaled(slot_s if isinstance(slot_s, int) else 180)
    parsers: _Parsers = {
        **_PARSERS,
        Delays: lambda value: _parse_object(Delays, value, _PARSERS, _as_dict(scaled)),
    }
    try:
        params: ChainParams = _parse_object(ChainParams, given, parsers, {})
        _require_sense(params)
    except _Unfit as unfit:
        raise NetworkFileError(f"{source}: {unfit}") from None
    return params


def _require_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuses an object with one name twice: nobody knows which value holds.  Raises _Unfit."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        if name in found:
            raise _Unfit(f"{name[:40]!a} is there twice: take one of them out")
        found[name] = value
    return found


def network_to_json(params: ChainParams) -> str:
    """The network as such a file, every field written out."""
    return json.dumps(_to_plain(params), indent=2) + "\n"


def _to_plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, tuple):
        return [_to_plain(item) for item in value]
    if isinstance(value, ChainParams | Delays | FixedHypernode):
        return {name: _to_plain(item) for name, item in _as_dict(value).items()}
    return value


def _as_dict(value: ChainParams | Delays | FixedHypernode) -> dict[str, object]:
    if isinstance(value, ChainParams):
        return {
            f.name: getattr(value.default_tunables if f.name in _TUNABLE_FIELDS else value, f.name)
            for f in _list_fields(ChainParams)
        }
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _list_fields(cls: type[Any]) -> list[Field[Any]]:
    """Of a dataclass as a file has them: the tunable parameters stand among those of the network."""
    found: list[Field[Any]] = []
    for field in fields(cls):
        found += fields(Tunables) if field.name == "default_tunables" else [field]
    return found


def _parse_object(
    cls: type[Any],
    value: object,
    parsers: _Parsers,
    defaults: Mapping[str, object],
) -> Any:
    """An instance of a dataclass from an object of JSON; ``defaults`` go before those of the class."""
    if not isinstance(value, dict):
        raise _Unfit("expected an object")
    known = {f.name: f for f in _list_fields(cls)}
    for name in value:
        if name not in known:
            raise _Unfit(f"unknown field {name!r}{_suggest(name, known)}")
    missing = [f.name for f in known.values() if _is_required(f) and f.name not in {*value, *defaults}]
    if missing:
        raise _Unfit(f"missing {', '.join(map(repr, missing))}")
    hints = {**get_type_hints(Tunables), **get_type_hints(cls)} if cls is ChainParams else get_type_hints(cls)
    parsed = dict(defaults)
    for name, item in value.items():
        try:
            parsed[name] = _parse_value(hints[name], item, parsers)
        except _Unfit as unfit:
            raise _Unfit(f"{name}: {unfit}") from None
    if cls is ChainParams:
        tunables = {name: parsed.pop(name) for name in _TUNABLE_FIELDS if name in parsed}
        parsed["default_tunables"] = Tunables(**tunables)  # type: ignore[arg-type]
    return cls(**parsed)


def _is_required(field: Field[Any]) -> bool:
    return field.default is MISSING and field.default_factory is MISSING


def _suggest(name: str, known: Iterable[str]) -> str:
    """The nearest known name, to be put after an unknown one."""
    nearest = get_close_matches(name, known, n=1)
    return f"; did you mean {nearest[0]!r}?" if nearest else ""


def _parse_value(hint: object, item: object, parsers: _Parsers) -> object:
    if get_origin(hint) is Literal:
        if item not in get_args(hint):
            raise _Unfit(f"expected one of {', '.join(map(repr, get_args(hint)))}, not {item!r}")
        return item
    if get_origin(hint) is tuple:
        return _parse_tuple(get_args(hint), item, parsers)
    return parsers[hint](item)


def _parse_tuple(parts: tuple[object, ...], item: object, parsers: _Parsers) -> tuple[object, ...]:
    if not isinstance(item, list):
        raise _Unfit(f"expected a list, not {item!r}")
    if parts[-1] is ...:
        return tuple(_parse_value(parts[0], one, parsers) for one in item)
    if len(item) != len(parts):
        raise _Unfit(f"expected a list of {len(parts)}, not {item!r}")
    return tuple(_parse_value(part, one, parsers) for part, one in zip(parts, item, strict=True))


def _parse_int(item: object) -> int:
    if not isinstance(item, int) or isinstance(item, bool):
        raise _Unfit(f"expected a whole number, not {item!r}")
    return item


def _parse_float(item: object) -> float:
    if not isinstance(item, int | float) or isinstance(item, bool) or not abs(item) <= _LARGEST:
        raise _Unfit(f"expected a number, not {item!r}")
    return float(item)


def _parse_bool(item: object) -> bool:
    if not isinstance(item, bool):
        raise _Unfit(f"expected true or false, not {item!r}")
    return item


def _parse_text(item: object) -> str:
    if not isinstance(item, str) or not item.isascii():
        raise _Unfit(f"expected a text of ASCII, not {item!r}")
    return item


def _parse_bytes(item: object) -> bytes:
    try:
        return bytes.fromhex(_parse_text(item))
    except ValueError:
        raise _Unfit(f"expected hexadecimal text, not {item!r}") from None


_PARSERS: Final[_Parsers] = {
    int: _parse_int,
    int | None: lambda item: None if item is None else _parse_int(item),
    float: _parse_float,
    bool: _parse_bool,
    str: _parse_text,
    bytes: _parse_bytes,
    FixedHypernode: lambda item: _parse_object(FixedHypernode, item, _PARSERS, {}),
}


_AT_LEAST_ONE: Final = frozenset(
    ("slot_s", "slots", "max_weight", "collateral_unit", "max_txs_to_sync", "max_txs_per_block")
)


def _require_sense(params: ChainParams) -> None:
    """Checks what types alone do not say.  Raises _Unfit."""
    numbers = {**_as_dict(params), **_as_dict(params.delays)}
    for name, number in numbers.items():
        least = 1 if name in _AT_LEAST_ONE else 0
        if isinstance(number, int | float) and number < least:
            raise _Unfit(f"{name}: expected at least {least}, not {number}")
    if len(params.magic) != MAGIC_BYTES or params.magic[0] <= _LEGACY_TOP_BYTE:
        raise _Unfit(f"magic: expected {MAGIC_BYTES} bytes, the first above 7f, not {params.magic.hex()!r}")
    if not is_address_byte(params.address_byte):
        raise _Unfit(
            f"address_byte: expected one whose addresses have 34 characters, not {params.address_byte}"
        )
    for posnet in (params.posnet, *params.default_tunables.posnet_allow):
        if len(posnet) != POSNET_CHARS:
            raise _Unfit(f"posnet: expected {POSNET_CHARS} characters, not {posnet!r}")
    if not 1 <= params.port <= MAX_PORT:
        raise _Unfit(f"port: expected 1 to {MAX_PORT}, not {params.port}")
    if params.collateral_from_round is not None and params.hypernodes:
        raise _Unfit(
            "collateral_from_round: expected null with a fixed list (hypernodes), without collaterals"
        )
    if params.default_tunables.tests_per_slot and not params.test_kinds:
        raise _Unfit("test_kinds: expected at least one where there are tests")
    _require_addresses(params)


def _require_addresses(params: ChainParams) -> None:
    holders = [("control_pos", params.control_pos)]
    holders += [(f"hypernodes[{i}].pos", h.pos) for i, h in enumerate(params.hypernodes)]
    for name, address in holders:
        if not is_valid_address(address, params.address_byte):
            raise _Unfit(f"{name}: expected an address of the network, not {address!r}")
    for i, hypernode in enumerate(params.hypernodes):
        if not 1 <= hypernode.port <= MAX_PORT:
            raise _Unfit(f"hypernodes[{i}].port: expected 1 to {MAX_PORT}, not {hypernode.port}")
