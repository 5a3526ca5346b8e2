"""Exit codes of our commands: what scripts and supervisors go by (spec 6, command lines, supervision)."""

from __future__ import annotations

import argparse
import sys
from enum import IntEnum
from typing import NoReturn


class Exit(IntEnum):
    """0 to 5 are the client's; those from 64 on are of ``sysexits``, for supervisors; those above 128 are
    what a shell says of a process that a signal ended."""

    OK = 0
    NEGATIVE = 1
    """Asked and answered: there is no such thing."""
    USAGE = 2
    NO_CONNECTION = 3
    """Cannot connect, closed, or time-out."""
    REFUSED = 4
    """The peer said ko."""
    BAD_ANSWER = 5
    COMMAND_LINE = 64
    """What ``USAGE`` is elsewhere, for a command whose 2 says something else."""
    OUR_FAULT = 70
    """Nobody expected it: a bug.  What it was is on standard error, and a node's is in its log."""
    OUTPUT = 74
    """Standard output is closed or full: the answer is lost."""
    TEMPORARY = 75
    """Trying again later may help."""
    CONFIGURATION = 78
    """Only the operator can mend it: no restart helps."""
    INTERRUPTED = 130
    """By Ctrl-C, for a command that does not say more."""
    READER_GONE = 141
    """Who read went away, and there is no other end."""


class Health(IntEnum):
    """Of ``hn_check.py``, as monitoring tools have it: nothing to do, look at it, mend it."""

    OK = 0
    WARNING = 1
    ERROR = 2


class MonitoringParser(argparse.ArgumentParser):
    """For commands whose exit status 2 means an error that was found.  A wrong command line has its own."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(Exit.COMMAND_LINE, f"{self.prog}: error: {message}\n")
