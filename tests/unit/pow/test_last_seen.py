"""Voids and coloured lists of the ledger hold on where the companion's port is asked, and over restarts."""

from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from hypernode.core.registrations.registry import VOID
from hypernode.core.types import Registration
from hypernode.ports.registrations import RegisteredList
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.ledger.source import LedgerPowSource
from tests.unit.pow.ledgers import (
    FIRST,
    NETWORK,
    blocks,
    funding,
    registering,
    row,
    text_of,
    time_of,
    write,
)
from tests.unit.pow.ledgers import pos as pos_of
from tests.unit.pow.node_beds import ROUND, Bed, play

ENTRIES = tuple(
    Registration(c * 56, f"10.0.0.{n}", "6969", f"pos {c}", c * 56, 1) for n, c in enumerate("abc")
)
OF_LEDGER = RegisteredList(3, 7, ENTRIES, ("pos b",), (("rainbow", "x=1"), ("white", "1")))
OF_PORT = RegisteredList(4, 8, ENTRIES[1:], (), (("black", "2"),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seen.json"


def test_what_the_ledger_told_holds_over_a_restart(path: Path) -> None:
    LastSeen(path).note(OF_LEDGER)
    assert path.stat().st_mode & 0o777 == 0o600
    listed = LastSeen(path).apply(OF_PORT)
    assert (listed.entries, listed.voided, listed.colours) == (ENTRIES[1:], ("pos b",), OF_LEDGER.colours)


def test_where_the_ledger_told_nothing_a_list_stays_as_it_is(path: Path) -> None:
    assert LastSeen(path).apply(OF_PORT) == OF_PORT
    LastSeen(path).note(RegisteredList(3, 7, ENTRIES))
    assert not path.exists()


def test_an_older_round_tells_nothing_new(path: Path) -> None:
    seen = LastSeen(path)
    seen.note(OF_LEDGER)
    seen.note(RegisteredList(2, 5, ENTRIES))
    assert LastSeen(path).apply(OF_PORT).voided == ("pos b",)
    seen.note(RegisteredList(4, 9, ENTRIES))
    assert LastSeen(path).apply(OF_PORT).voided == ()


def test_a_tool_looks_and_writes_nothing(path: Path) -> None:
    LastSeen(path, is_ours=False).note(OF_LEDGER)
    assert not path.exists()


DAMAGED = [
    *(b"", b"[]", b"{", b"[" * 100_000, b"[1, 2, 3]", b"[3, null, []]", b"[3, [1], []]", b"\xff"),
    *(b'["3", [], []]', b'[3, [], [["a"]]]', b'[3, [], [["a", 1]]]'),
]


@pytest.mark.parametrize("content", DAMAGED)
def test_what_is_damaged_is_said_and_made_again(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    said: list[str] = []
    seen = LastSeen(path, warn=said.append)
    assert seen.apply(OF_PORT) == OF_PORT
    assert "remove this file" in said[0]
    seen.note(OF_LEDGER)
    assert LastSeen(path).apply(OF_PORT).voided == ("pos b",)


def test_what_cannot_be_written_is_said_and_holds_while_we_live(tmp_path: Path) -> None:
    said: list[str] = []
    seen = LastSeen(tmp_path / "gone" / "seen.json", warn=said.append)
    seen.note(OF_LEDGER)
    assert "look at the disk" in said[0]
    assert seen.apply(OF_PORT).voided == ("pos b",)


def test_the_ledger_source_notes_and_the_port_applies(path: Path, tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    control = NETWORK.control_pow
    void = row(FIRST + 3, control, control, 0, VOID, text_of(1))
    white = row(FIRST + 3, control, control, 0, "color:white", "1.1.1.1")
    rows = [funding(FIRST, 1), registering(FIRST + 1, 1), void, white]
    write(ledger, blocks(FIRST, FIRST + 200, rows))
    round_ = int((time_of(FIRST) - NETWORK.origin_of_time) // NETWORK.round_s) + 3

    async def read() -> RegisteredList:
        source = LedgerPowSource(ledger, NETWORK, inline=True, last_seen=LastSeen(path))
        return await source.get_registered(round_)

    assert asyncio.run(read()).voided == (pos_of(1),)
    assert json.loads(path.read_text())[1:] == [[pos_of(1)], [["white", "1.1.1.1"]]]

    async def scenario(bed: Bed) -> None:
        listed = await bed.source.get_registered(ROUND)
        assert listed.colours == (("white", "1.1.1.1"),)
        remarks = (await bed.source.get_status(bed.clock.now())).remarks
        assert remarks == (
            f"voids and coloured lists are those that the PoW node's ledger told for round {round_}",
        )

    play(scenario, last_seen=LastSeen(path))


def test_a_pipe_in_the_place_of_coloured_lists_is_not_waited_for(tmp_path: Path) -> None:
    coloured = tmp_path / "colored.json"
    os.mkfifo(coloured)

    async def scenario(bed: Bed) -> None:
        assert (await bed.source.get_registered(ROUND)).colours == ()

    play(scenario, coloured=coloured)


@pytest.mark.parametrize("name", ["c" * 300, "c\0c"])
def test_a_path_of_coloured_lists_that_is_none_is_accepted(tmp_path: Path, name: str) -> None:
    async def scenario(bed: Bed) -> None:
        status = await bed.source.get_status(bed.clock.now())
        assert status.problem == ""
        assert (await bed.source.get_registered(ROUND)).colours == ()

    play(scenario, coloured=tmp_path / name)
