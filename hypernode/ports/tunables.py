"""The parameters in force, as the parts of a node see them."""

from __future__ import annotations

from typing import Protocol

from hypernode.core.params.tunables import Tunables


class CurrentTunables(Protocol):
    """Where a part asks for the values of the present round.  It keeps none of them: the next round may have
    others."""

    def current(self) -> Tunables: ...
