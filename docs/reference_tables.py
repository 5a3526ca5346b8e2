"""Tables of the documentation that are made from the code at every build, so that they cannot go stale.

Every function returns reStructuredText; ``write_pages`` puts it where the pages include it.
"""

from __future__ import annotations

import json
import pkgutil
from argparse import ArgumentParser, HelpFormatter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import partial
from pathlib import Path
from textwrap import indent
from typing import Final

from sphinx.pycode import ModuleAnalyzer

import hypernode
from hypernode.cli.check import command as check
from hypernode.cli.ledger import command as ledger
from hypernode.config.parameter_table import NO_PURPOSE, OF_THE_NETWORK, Parameter, load_table
from hypernode.core.params.chain_params import ChainParams, Delays
from hypernode.core.params.tunables import TUNABLES, Tunables
from hypernode.core.registrations.rainbow import MAX_ITEMS
from hypernode.core.rules import Rule
from hypernode.health.codes import CODES
from hypernode.wire.catalogue import COMMANDS, LIMITS, CommandSpec, Limits, Values, Who
from hypernode.wire.hello import FEATURES

LAYERS: Final = tuple(info.name for info in pkgutil.iter_modules(hypernode.__path__) if info.name[0] != "_")
"""Packages and modules of the first level, each with a page."""

_WITHOUT_PAGE: Final = ("hypernode.wire.command_pb2",)
"""Generated code."""
_KIB: Final = 1024
_HELP_WIDTH: Final = 100


def format_table(head: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int]) -> str:
    """A list table; cells are reStructuredText of one line."""
    lines = [
        ".. list-table::",
        "   :header-rows: 1",
        f"   :widths: {' '.join(map(str, widths))}",
        "",
    ]
    for row in (head, *rows):
        lines += [f"   {'* -' if i == 0 else '  -'} {cell}".rstrip() for i, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def format_commands() -> str:
    """The catalogue of commands (spec 2)."""
    head = ("id", "name", "asked with", "answered with", "who may ask", "question, answer at most", "cost")
    return format_table(head, map(_format_command, COMMANDS.values()), (4, 10, 12, 12, 20, 18, 5))


def _format_command(spec: CommandSpec) -> tuple[str, ...]:
    notes = [spec.who.value]
    if spec.is_before_hello:
        notes.append("also without hello")
    if spec.is_feature_only:
        notes.append("feature peers only")
    question, answer = getattr(LIMITS, spec.question_limit), getattr(LIMITS, spec.answer_limit)
    sizes = "" if spec.who is Who.NOBODY else f"{format_bytes(question)}, {format_bytes(answer)}"
    return (
        str(int(spec.id)),
        f"``{spec.name}``",
        _format_values(spec.asked_with),
        "" if spec.who is Who.NOBODY else _format_values(spec.answered_with),
        "; ".join(notes),
        sizes,
        f"{spec.cost:g}",
    )


def _format_values(values: Values) -> str:
    names = [str(value.name).lower() for value in values]
    return " or ".join(names)


def format_bytes(size: int) -> str:
    """``2 MiB``, ``64 KiB``."""
    for factor, unit in ((_KIB * _KIB, "MiB"), (_KIB, "KiB")):
        if size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} B"


def format_features() -> str:
    """The bits that are negotiated in a hello (spec 2)."""
    rows = [(str(bit), meaning) for bit, meaning in FEATURES.items()]
    return format_table(("bit", "what both do when both have it"), rows, (8, 92))


def format_limits() -> str:
    """Every limit of the wire with the reason for its number; each is ``LIMIT_...`` in the configuration."""
    words = ModuleAnalyzer.for_module("hypernode.wire.catalogue").find_attr_docs()
    rows = []
    for field in fields(Limits):
        value = getattr(LIMITS, field.name)
        shown = format_bytes(value) if field.name.endswith("_bytes") else f"{value:,.10g}"
        rows.append((f"``{field.name}``", shown, " ".join(words["Limits", field.name]).strip()))
    return format_table(("name", "default", "why this number"), rows, (20, 12, 68))


def format_parameters() -> str:
    """What ``config.txt`` may set."""
    rows = [
        (f"``{p.name}``", _format_type(p), _format_default(p), p.meaning)
        for p in load_table().values()
        if p.type not in (NO_PURPOSE, OF_THE_NETWORK)
    ]
    return format_table(("name", "takes", "default", "meaning"), rows, (22, 16, 16, 46))


