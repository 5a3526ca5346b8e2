"""The operator's ``config.txt``: ``KEY=VALUE`` per line, ``#`` comments (spec 6, configuration).

A value of the wrong type is an error, and so is an unknown name near a known one: it is a typo, and the
operator believes that it is in force.  Other unknown names (old files have some) and those without a
purpose any more are accepted, with a remark for the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import MappingProxyType
from typing import Final

from hypernode.config.parameter_table import (
    NO_PURPOSE,
    OF_THE_NETWORK,
    ConfigError,
    Parameter,
    Unfit,
    parse_value,
)
from hypernode.files.own_files import read_bounded
from hypernode.files.text_files import decode_text, split_lines
from hypernode.health.remarks import Remark

MAX_FILE_BYTES: Final = 1_000_000
"""Larger than any list of overrides; whatever is larger is another file."""
_LIKENESS: Final = 0.85
"""Share of matching characters from which two names are near each other."""
_SHOWN_CHARS: Final = 40
_QUOTES: Final[Mapping[str, str]] = MappingProxyType(
    {'"': '"', "'": "'", "\u201c": "\u201d", "\u2018": "\u2019"}
)
"""What may stand around a value, as in a shell's file, and which ends which."""


@dataclass(frozen=True, slots=True)
class ConfigFile:
    """What a file says: values by name, the line of each, and remarks."""

    source: str
    values: Mapping[str, object]
    lines: Mapping[str, int]
    remarks: tuple[Remark, ...]


def load_config(path: Path, table: Mapping[str, Parameter]) -> ConfigFile:
    """Read and parse a file.  Raises ConfigError, also when it cannot be read."""
    try:
        text = decode_text(read_bounded(path, MAX_FILE_BYTES))
    except (OSError, ValueError) as error:
        remedy = "Give a text file in UTF-8 that this user may read (--config)"
        raise ConfigError(str(path), 0, "", f"cannot be read: {error}", remedy) from error
    return parse_config(text, str(path), table)


def parse_config(text: str, source: str, table: Mapping[str, Parameter]) -> ConfigFile:
    """The overrides in ``text``; ``source`` names it in errors and remarks.  Raises ConfigError."""
    values: dict[str, object] = {}
    lines: dict[str, int] = {}
    remarks: list[Remark] = []
    for number, line in enumerate(split_lines(text), start=1):
        stated = _split_line(line, source, number)
        if stated is None:
            continue
        name, value = stated
        parameter = table.get(name)
        if parameter is None or parameter.type in (NO_PURPOSE, OF_THE_NETWORK):
            remarks.append(_remark_on(name, parameter, source, number, table))
            continue
        if name in values:
            remarks.append(Remark("warning", f"{source}:{number}: {name} again: this line counts"))
        values[name] = _parse(parameter, value, source, number)
        lines[name] = number
    return ConfigFile(source, values, lines, tuple(remarks))


def _split_line(line: str, source: str, number: int) -> tuple[str, str] | None:
    """Name and value; None for a line without.  ``#`` begins a comment at the start of a line or after white
    space: values may hold one, and in quotes that white space too.  Raises ConfigError."""
    if not line.strip() or line.lstrip().startswith("#"):
        return None
    name, equals, value = line.partition("=")
    if not equals or not name.strip():
        shown = ascii(_strip_comment(line)[:_SHOWN_CHARS])
        remedy = "Mend the line, or begin it with # to make it a comment"
        raise ConfigError(source, number, "", f"expected KEY=VALUE, not {shown}", remedy)
    key = name.strip().upper()
    try:
        return key, _unquote(value)
    except Unfit as unfit:
        remedy = "Take the quotes away, or put one at the beginning of the value and one at its end"
        raise ConfigError(source, number, key[:_SHOWN_CHARS], str(unfit), remedy) from None


def _unquote(text: str) -> str:
    """The value without a pair of quotes around it, and without a comment.  Raises Unfit for half a pair."""
    if text.strip()[:1] not in _QUOTES:
        return _strip_comment(
            text
        )  # with the white space before it, which a comment in place of a value needs
    text = text.strip()
    value, end, rest = text[1:].partition(_QUOTES[text[0]])
    if not end or (rest and _strip_comment(f" {rest}")):
        raise Unfit(f"a value that begins with {text[0]!a} ends with one, not {text[:_SHOWN_CHARS]!a}")
    return value


def _strip_comment(text: str) -> str:
    for mark in (" #", "\t#"):
        text = text.partition(mark)[0]
    return text.strip()


def _parse(parameter: Parameter, value: str, source: str, number: int) -> object:
    try:
        return parse_value(parameter, value)
    except Unfit as unfit:
        remedy = f"It means: {parameter.meaning}"
        raise ConfigError(source, number, parameter.name, str(unfit), remedy) from None


def _remark_on(
    name: str, parameter: Parameter | None, source: str, number: int, table: Mapping[str, Parameter]
) -> Remark:
    """What to say of a name that sets nothing.  Raises ConfigError when it is a typo."""
    place = f"{source}:{number}: {ascii(name)[1:-1][:_SHOWN_CHARS]}"
    if parameter is not None and parameter.type == NO_PURPOSE:
        return Remark("info", f"{place} has no purpose any more: {parameter.meaning}")
    if parameter is not None:
        return Remark("warning", f"{place} changes nothing ({parameter.meaning})")
    last_word = name.split()[-1]  # "export PORT": a shell's habit
    nearest = last_word if last_word in table else find_nearest(name, table)
    if nearest is not None:
        shown = ascii(name[:_SHOWN_CHARS])[1:-1]
        remedy = f"Write {nearest}, or begin the line with # to make it a comment"
        raise ConfigError(source, number, shown, f"unknown name, the nearest is {nearest}", remedy)
    return Remark("warning", f"{place} is unknown and not used")


def find_nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that ``name`` is a typo of: most of its characters, in order, or two slips away (one in
    a short name); None when there is none."""
    names = list(known)
    close = get_close_matches(name, names, n=1, cutoff=_LIKENESS)
    if close:
        return close[0]
    slips = 2 if len(name) > 5 else 1
    near = [(distance, other) for other in names if (distance := _count_slips(name, other, slips)) <= slips]
    return min(near)[1] if near else None


def _count_slips(a: str, b: str, most: int) -> int:
    """Insertions, deletions, exchanges and swaps of neighbours from one to the other; over ``most`` where the
    lengths alone say so."""
    if abs(len(a) - len(b)) > most:
        return most + 1
    before, row = [0] * (len(b) + 1), list(range(len(b) + 1))
    for i, char in enumerate(a, start=1):
        older, before = before, row
        row = [i]
        for j, other in enumerate(b, start=1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (char != other))
            if i > 1 and j > 1 and char == b[j - 2] and a[i - 2] == other:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
    return row[-1]
