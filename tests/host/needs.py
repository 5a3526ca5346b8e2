"""What a test of this folder needs of its host.  What is missing fails the test, with what to type."""

from __future__ import annotations

import os
import shutil

import pytest

PACKAGES = {"flock": "util-linux", "setsid": "util-linux"}
"""The package of Debian that brings a command."""


def require_tools(*names: str) -> None:
    """Fails the test, with the line for ``apt-get``, if one of these commands is not there."""
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        packages = " ".join(sorted({PACKAGES[name] for name in missing}))
        pytest.fail(
            f"not there: {', '.join(missing)}. Install with: apt-get install {packages}", pytrace=False
        )


def require_root() -> None:
    """Fails the test if we are not root."""
    if os.geteuid() != 0:
        pytest.fail("needs root: run it as sudo make test-host", pytrace=False)
