"""The table of parameters: ``config.json``, shipped beside the program (spec 6, configuration).

Each name has a default, a type, bounds where there are any, and a line on what it means.  A parameter may
stand for a field of the network (``network``), of its delays (``delay``) or of the wire's limits
(``limit``): where the operator says nothing, the value there stays as it is.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from hypernode.core.params.networks import mainnet
from hypernode.core.params.tunables import TUNABLES_BY_KEY, list_values
from hypernode.core.types import HASH_BYTES

TABLE_FILE: Final = Path(__file__).resolve().parents[2] / "config.json"

NO_PURPOSE: Final = "no purpose"
"""Type of names that old files have and nothing needs any more."""
TUNABLE: Final = "tunable"
"""Type of names that have their row in ``core.params.tunables``: the network may tune them, too."""
OF_THE_NETWORK: Final = "of the network"
"""Type of names that only a network file can set."""

_FALSE: Final = ("false", "0", "no", "off", "")
_TRUE: Final = ("true", "1", "yes", "on")
_POSNET_CHARS: Final = 10
_LARGEST_HEIGHT: Final = 2**31 - 1


class ConfigError(ValueError):
    """A configuration that the node does not start with (exit 78): where, what was expected, what to do.

    ``line`` is 0 where there is none, ``key`` empty where the fault is no parameter's."""

    def __init__(self, source: str, line: int, key: str, expected: str, remedy: str) -> None:
        place = f"{source}:{line}" if line else source
        super().__init__(f"{place}: {key + ': ' if key else ''}{expected}. {remedy}")
        self.source = source
        self.line = line
        self.key = key
        self.expected = expected
        self.remedy = remedy


class Unfit(Exception):
    """A value that cannot be used; its text says what was expected."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One row of the table."""

    name: str
    default: object
    type: str
    meaning: str
    least: float | None = None
    most: float | None = None
    choices: tuple[str, ...] = ()
    network: str = ""
    delay: str = ""
    limit: str = ""


