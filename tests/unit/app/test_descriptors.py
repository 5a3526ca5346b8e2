"""As many sessions as there are descriptors for."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.app.descriptors import FEWEST_SESSIONS, fit_sessions
from hypernode.config.settings import Flags, load_settings
from hypernode.health.host import OTHER_FILES


@pytest.mark.parametrize(
    ("spare", "sessions", "kept"),
    [(0, 300, 100), (-1, 299, 99), (-200, 100, 33), (-10_000, FEWEST_SESSIONS, FEWEST_SESSIONS // 3)],
)
def test_too_few_are_said_and_suffice_for_fewer_sessions(
    tmp_path: Path, spare: int, sessions: int, kept: int
) -> None:
    settings = load_settings(Flags(), tmp_path)[0]
    settings = replace(settings, limits=replace(settings.limits, sessions=300, sessions_kept=100))
    needed = 300 + settings.params.default_tunables.max_connect_to + OTHER_FILES
    fitted, words = fit_sessions(settings, needed + spare)
    assert (fitted.limits.sessions, fitted.limits.sessions_kept) == (sessions, kept)
    assert bool(words) == (spare < 0)
    assert spare == 0 or f"ulimit -n {needed}" in words


def test_where_there_is_no_limit_nothing_is_said(tmp_path: Path) -> None:
    settings = load_settings(Flags(), tmp_path)[0]
    assert fit_sessions(settings, None) == (settings, "")


@pytest.mark.parametrize(("limits", "taken"), [("-Sn 50; ulimit -Hn 90", 90), ("-n 60", 60)])
def test_a_process_takes_what_it_may(limits: str, taken: int) -> None:
    code = (
        "from hypernode.app.descriptors import raise_limit; import resource;"
        "print(raise_limit(), resource.getrlimit(resource.RLIMIT_NOFILE)[0])"
    )
    shell = f'ulimit {limits}; exec "$0" -c "$1"'
    ended = subprocess.run(["bash", "-c", shell, sys.executable, code], capture_output=True, text=True)
    assert ended.stdout.split() == [str(taken)] * 2
