"""File descriptors: raises the limit as far as it goes, and lowers the number of sessions to what it
allows."""

from __future__ import annotations

import resource
from dataclasses import replace
from typing import Final

from hypernode.config.settings import Settings
from hypernode.health.host import OTHER_FILES

MOST_FILES: Final = 65_536
"""More than any node needs; a limit of millions makes some libraries slow."""
FEWEST_SESSIONS: Final = 8
"""With fewer a node is of no use to others; it tries, and says what is wrong."""


def raise_limit() -> int | None:
    """Take as many descriptors as the system lets us; how many those are, None for no limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return None
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if wanted > soft:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        except (OSError, ValueError):
            return soft
    return max(soft, wanted)


def fit_sessions(settings: Settings, descriptors: int | None) -> tuple[Settings, str]:
    """The settings with as many sessions as there are descriptors for, and what there is to say about it."""
    limits, dials = settings.limits, settings.own_tunables.max_connect_to
    needed = limits.sessions + dials + OTHER_FILES
    if descriptors is None or descriptors >= needed:
        return settings, ""
    sessions = min(limits.sessions, max(FEWEST_SESSIONS, descriptors - dials - OTHER_FILES))
    kept = min(limits.sessions_kept, sessions // 3)
    words = (
        f"only {descriptors} files may be open, too few for {limits.sessions} sessions and {dials} "
        f"connections: no more than {sessions} sessions are taken. Start it with ulimit -n {needed}, or "
        f"LimitNOFILE={needed} in the unit of systemd"
    )
    return replace(settings, limits=replace(limits, sessions=sessions, sessions_kept=kept)), words
