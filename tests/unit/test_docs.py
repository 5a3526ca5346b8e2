"""The documentation says what the code does: every rule, limit, parameter and field is in it."""

from __future__ import annotations

import importlib.util
import re
import sys
from dataclasses import fields
from fnmatch import fnmatch
from pathlib import Path
from types import ModuleType

import pytest

from hypernode.cli.check import command as check
from hypernode.cli.check.table import ROWS
from hypernode.cli.ledger import command as ledger
from hypernode.config.parameter_table import load_table
from hypernode.core import validate_block, validate_message
from hypernode.core.params.chain_params import ChainParams, Delays
from hypernode.core.params.network_file import network_from_json
from hypernode.core.params.tunables import TUNABLES, Tunables
from hypernode.core.rules import BLOCK_RULES, MESSAGE_RULES
from hypernode.machine.state import State
from hypernode.node.chain.examiner import BlockGrade
from hypernode.wire.catalogue import COMMANDS, LIMITS, Limits
from hypernode.wire.hello import FEATURES

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
RULES = {rule.number: rule.cls.value for rule in (*MESSAGE_RULES, *BLOCK_RULES.values())}


def load_reference_tables() -> ModuleType:
    """The module beside ``conf.py`` that makes tables from the code; it is in no package."""
    name = "reference_tables"
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


TABLES = load_reference_tables()


def read_page(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def parse_rows(page: str) -> dict[str, list[str]]:
    """Rows of the list tables of a page by their first cell; cells of several lines are joined."""
    rows: dict[str, list[str]] = {}
    for row in re.split(r"^ +\* -", page, flags=re.MULTILINE)[1:]:
        table_part = re.split(r"\n\n(?! )", row)[0]
        cells = [" ".join(cell.split()) for cell in re.split(r"^ +- ?", table_part, flags=re.MULTILINE)]
        rows[cells[0]] = cells[1:]
    return rows


@pytest.mark.parametrize("rule", RULES)
def test_every_rule_is_in_the_page_with_its_class(rule: str) -> None:
    rows = parse_rows(read_page("rules.rst"))
    assert rule in rows
    assert rows[rule][0] == RULES[rule]
    assert all(rows[rule][1:])


def test_rules_page_has_no_other_rules() -> None:
    assert set(parse_rows(read_page("rules.rst"))) - {"rule"} == set(RULES)


def test_every_checker_that_the_rules_page_names_exists() -> None:
    named = re.findall(r"``((?:core\.)?validate_\w+)\.(\w+)``", read_page("rules.rst"))
    modules = {"validate_message": validate_message, "validate_block": validate_block}
    assert named
    for module, function in named:
        assert callable(getattr(modules[module.removeprefix("core.")], function))


def test_every_command_is_in_the_wire_table() -> None:
    rows = parse_rows(TABLES.format_commands())
    assert {row[0] for row in rows.values()} - {"name"} == {f"``{spec.name}``" for spec in COMMANDS.values()}
    assert rows["6"][5] == "2"


def test_every_feature_is_in_the_wire_table() -> None:
    rows = parse_rows(TABLES.format_features())
    assert {bit: row[0] for bit, row in rows.items()} == {
        "bit": "what both do when both have it",
        **{str(bit): meaning for bit, meaning in FEATURES.items()},
    }


def test_every_limit_is_in_the_wire_table_with_a_reason() -> None:
    rows = parse_rows(TABLES.format_limits())
    for field in fields(Limits):
        default, reason = rows[f"``{field.name}``"]
        assert default
        assert reason, field.name
    assert rows["``mempool_bytes``"][0] == TABLES.format_bytes(LIMITS.mempool_bytes) == "2 MiB"


def test_every_limit_is_a_parameter() -> None:
    assert {p.limit for p in load_table().values() if p.limit} == {field.name for field in fields(Limits)}


def test_every_parameter_is_in_one_of_two_tables() -> None:
    used = set(parse_rows(TABLES.format_parameters())) - {"name"}
    without_effect = set(parse_rows(TABLES.format_obsolete_parameters())) - {"name"}
    assert used | without_effect == {f"``{name}``" for name in load_table()}
    assert not used & without_effect


@pytest.mark.parametrize("cls", [ChainParams, Delays])
def test_every_field_of_networks_has_a_meaning(cls: type[ChainParams] | type[Delays]) -> None:
    rows = parse_rows(TABLES.format_network_fields(cls))
    own = [field.name for field in fields(cls) if field.name != "default_tunables"]
    for name in [*own, *(field.name for field in fields(Tunables) if cls is ChainParams)]:
        assert rows[f"``{name}``"][2], name


def test_example_of_a_network_file_can_be_used() -> None:
    [example] = re.findall(r"\.\. code-block:: json\n\n((?:   .*\n)+)", read_page("networks.rst"))
    params = network_from_json(example, "networks.rst")
    assert len(params.hypernodes) == 2


def test_every_state_is_in_the_operating_page() -> None:
    page = read_page("operating.rst")
    assert [state.value for state in State if state.value not in page] == []


def test_every_module_is_in_the_api_reference() -> None:
    pages = TABLES.make_pages(ROOT)
    listed = set(re.findall(r"automodule:: (\S+)", "\n".join(pages.values())))
    modules = {
        ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for path in (ROOT / "hypernode").rglob("*.py")
    }
    assert modules - listed == {"hypernode", "hypernode.__main__", "hypernode.wire.command_pb2"}


STATUS = re.compile(r"(?:proposed|accepted|(?:amended|superseded) by (\d{4})), \d{1,2} [A-Z][a-z]+ \d{4}")


def test_every_decision_is_listed_and_has_its_status_and_three_parts() -> None:
    *_, pattern = read_page("adr/index.rst").split()
    pages = sorted(path for path in (DOCS / "adr").glob("0*.rst"))
    assert pages
    assert len({page.stem[:4] for page in pages}) == len(pages)
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"{page.stem[:4]}. ")
        assert [
            part for part in ("Context", "Decision", "Consequences") if f"\n{part}\n---" not in text
        ] == []
        assert fnmatch(page.stem, pattern)
        status = re.match(r".+\n=+\n\n:Status: (.+)\n", text)
        assert status, f"{page.name}: no status below its title, as adr/template.rst has it"
        match = STATUS.fullmatch(status[1])
        assert match, f"{page.name}: {status[1]}"
        assert match[1] is None or [other for other in pages if other.stem.startswith(match[1])], page.name
    template = read_page("adr/template.rst")
    assert ":Status: accepted, " in template
    assert [
        part for part in ("Context", "Decision", "Consequences") if f"\n{part}\n---" not in template
    ] == []


