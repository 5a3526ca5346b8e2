"""HALTED: what only an operator can end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hypernode.node.base.node_state import NodeState


@dataclass(frozen=True, slots=True)
class Halting:
    """Halts the node, once.  ``wake`` has the owner look at it at once."""

    node_state: NodeState
    warn: Callable[[str], None]
    wake: Callable[[], None]

    def halt(self, reason: str) -> None:
        """Stop forging and syncing until an operator comes; go on answering.  The first reason stays."""
        if not self.node_state.halted:
            self.warn(f"HALTED: {reason}")
            self.node_state.halt(reason)
        self.wake()
