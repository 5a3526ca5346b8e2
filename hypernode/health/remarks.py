"""Remarks on a node's configuration: made once, for its log and for ``hn_check``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Remark:
    """A line about the configuration, for the log."""

    level: Literal["info", "warning"]
    text: str
