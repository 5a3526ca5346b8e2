"""Tables for people: everything is there, and nothing of a peer's text acts on the terminal."""

from __future__ import annotations

import io
from dataclasses import replace

import pytest
from rich.console import Console

from hypernode.cli.client.tables import print_value
from hypernode.core.types import ChainHeight
from hypernode.node.base.json_shapes import block_to_object, height_to_object, message_to_list
from tests.unit.cli.node_stub import BLOCK, HEADER, MESSAGE, STATUS, WALLET


def show(action: str, value: object) -> str:
    screen = io.StringIO()
    print_value(action, value, Console(file=screen, width=200, force_terminal=False))
    return screen.getvalue()


def test_blocks_are_rows() -> None:
    shown = show("headers", [block_to_object(BLOCK), block_to_object(HEADER)])
    assert len(shown.splitlines()) == 3
    assert WALLET.address in shown
    assert "0303030303" in shown


def test_a_block_shows_its_fields_and_its_messages() -> None:
    shown = show("block", block_to_object(BLOCK))
    assert "previous_hash" in shown
    assert "START" in shown
    assert MESSAGE.txid.hex()[:10] in shown


def test_heights_are_rows() -> None:
    shown = show("heights", {"127.0.0.1:06969": height_to_object(ChainHeight(9, 3, 4, b"\xef" * 20, 5, 6))})
    assert "127.0.0.1:06969" in shown
    assert "efefefefef" in shown


def test_a_status_is_a_tree_of_names_and_values() -> None:
    shown = show("status", {**STATUS, "peers": {"outbound": ["a", "b"]}, "verbose": True})
    assert "SYNCING" in shown
    assert "a, b" in shown
    assert "yes" in shown


def test_nothing_is_said_in_words() -> None:
    assert show("block", False) == "nothing found\n"


def test_what_a_peer_sent_neither_colours_nor_moves_the_terminal() -> None:
    evil = replace(MESSAGE, params="\x1b[31m[red]x[/red]\x07")
    shown = show("mempool", [message_to_list(evil)]) + show("round", {"\x1b]0;t\x07": "[bold]\x9b31m"})
    assert not any(ord(char) < 0x20 and char != "\n" for char in shown)
    assert "\x9b" not in shown
    assert "[red]" in shown
    assert "[bold]" in shown


@pytest.mark.parametrize("action", ["block", "headers", "mempool", "heights", "round", "tx", "status"])
@pytest.mark.parametrize("value", [[], {}, [1], [[1, 2]], [{}], {"a": [1, {"b": None}]}, "text", 5, None])
def test_a_value_of_another_shape_is_shown_somehow(action: str, value: object) -> None:
    assert show(action, value).endswith("\n")


def test_a_huge_answer_is_cut() -> None:
    assert len(show("round", list(range(5_000))).splitlines()) < 1_100
    assert len(show("mempool", [message_to_list(MESSAGE)] * 1_200).splitlines()) < 1_100
