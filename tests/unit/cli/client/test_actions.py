"""The table of a client's actions is complete, and parameters are checked before anything is sent."""

from __future__ import annotations

import pytest

from hypernode.cli.client.actions import ACTIONS, BadParam, make_question
from hypernode.cli.client.command import ACTION_NAMES
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command

NAMES_OF_SCRIPTS = (
    *("hello", "ping", "status", "round", "block", "tx", "address_txs", "mempool", "blocksync"),
    *("hypernodes", "headers", "heights", "txtest", "update"),
)


def test_every_action_that_scripts_use_is_there() -> None:
    assert set(NAMES_OF_SCRIPTS) <= set(ACTIONS)


OWN = "BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn"


def test_the_command_line_offers_what_the_table_has() -> None:
    assert list(ACTION_NAMES) == list(ACTIONS)


@pytest.mark.parametrize(
    ("name", "param", "question"),
    [
        ("block", "0", Command(CommandId.GETBLOCK, int32=0)),
        ("block", "2147483647", Command(CommandId.GETBLOCK, int32=2**31 - 1)),
        ("blocksync", "5", Command(CommandId.BLOCKSYNC, int32=5)),
        ("tx", "AB" * 64, Command(CommandId.GETTX, string="ab" * 64)),
        ("mempool", "", Command(CommandId.MEMPOOL, int32=1)),
        ("headers", "", Command(CommandId.GETHEADERS, string="")),
        ("headers", ",5", Command(CommandId.GETHEADERS, string=",5")),
        ("hypernodes", "", Command(CommandId.GETHYPERNODES)),
        ("hypernodes", "1,0,9", Command(CommandId.GETHYPERNODES, string="1,0,9")),
        ("headers", "7,5", Command(CommandId.GETHEADERS, string="7,5")),
        ("hypernodes", "2", Command(CommandId.GETHYPERNODES, string="2")),
        ("address_txs", f"{OWN},1", Command(CommandId.GETADDTXS, string=f"{OWN},1")),
        ("address_txs", f"{OWN},{'ab' * 64}", Command(CommandId.GETADDTXS, string=f"{OWN},{'ab' * 64}")),
        ("status", "", Command(CommandId.STATUS)),
    ],
)
def test_the_question_is_the_command_of_the_wire(name: str, param: str, question: Command) -> None:
    assert make_question(ACTIONS[name], param) == question


@pytest.mark.parametrize(
    ("name", "param", "words"),
    [
        ("block", "", "needs --param: a height"),
        ("block", "-1", "expected a number from 0"),
        ("block", "2147483648", "expected a number from 0"),
        ("block", "seven", "not 'seven'"),
        ("block", "٧", "expected a number"),
        ("tx", "xyz", "expected the id of a message in hexadecimal"),
        ("address_txs", "foo", "expected address, or address,height"),
        ("address_txs", OWN[:-1] + "1", "checksum"),
        ("address_txs", f"{OWN},x", "height is no number"),
        ("address_txs", f"{OWN},{'x' * 20}", "no hexadecimal"),
        ("headers", "5", "expected start,count or ,count"),
        ("headers", "5,", "count is no number"),
        ("headers", "a,5", "start is no number"),
        ("hypernodes", "3", "expected 1,from,to"),
        ("hypernodes", "1,2", "expected 1,from,to"),
        ("status", "7", "takes no --param"),
        ("update", "", "needs --param"),
    ],
)
def test_a_parameter_that_cannot_be_used_is_told(name: str, param: str, words: str) -> None:
    with pytest.raises(BadParam, match=words):
        make_question(ACTIONS[name], param)
