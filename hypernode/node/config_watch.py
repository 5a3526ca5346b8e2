"""Whose tunable parameters differ from ours: by the hashes that they say once a round (message 120)."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hypernode.core.kinds import CONFIG
from hypernode.core.types import Message, Round

MAX_SHOWN: Final = 20
"""Of those that differ, by name; all are counted."""


class ConfigWatch:
    """Remembers what each sender said last; the mempool takes messages of registered ones only."""

    def __init__(self) -> None:
        self._said: dict[str, tuple[Round, str]] = {}

    def note(self, message: Message) -> None:
        """A message that the mempool took."""
        if message.what == CONFIG:
            self._said[message.sender] = (message.value, message.params)

    def enter_round(self, round_: Round, registered: Collection[str]) -> None:
        """Forget who left, and what was said before the last round."""
        self._said = {
            sender: (said_in, params)
            for sender, (said_in, params) in self._said.items()
            if sender in registered and said_in >= round_ - 1
        }

    def describe(self, own: str, own_params: str) -> dict[str, object]:
        """For the status: our hash, how many others said theirs in this round or the last one, how many
        differ, and some of those."""
        others = {sender: params for sender, (_, params) in self._said.items() if sender != own}
        differing = sorted(sender for sender, params in others.items() if params != own_params)
        return {
            "own": own_params,
            "heard": len(others),
            "differ": len(differing),
            "differing": {sender: others[sender] for sender in differing[:MAX_SHOWN]},
        }
