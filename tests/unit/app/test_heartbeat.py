"""A line in the log every minute, whatever happens (spec 6, under supervision)."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.app.heartbeat import MAX_SILENCE_S, describe, keep_log_alive
from hypernode.config.settings import Flags, Settings, load_settings
from hypernode.machine.decide import Rest
from hypernode.machine.state import State
from hypernode.node.owner.runtime import Node
from tests.unit.node.beds import Bed, play

APP_LOG = "tornado.application"


def load(folder: Path, **fields: object) -> Settings:
    settings, _ = load_settings(Flags(), folder)
    return replace(settings, **fields)  # type: ignore[arg-type]


async def beat(settings: Settings, seconds: float, prepare: Callable[[Node], Awaitable[None]]) -> Node:
    node = await Bed().node()
    await prepare(node)
    task = asyncio.create_task(keep_log_alive(node, settings))
    await asyncio.sleep(seconds)
    assert not task.done()
    task.cancel()
    return node


async def _nothing(node: Node) -> None:
    """As it is."""


@pytest.mark.parametrize(("every_s", "lines"), [(10, 29), (60, 5), (100_000, 5)])
def test_a_line_comes_at_least_every_minute(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, every_s: int, lines: int
) -> None:
    caplog.set_level(logging.INFO, APP_LOG)
    play(_discard(beat(load(tmp_path, status_every_s=every_s), 295.0, _nothing)))
    assert len(caplog.records) == lines
    assert MAX_SILENCE_S < 60


def test_a_rare_status_comes_when_it_is_due_and_words_in_between(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, APP_LOG)
    play(_discard(beat(load(tmp_path, status_every_s=200, status_long=True), 450.0, _nothing)))
    kinds = [record.getMessage().split()[0] for record in caplog.records]
    assert kinds == [*["alive,"] * 3, "status", *["alive,"] * 3, "status"]


def test_a_log_level_does_not_silence_it(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR, APP_LOG)
    play(_discard(beat(load(tmp_path), 61.0, _nothing)))
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_the_long_status_is_json_on_one_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, APP_LOG)
    play(_discard(beat(load(tmp_path, status_long=True), 61.0, _nothing)))
    (record,) = caplog.records
    text = record.getMessage()
    assert "\n" not in text
    assert "state" in json.loads(text.removeprefix("status "))


def test_a_status_that_fails_is_an_error_and_the_next_one_comes(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def break_storage(node: Node) -> None:
        await node.ports.ledger.close()

    caplog.set_level(logging.INFO, APP_LOG)
    play(_discard(beat(load(tmp_path, status_long=True), 121.0, break_storage)))
    assert [record.levelno for record in caplog.records] == [logging.ERROR] * 2


def test_the_line_names_state_slot_block_and_peers() -> None:
    async def scenario() -> None:
        node = await Bed().node()
        node.activities.note_decision(Rest(State.STRONG_CONSENSUS, "7 % agree"))
        line = describe(node)
        assert line.startswith("STRONG_CONSENSUS (7 % agree), slot 0 of round 3, block 0 (0, 0) ")
        assert line.endswith("0 connected, no consensus, 0 in the mempool")
        node.halt("a fault")
        assert "(a fault)" in describe(node)

    play(scenario())


async def _discard(work: Awaitable[Node]) -> None:
    await work