def test_changelog_becomes_restructured_text() -> None:
    markdown = "# Changelog\n\n## 1.0\n\n- say `this`\n"
    expected = "Changelog\n=========\n\n1.0\n---\n\n- say ``this``\n"
    assert TABLES.format_changelog(markdown) == expected


def test_help_of_the_ledger_tools_is_in_their_page() -> None:
    text = TABLES.format_ledger_help()
    assert "_generated/ledger_help.inc" in read_page("ledger_tools.rst")
    assert TABLES.make_pages(ROOT)["ledger_help.inc"] == text
    for name in check.CHECKS:
        assert f"--{name}" in text
    for name, action in ledger.ACTIONS.items():
        assert f"usage: python -m hypernode ledger {name}" in text
        assert " ".join(action.help.split()) in " ".join(text.split())
        assert f"``python -m hypernode ledger {name}``" in read_page("ledger_tools.rst")


def test_every_row_of_the_check_is_in_the_operating_page() -> None:
    rows = parse_rows(read_page("operating.rst"))
    assert [name for name in ROWS if not rows.get(name, [""])[0]] == []


def test_verdicts_of_a_check_are_in_the_page() -> None:
    rows = parse_rows(read_page("ledger_tools.rst"))
    assert {verdict.value for verdict in BlockGrade} <= set(rows)


def test_every_tunable_and_its_bounds_are_in_the_companions_page() -> None:
    text = TABLES.format_bounds()
    assert "_generated/bounds.inc" in read_page("companion.rst")
    assert TABLES.make_pages(ROOT)["bounds.inc"] == text
    assert set(parse_rows(text)) - {"parameter"} == {f"``{key}``" for key in (row.key for row in TUNABLES)}