def format_obsolete_parameters() -> str:
    """Names of old files that are accepted and set nothing."""
    rows = [
        (f"``{p.name}``", p.meaning) for p in load_table().values() if p.type in (NO_PURPOSE, OF_THE_NETWORK)
    ]
    return format_table(("name", "why"), rows, (30, 70))


def _format_type(parameter: Parameter) -> str:
    if parameter.choices:
        return f"{parameter.type}: {', '.join(parameter.choices)}"
    if parameter.least is not None and parameter.most is not None:
        return f"{parameter.type}, {parameter.least:g} to {parameter.most:,.10g}"
    return parameter.type


def _format_default(parameter: Parameter) -> str:
    default = parameter.default
    if default is None:
        return "the network's" if parameter.network or parameter.delay else "none"
    if isinstance(default, list):
        default = ", ".join(map(str, default))
    shown = str(default).lower() if isinstance(default, bool) else str(default)
    return f"``{shown}``" if shown else "none"


NETWORK_MEANINGS: Final[Mapping[str, str]] = {
    "name": "shown to people; a derived genesis follows from it",
    "address_byte": "first byte of addresses: 25 on main, 85 on test networks",
    "posnet": "what a hello of ours begins with, 10 characters",
    "origin_of_time": "start of round 0, unix s",
    "control_pow": "control address on the companion's chain",
    "control_pos": "control address on this chain; forger of a derived genesis",
    "slot_s": "seconds of a slot",
    "test_kinds": "TESTS_TYPE: kinds of tests that are drawn",
    "min_active": "MIN_ACTIVE_HNS: fewer seen in a round, and nobody counts as silent",
    "min_connections": "connected hypernodes below which the state is START",
    "port": "TCP port where nothing else is said",
    "first_pow_height": "no registration below this height counts",
    "pow_block_s": "seconds between blocks of the companion",
    "collateral_unit": "coins for each unit of weight",
    "max_weight": "most tickets of one hypernode",
    "mirror_end_height": "last mirror rows of the companion's ledger",
    "reward_pot": "address that the rewards are paid from",
    "reference": "reference time of a round: its start less a round, or (legacy) an older formula",
    "genesis": "main's first block as it is, or one derived from name, origin and control address",
    "hypernodes": "a fixed list in place of a companion: pos, ip, port, weight, in order",
    "min_forge_consensus_low": "MIN_FORGE_CONSENSUS_LOW: the same in a slot's second half",
    "allow_queries_from": "ALLOW_QUERIES_FROM: IPs that may ask gethypernodes",
    "future_allowed_s": "how far ahead of the clock a timestamp may be",
    "message_age_s": "how old a message may be, and how long a mempool keeps it",
    "min_block_messages": "rule 7: fewer, and a block is invalid",
    "min_block_sources": "rule 8: fewer distinct senders, and a block is invalid",
    "min_forge_sources": "distinct senders that a block of ours has at least",
    "delays": "an object with the times below",
    "height_exchange_s": "between exchanges of heights with a peer",
    "height_exchange_in_consensus_s": "the same while most agree",
    "mempool_exchange_s": "between exchanges of messages with a peer",
    "mempool_exchange_seeking_s": "the same in our own slot",
    "peer_retry_s": "before a peer that failed is dialled again; then slower",
}
"""Fields whose docstring does not say it."""


def format_network_fields(cls: type[ChainParams] | type[Delays]) -> str:
    """Fields of a network file."""
    words = ModuleAnalyzer.for_module("hypernode.core.params.chain_params").find_attr_docs()
    hints = cls.__annotations__
    rows = []
    for field in fields(cls):
        if field.name == "default_tunables":
            rows += _list_tunable_fields()
            continue
        said = " ".join(words.get((cls.__name__, field.name), ())).strip()
        meaning = "; ".join(part for part in (NETWORK_MEANINGS.get(field.name, ""), said) if part)
        rows.append((f"``{field.name}``", f"``{hints[field.name]}``", _format_field_default(field), meaning))
    return format_table(("field", "type", "default", "meaning"), rows, (22, 18, 14, 46))


def _list_tunable_fields() -> list[tuple[str, str, str, str]]:
    """They stand among the others in a file: what the network begins with."""
    found = {field.name: field for field in fields(Tunables)}
    return [
        (
            f"``{row.field}``",
            f"``{found[row.field].type}``",
            _format_field_default(found[row.field]),
            f"{row.key}: {row.meaning}",
        )
        for row in TUNABLES
    ]