def load_table(path: Path = TABLE_FILE) -> dict[str, Parameter]:
    """The shipped table by name.  Raises ConfigError when it is missing or damaged."""
    remedy = "It is shipped with the program: install it again"
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return {name: _parse_row(name, row) for name, row in rows.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ConfigError(
            str(path), 0, "", f"the table of parameters cannot be read: {error}", remedy
        ) from error


def _parse_row(name: str, row: dict[str, Any]) -> Parameter:
    if row["type"] == TUNABLE:
        return _make_tunable_row(name)
    if row["type"] not in PARSERS and row["type"] not in (NO_PURPOSE, OF_THE_NETWORK):
        raise ValueError(f"{name} is of unknown type {row['type']!r}")
    return Parameter(name, **{**row, "choices": tuple(row.get("choices", ()))})


def _make_tunable_row(name: str) -> Parameter:
    """Raises ValueError where there is no such parameter."""
    row = TUNABLES_BY_KEY.get(name)
    if row is None:
        raise ValueError(f"{name} is no tunable parameter")
    if not row.is_operators:
        return Parameter(name, None, OF_THE_NETWORK, row.meaning)
    default = list_values(mainnet().default_tunables)[name]
    shown = list(default) if isinstance(default, tuple) else default
    least, most = (row.least, row.most) if row.most else (None, None)
    return Parameter(name, shown, row.kind, row.meaning, least, most)


def parse_value(parameter: Parameter, text: str) -> object:
    """The value that ``text`` stands for.  Raises Unfit with what was expected."""
    return PARSERS[parameter.type](parameter, text)


def get_default(parameter: Parameter) -> object:
    """The default as ``parse_value`` would give it: lists as tuples."""
    return tuple(parameter.default) if isinstance(parameter.default, list) else parameter.default


def _parse_whole(parameter: Parameter, text: str) -> int:
    try:
        number = int(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is None or not _is_within(parameter, number):
        raise Unfit(f"expected a whole number {_describe_bounds(parameter)}, not {text!r}")
    return number


def _parse_number(parameter: Parameter, text: str) -> float:
    try:
        number = float(text) if text.isascii() and "_" not in text else None
    except ValueError:
        number = None
    if number is None or not _is_within(parameter, number):
        raise Unfit(f"expected a number {_describe_bounds(parameter)}, not {text!r}")
    return number


def _is_within(parameter: Parameter, number: float) -> bool:
    least = parameter.least if parameter.least is not None else float("-inf")
    most = parameter.most if parameter.most is not None else float("inf")
    return least <= number <= most


def _describe_bounds(parameter: Parameter) -> str:
    return f"from {parameter.least:g} to {parameter.most:.15g}"


def _parse_flag(parameter: Parameter, text: str) -> bool:
    lower = text.lower()
    if lower not in _TRUE and lower not in _FALSE:
        raise Unfit(f"expected true or false, not {text!r}")
    return lower in _TRUE


def _parse_text(parameter: Parameter, text: str) -> str:
    return text


def _parse_path(parameter: Parameter, text: str) -> str:
    """Nothing is a path only where nothing is the default: else it would name the run folder itself."""
    if not text and parameter.default:
        raise Unfit("expected a path, not nothing")
    return _parse_text(parameter, text)


def _parse_ip(parameter: Parameter, text: str) -> str:
    if text:
        _require_ip(text)
    return text


def _parse_choice(parameter: Parameter, text: str) -> str:
    by_folded = {choice.lower(): choice for choice in parameter.choices}
    if text.lower() not in by_folded:
        raise Unfit(f"expected one of {', '.join(parameter.choices)}, not {text!r}")
    return by_folded[text.lower()]


def split_list(text: str) -> tuple[str, ...]:
    """The items of a list: separated by ``,`` or ``;``, white space around them and empty ones dropped."""
    return tuple(item.strip() for item in text.replace(";", ",").split(",") if item.strip())


def _parse_choices(parameter: Parameter, text: str) -> tuple[str, ...]:
    return tuple(_parse_choice(parameter, item) for item in split_list(text))


def _parse_ips(parameter: Parameter, text: str) -> tuple[str, ...]:
    return tuple(_require_ip(item) for item in split_list(text))


def _require_ip(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        raise Unfit(f"expected an IP address, not {text!r}") from None


def _parse_posnets(parameter: Parameter, text: str) -> tuple[str, ...]:
    items = split_list(text)
    for item in items:
        if len(item) != _POSNET_CHARS or not item.isascii():
            raise Unfit(f"expected names of {_POSNET_CHARS} characters, not {item!r}")
    return items


def _parse_blocks(parameter: Parameter, text: str) -> tuple[tuple[int, bytes], ...]:
    return tuple(_parse_block(item) for item in split_list(text))


def _parse_block(text: str) -> tuple[int, bytes]:
    height, _, block_hash = text.partition(":")
    try:
        raw = bytes.fromhex(block_hash)
    except ValueError:
        raw = b""
    if not (height.isascii() and height.isdecimal() and len(raw) == HASH_BYTES):
        raise Unfit(f"expected height:hash with {2 * HASH_BYTES} hexadecimal digits, not {text!r}")
    if int(height) > _LARGEST_HEIGHT:
        raise Unfit(f"expected a height of at most {_LARGEST_HEIGHT}, not {height}")
    return int(height), raw


PARSERS: Final[Mapping[str, Callable[[Parameter, str], object]]] = {
    "whole number": _parse_whole,
    "number": _parse_number,
    "yes or no": _parse_flag,
    "text": _parse_text,
    "path": _parse_path,
    "ip address": _parse_ip,
    "choice": _parse_choice,
    "choices": _parse_choices,
    "ip addresses": _parse_ips,
    "posnets": _parse_posnets,
    "blocks": _parse_blocks,
}
