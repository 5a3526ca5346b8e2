"""The shipped table of parameters is complete and tells the truth about the defaults."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

import pytest

import hypernode.config as config_package
from hypernode.config.config_files import parse_config
from hypernode.config.parameter_table import (
    NO_PURPOSE,
    OF_THE_NETWORK,
    TABLE_FILE,
    ConfigError,
    Parameter,
    get_default,
    load_table,
)
from hypernode.core.params.networks import mainnet
from hypernode.core.params.tunables import TUNABLES_BY_KEY
from hypernode.wire.catalogue import LIMITS

TABLE = load_table()
NAMES_OF_OPERATORS = [
    "POW_LEDGER_DB",
    "NODE_PY_PATH",
    "LOG",
    "MAX_CONNECT_TO",
    "BLOCK_SYNC_COUNT",
    "WAIT",
    "STATUS_EVERY",
    "STATUS_LONG",
    "DEBUG_MODE",
    "TEST_ROUND_CACHE",
    "SHORT_WAIT",
    "PEER_RETRY_SECONDS",
    "PYTHON_EXECUTABLE",
    "POW_DISTINCT_PROCESS",
    "IGNORE_POLYSIGN",
    "POW_ALTERNATE_URL",
    "AUTO_UPDATE",
    "ALLOW_UPDATES_FROM",
    "ALLOW_QUERIES_FROM",
    "POW_IP",
    "POW_PORT",
    "OUT_IP",
]


def test_every_name_that_operators_have_is_known() -> None:
    assert set(NAMES_OF_OPERATORS) <= set(TABLE)


def test_every_limit_of_the_wire_is_in_the_table_with_its_default() -> None:
    shown = {p.limit: p.default for p in TABLE.values() if p.limit}
    assert shown == {f.name: getattr(LIMITS, f.name) for f in fields(LIMITS)}


@pytest.mark.parametrize("parameter", [p for p in TABLE.values() if p.network], ids=lambda p: p.name)
def test_a_parameter_of_the_network_has_the_default_of_main(parameter: Parameter) -> None:
    assert get_default(parameter) == getattr(mainnet(), parameter.network)


@pytest.mark.parametrize("parameter", [p for p in TABLE.values() if p.delay], ids=lambda p: p.name)
def test_a_delay_has_the_default_of_main(parameter: Parameter) -> None:
    assert get_default(parameter) == getattr(mainnet().delays, parameter.delay)


@pytest.mark.parametrize("parameter", TABLE.values(), ids=lambda p: p.name)
def test_every_default_is_a_value_that_a_file_may_have(parameter: Parameter) -> None:
    if parameter.type in (NO_PURPOSE, OF_THE_NETWORK):
        return
    default = get_default(parameter)
    text = ",".join(map(str, default)) if isinstance(default, tuple) else str(default)
    assert parse_config(f"{parameter.name}={text}", "here", TABLE).values == {parameter.name: default}


@pytest.mark.parametrize("parameter", TABLE.values(), ids=lambda p: p.name)
def test_every_parameter_has_a_meaning_of_one_line(parameter: Parameter) -> None:
    assert parameter.meaning
    assert "\n" not in parameter.meaning
    assert parameter.name == parameter.name.upper()


SHIPPED = """\
# What this node does otherwise than the defaults: KEY=VALUE, one a line; after " #" a line is a comment.
# What can be set: config.txt.example shows the usual, config.json has every name with its default.
# After a change: python hn_instance.py --action check-config, then start the node again.
"""


def test_the_shipped_overrides_never_change_again() -> None:
    """Operators write below these lines: another one here would be a conflict at their next update."""
    text = (TABLE_FILE.parent / "config.txt").read_text(encoding="utf-8")
    assert text == SHIPPED
    assert parse_config(text, "config.txt", TABLE).values == {}


def test_every_line_of_the_example_can_be_set() -> None:
    text = (TABLE_FILE.parent / "config.txt.example").read_text(encoding="utf-8")
    assert parse_config(text, "config.txt.example", TABLE).values == {}
    offered = [line.removeprefix("#") for line in text.splitlines() if re.match(r"#[A-Z_]+=", line)]
    config = parse_config("\n".join(offered), "config.txt.example", TABLE)
    assert len(config.values) == len(offered) > 5
    assert config.remarks == ()
    assert config.values["PORT"] == 6969


@pytest.mark.parametrize(
    "content", [None, "{", "[]", json.dumps({"X": {"type": "?", "default": 1, "meaning": "m"}})]
)
def test_a_missing_or_damaged_table_is_a_configuration_error(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigError, match=r"config\.json: the table of parameters cannot be read"):
        load_table(path)


def test_every_parameter_that_sets_no_field_of_a_table_is_read() -> None:
    """A row that nobody reads would be a parameter that does nothing."""
    folder = Path(config_package.__file__).parent
    source = "".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py"))
    own = [
        p.name
        for p in TABLE.values()
        if p.type not in (NO_PURPOSE, OF_THE_NETWORK)
        and not (p.network or p.delay or p.limit or p.name in TUNABLES_BY_KEY)
    ]
    assert len(own) > 10
    assert [name for name in own if f'"{name}"' not in source] == []