def _format_field_default(field: Field[object]) -> str:
    if field.name == "posnet_allow":
        return "``posnet`` alone"  # in a file; the value itself has none
    if field.default is MISSING:
        return "required"
    if isinstance(field.default, Delays):
        return "main's, scaled with the slot"
    return f"``{json.dumps(field.default)}``"


def list_modules(layer: str) -> list[str]:
    """Full names of a layer's modules, the package itself first."""
    package = f"hypernode.{layer}"
    folder = Path(hypernode.__path__[0]) / layer
    found = [info.name for info in pkgutil.walk_packages([str(folder)], prefix=f"{package}.")]
    return [package, *(name for name in sorted(found) if name not in _WITHOUT_PAGE)]


_LIST_BOUNDS: Final = {
    "POSNET_ALLOW": f"at most {MAX_ITEMS} names of 10 characters, our own network among them",
    "ALLOW_UPDATES_FROM": f"at most {MAX_ITEMS} IP addresses",
}


def format_api_page(title: str, modules: Sequence[str]) -> str:
    """One page of the API reference."""
    parts = [f"{title}\n{'=' * len(title)}\n"]
    for index, module in enumerate(modules):
        if index or len(modules) == 1:
            parts.append(f"{module}\n{'-' * len(module)}\n")
        parts.append(f".. automodule:: {module}\n")
    return "\n".join(parts)


def format_findings() -> str:
    """The codes of findings (spec 10, 1)."""
    rows = [
        (f"``{name}``", code.meaning, code.advice or "–", code.unit or "–", "yes" if code.waits else "")
        for name, code in CODES.items()
    ]
    return format_table(("code", "meaning", "what to do", "value", "waits"), rows, (18, 32, 30, 12, 8))


def format_rules() -> str:
    """Every rule, with the name that a refusal gives it."""
    rows = [(f"``{rule.label}``", rule.cls.value, rule.text, rule.source) for rule in Rule]
    return format_table(("name", "class", "what holds", "from"), rows, (14, 6, 50, 30))


def format_changelog(markdown: str) -> str:
    """CHANGELOG.md as reStructuredText: headings and code; lists are the same in both."""
    lines = []
    for line in markdown.splitlines():
        level = len(line) - len(line.lstrip("#"))
        if level:
            text = line[level:].strip()
            lines += [text, "=-~^"[level - 1] * len(text)]
        else:
            lines.append(line.replace("`", "``"))
    return "\n".join(lines) + "\n"


def format_help(parser: ArgumentParser) -> str:
    """What ``--help`` prints, as a literal block."""
    parser.formatter_class = partial(HelpFormatter, width=_HELP_WIDTH)
    return "::\n\n" + indent(parser.format_help(), "   ") + "\n"


def format_ledger_help() -> str:
    """The help of the ledger's tools."""
    return "\n".join(format_help(parser) for parser in (check.make_parser(), *ledger.make_parsers()))


def format_bounds() -> str:
    """What the network may tune, and within which bounds."""
    rows = (
        (
            f"``{row.key}``",
            row.meaning,
            f"{row.least} to {row.most_of_chain}" if row.most else _LIST_BOUNDS[row.key],
        )
        for row in TUNABLES
    )
    return format_table(("parameter", "what it is", "taken when it is"), rows, (24, 44, 32))


def make_pages(root: Path) -> Mapping[str, str]:
    """Names below the folder of generated pages, and their text.  ``root`` holds CHANGELOG.md."""
    api = {f"api/{layer}.rst": format_api_page(layer, list_modules(layer)) for layer in LAYERS}
    return {
        "commands.inc": format_commands(),
        "features.inc": format_features(),
        "findings.inc": format_findings(),
        "limits.inc": format_limits(),
        "rules.inc": format_rules(),
        "bounds.inc": format_bounds(),
        "network_fields.inc": format_network_fields(ChainParams),
        "network_delays.inc": format_network_fields(Delays),
        "parameters.inc": format_parameters(),
        "obsolete_parameters.inc": format_obsolete_parameters(),
        "ledger_help.inc": format_ledger_help(),
        "changelog.inc": format_changelog((root / "CHANGELOG.md").read_text(encoding="utf-8")),
        **api,
    }


def write_pages(folder: Path, pages: Mapping[str, str]) -> None:
    """Write what changed, and drop what is not made any more."""
    for name, text in pages.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.rglob("*.*"):
        if path.relative_to(folder).as_posix() not in pages:
            path.unlink()
