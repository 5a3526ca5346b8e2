"""Why a slot of ours has no block of ours (spec 10, 2): the codes are frozen, the words may change."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class Reason(Enum):
    """What stood against forging.  The value is what logs and other programs are told."""

    NOT_RUNNING = "not-running"
    STARTING = "starting"
    NO_CONNECTIONS = "no-connections"
    CATCHING_UP = "catching-up"
    NO_CONSENSUS = "no-consensus"
    TOO_FEW_MESSAGES = "too-few-messages"
    CLOCK_OFF = "clock-off"
    COMPANION_LATE = "companion-late"
    RESTART_RULE = "restart-rule"
    ALREADY_SIGNED = "already-signed"
    DISK = "disk"
    HALTED = "halted"
    ROUND_NOT_DERIVED = "round-not-derived"
    TOO_LATE = "too-late"


@dataclass(frozen=True, slots=True)
class Obstacle:
    """A reason with its figures in words (``8 %, over 18 needed``)."""

    reason: Reason
    figures: str
