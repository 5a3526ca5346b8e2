"""The key stays in this process: no core dump has it, and no other process of our user can read it.

``RLIMIT_CORE`` 0 is not enough: the kernel pays no heed to it where dumps go to a program (systemd-coredump,
apport).  A process that is not dumpable is dumped nowhere, and its memory is read by root alone.  What
follows from that is in docs/adr/0027.
"""

from __future__ import annotations

import ctypes
import os
import resource
import sys
from typing import Final

PRIVATE_UMASK: Final = 0o027
"""Files that others than ``files.own_files`` make (SQLite's, the rotated logs) are not for others to read."""
_PR_SET_DUMPABLE: Final = 4


def forbid_dumps() -> None:
    """No core dump of this process; on Linux no look into its memory either.  Where the system does not know
    the call, nothing."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def keep_files_private() -> None:
    """What is made from now on is not for others."""
    os.umask(PRIVATE_UMASK)
