"""Remarks: what is said once about a node's configuration, in its log and by ``hn_check``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Remark:
    """A line for the log about the configuration."""

    level: Literal["info", "warning"]
    text: str
