"""The tunable parameters in force: the operator's, and from the start of each round the network's over them.

A ``ChainParams`` never changes.  A round has one of its own, made from ours and ``rainbow``, and every part
that looks at a tunable parameter is given it here, at one moment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, Protocol

from hypernode.core.chain_params import ChainParams
from hypernode.core.kinds import format_config, get_tunables
from hypernode.core.registrations.colours import Colours
from hypernode.core.registrations.rainbow import Tuning, apply_rainbow

OF_THE_NETWORK: Final = "network"
OF_THE_OPERATOR: Final = "operator"
OF_RAINBOW: Final = "rainbow"


class Tunable(Protocol):
    """A part of the node that looks at tunable parameters."""

    params: ChainParams


class Tuner:
    """Knows which parameters are in force and where each comes from.  ``set_by_operator`` names those of the
    operator's file."""

    def __init__(
        self, params: ChainParams, set_by_operator: frozenset[str], log: Callable[[str], None]
    ) -> None:
        self._own = params
        self._set_by_operator = set_by_operator
        self._log = log
        self._tuning = Tuning(params)
        self._parts: Sequence[Tunable] = ()
        self.colours: Colours = ()
        """The coloured lists of the present round."""

    def attach(self, parts: Sequence[Tunable]) -> None:
        """These are given the network of each round."""
        self._parts = parts

    @property
    def params(self) -> ChainParams:
        """With the parameters in force."""
        return self._tuning.params

    @property
    def refused(self) -> tuple[str, ...]:
        """Values of ``rainbow`` that are out of bounds, in words."""
        return self._tuning.refused

    def enter_round(self, colours: Colours) -> None:
        """Take the values that the network has at the reference height of a round."""
        before = self._tuning
        self.colours = colours
        self._tuning = apply_rainbow(self._own, colours)
        for part in self._parts:
            part.params = self._tuning.params
        now, old = get_tunables(self.params), get_tunables(before.params)
        changes = [f"{key} {old[key]} → {now[key]}" for key in now if now[key] != old[key]]
        if changes:
            self._log(f"rainbow: {', '.join(changes)}")
        for words in self._tuning.refused:
            if words not in before.refused:
                self._log(f"left as it was: {words}")

    def get_tunables(self) -> Mapping[str, object]:
        """The parameters in force, by their names in configurations."""
        return get_tunables(self.params)

    def get_origins(self) -> dict[str, str]:
        """Where the value of each parameter comes from."""
        return {key: self._get_origin(key) for key in self.get_tunables()}

    def _get_origin(self, key: str) -> str:
        if key in self._tuning.tuned:
            return OF_RAINBOW
        return OF_THE_OPERATOR if key in self._set_by_operator else OF_THE_NETWORK

    def format_config(self) -> str:
        """Params of our message 120."""
        return format_config(get_tunables(self.params))
