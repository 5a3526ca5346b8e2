"""The states of a hypernode (spec 6, states): their names are in the status, and operators know them."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """What the node is doing.  The value is the name that the status tells.

    A catch-up begins with PRESYNC: connections are held all the time, and the best chain is chosen before.
    CONNECT1, CONNECT2 and ELECT are what legacy nodes tell."""

    START = "START"
    SYNCING = "SYNCING"
    STRONG_CONSENSUS = "STRONG_CONSENSUS"
    MINIMAL_CONSENSUS = "MINIMAL_CONSENSUS"
    FORGING = "FORGING"
    SENDING = "SENDING"
    CATCHING_UP_CONNECT1 = "CATCHING_UP_CONNECT1"
    CATCHING_UP_CONNECT2 = "CATCHING_UP_CONNECT2"
    CATCHING_UP_ELECT = "CATCHING_UP_ELECT"
    CATCHING_UP_PRESYNC = "CATCHING_UP_PRESYNC"
    CATCHING_UP_SYNC = "CATCHING_UP_SYNC"
    ROUND_SYNC = "ROUND_SYNC"
    NEWROUND = "NEWROUND"
    TESTING = "TESTING"
    POW_NOT_SYNC = "POW_NOT_SYNC"
    HALTED = "HALTED"
