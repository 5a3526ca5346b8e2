"""Signals that do not end the process, and the parent that we must not outlive."""

from __future__ import annotations

import asyncio
import logging
import os
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.app.signals import PARENT_VARIABLE, Process, dump_tasks, reload_settings, watch_parent
from hypernode.config.parameter_table import ConfigError
from hypernode.config.settings import Flags, Settings, load_settings
from hypernode.net.standing import Standing
from hypernode.node.base.logs import LogFiles
from hypernode.wire.catalogue import Limits
from tests.unit.node.beds import STRANGER, Bed, play

APP_LOG = "tornado.application"


def load(folder: Path) -> Settings:
    return load_settings(Flags(), folder)[0]


def test_a_reload_takes_the_allow_lists(tmp_path: Path) -> None:
    async def scenario() -> None:
        node = await Bed().node()
        settings = load(tmp_path)
        params = replace(settings.params, allow_queries_from=("127.0.0.1", STRANGER))
        tunables = {"ALLOW_UPDATES_FROM": (STRANGER,), "PING_DELAY": 7}
        changed = replace(settings, params=params, tunables=tunables, auto_update=True)
        admission = node.listening.admission
        admission.change_limits(Limits())
        assert admission.hold(STRANGER, 0.0) > 0
        reload_settings(Process(LogFiles([]), False, lambda: changed), node)
        assert node.serving.allow_queries_from == ("127.0.0.1", STRANGER)
        assert (node.tunables.current().allow_updates_from, node.serving.takes_updates) == ((STRANGER,), True)
        assert node.tunables.get_origins()["ALLOW_UPDATES_FROM"] == "operator"
        # the others hold from the next start on
        assert node.tunables.current().ping_delay_s == 30
        # who is let in goes by the lists in force, and one that was on hold gets in
        assert admission.hold(STRANGER, 0.0) == 0.0
        assert not admission.is_on_hold(STRANGER, 0.0)
        assert admission.standing_of(STRANGER) is Standing.OPERATOR
        reload_settings(Process(LogFiles([]), False, lambda: settings), node)
        assert admission.hold(STRANGER, 0.0) > 0
        # no longer in the file: the network's own again
        assert node.tunables.current().allow_updates_from == ()
        assert node.tunables.get_origins()["ALLOW_UPDATES_FROM"] == "network"

    play(scenario())


def test_a_faulty_configuration_changes_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> Settings:
        raise ConfigError("config.txt", 3, "PORT", "no number", "Set a number")

    async def scenario() -> None:
        node = await Bed().node()
        before = node.serving.allow_queries_from
        reload_settings(Process(LogFiles([]), False, fail), node)
        assert node.serving.allow_queries_from == before

    play(scenario())
    assert "config.txt" in caplog.text


def test_every_tasks_stack_goes_into_the_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, APP_LOG)

    async def scenario() -> None:
        node = await Bed().node()
        task = asyncio.create_task(asyncio.sleep(1), name="a task of ours")
        await asyncio.sleep(0)
        dump_tasks(node)
        await task

    play(scenario())
    assert "a task of ours" in caplog.text
    assert "slot 0 of round 3" in caplog.text


def test_a_process_without_a_launcher_has_no_parent_to_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PARENT_VARIABLE, raising=False)
    stop = asyncio.Event()
    play(watch_parent(stop))
    assert not stop.is_set()


def test_when_the_launcher_is_gone_the_node_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        stop = asyncio.Event()
        monkeypatch.setenv(PARENT_VARIABLE, str(os.getppid()))
        watch = asyncio.create_task(watch_parent(stop))
        await asyncio.sleep(10)
        assert not stop.is_set()
        monkeypatch.setattr(os, "getppid", lambda: 1)
        await asyncio.sleep(2)
        assert stop.is_set()
        await watch

    play(scenario())
