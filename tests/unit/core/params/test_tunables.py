"""The one table of the tunable parameters, and values made from it."""

from __future__ import annotations

from dataclasses import fields, replace

import pytest

from hypernode.core.params.chain_params import replace_fields
from hypernode.core.params.network_file import network_from_json, network_to_json
from hypernode.core.params.tunables import (
    TUNABLES,
    TUNABLES_BY_KEY,
    Tunable,
    TunableOrigin,
    Tunables,
    find_origin,
    list_values,
    override_tunables,
)
from tests.unit.core.builders import OWN

VALUES = OWN.default_tunables


def test_each_parameter_has_one_row_and_each_row_a_parameter() -> None:
    assert [row.field for row in TUNABLES] == list(dict.fromkeys(row.field for row in TUNABLES))
    assert {row.field for row in TUNABLES} == {field.name for field in fields(Tunables)}
    assert len(TUNABLES_BY_KEY) == len(TUNABLES) == 9


@pytest.mark.parametrize("row", TUNABLES, ids=lambda row: row.key)
def test_the_default_is_within_the_bounds_of_operator_and_network(row: Tunable) -> None:
    default = list_values(VALUES)[row.key]
    assert isinstance(default, int) is (row.kind == "whole number")
    if isinstance(default, int):
        assert row.least <= default <= row.most_of_chain <= row.most


def test_values_given_by_name_replace_those_alone() -> None:
    changed = override_tunables(VALUES, {"PING_DELAY": 9, "ALLOW_UPDATES_FROM": ("1.2.3.4",)})
    assert changed == replace(VALUES, ping_delay_s=9, allow_updates_from=("1.2.3.4",))
    assert override_tunables(VALUES, {}) == VALUES


@pytest.mark.parametrize(
    ("by_chain", "by_operator", "origin"),
    [
        ((), (), TunableOrigin.DEFAULT),
        (("PING_DELAY",), (), TunableOrigin.CHAIN),
        ((), ("PING_DELAY",), TunableOrigin.OPERATOR),
        (("PING_DELAY",), ("PING_DELAY",), TunableOrigin.CHAIN),
        (("MAX_CONNECT_TO",), ("BLOCK_SYNC_COUNT",), TunableOrigin.DEFAULT),
    ],
)
def test_the_chain_wins_over_the_operator_and_he_over_the_default(
    by_chain: tuple[str, ...], by_operator: tuple[str, ...], origin: TunableOrigin
) -> None:
    assert find_origin("PING_DELAY", by_chain, by_operator) is origin


def test_a_network_file_keeps_its_flat_fields() -> None:
    params = replace_fields(OWN, max_connect_to=7, min_active=3)
    assert (params.default_tunables.max_connect_to, params.min_active) == (7, 3)
    text = network_to_json(params)
    assert '"max_connect_to": 7' in text
    assert "default_tunables" not in text
    assert network_from_json(text, "net.json") == params
