"""Settings for every test, and what a test that fails leaves open."""

from typing import Any, Final

import aiosqlite
import pytest
from hypothesis import settings

# A slow machine is no fault of the code: no deadline.  A failing example is printed to be run again.
settings.register_profile("hypernode", deadline=None, print_blob=True)
settings.load_profile("hypernode")

JOIN_S: Final = 10.0
"""For a connection's thread to end: what it has under way is one statement."""

_opened: list[aiosqlite.Connection] = []
_make_connection = aiosqlite.Connection.__init__


def _note_connection(self: aiosqlite.Connection, *arguments: Any, **options: Any) -> None:
    _make_connection(self, *arguments, **options)
    _opened.append(self)


aiosqlite.Connection.__init__ = _note_connection  # type: ignore[method-assign]


def pytest_runtest_teardown(item: pytest.Item) -> None:
    """Close the databases that a test left open because it failed: their threads are no daemons and would
    keep the whole run from ending."""
    left, _opened[:] = [*_opened], []
    for connection in left:
        if connection._thread.is_alive():
            connection.stop()
            connection._thread.join(JOIN_S)
