"""The tunable parameters in force: the network's own, the operator's over them, and over both what the
network's control address says (``rainbow``), taken anew at the start of each round.

The one place that holds them.  Parts are given this object and ask ``current()`` when they need a value.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from hypernode.core.kinds import format_config
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import Tunables, TunableValue, find_origin, list_values, override_tunables
from hypernode.core.registrations.colours import Colours
from hypernode.core.registrations.rainbow import Tuning, apply_rainbow


class TunablesInForce:
    """Says what is in force and where it comes from.  ``configured``: the operator's values by their names in
    his file."""

    def __init__(
        self, params: ChainParams, configured: Mapping[str, object], log: Callable[[str], None]
    ) -> None:
        self._params = params
        self._configured = dict(configured)
        self._log = log
        self._tuning = Tuning(self._compute_own())
        self.colours: Colours = ()
        """The coloured lists of the present round."""

    def _compute_own(self) -> Tunables:
        """Without ``rainbow``."""
        return override_tunables(self._params.default_tunables, self._configured)

    def current(self) -> Tunables:
        """The values in force."""
        return self._tuning.tunables

    @property
    def refused(self) -> tuple[str, ...]:
        """Values of ``rainbow`` that are out of bounds, in words."""
        return self._tuning.refused

    def enter_round(self, colours: Colours) -> None:
        """Take the values that the network has at the reference height of a round."""
        before = self._tuning
        self.colours = colours
        self._tuning = apply_rainbow(self._params, self._compute_own(), colours)
        now, old = list_values(self.current()), list_values(before.tunables)
        changes = [f"{key} {old[key]} → {now[key]}" for key in now if now[key] != old[key]]
        if changes:
            self._log(f"rainbow: {', '.join(changes)}")
        for words in self._tuning.refused:
            if words not in before.refused:
                self._log(f"left as it was: {words}")

    def reconfigure(self, key: str, configured: Mapping[str, object]) -> None:
        """Take what the operator's file says now of one parameter, or no longer says: it holds from now on,
        where ``rainbow`` does not set it."""
        self._configured.pop(key, None)
        if key in configured:
            self._configured[key] = configured[key]
        self._tuning = apply_rainbow(self._params, self._compute_own(), self.colours)

    def get_values(self) -> Mapping[str, TunableValue]:
        """The values in force, by their names in configurations."""
        return list_values(self.current())

    def get_origins(self) -> dict[str, str]:
        """Where the value of each parameter comes from."""
        tuned, configured = self._tuning.tuned, tuple(self._configured)
        return {key: find_origin(key, tuned, configured).value for key in self.get_values()}

    def format_config(self) -> str:
        """Params of our message 120."""
        return format_config(self.get_values())
