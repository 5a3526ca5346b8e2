"""Which nodes have other tunable parameters than we, by the hashes that they publish once a round (message
120).

They are heard in the mempool and in blocks, and after a restart read from the blocks of the last two rounds.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from hypernode.core.kinds import CONFIG
from hypernode.core.types import Message, Round
from hypernode.core.validate_message import MAX_PARAMS

MAX_SHOWN: Final = 20
"""Of those that differ, by name; all are counted."""


class ConfigWatch:
    """Keeps the hash that each registered sender published: for the last round, this one and, because clocks
    differ, the next."""

    def __init__(self) -> None:
        self._round: Round = 0
        self._registered: frozenset[str] = frozenset()
        self._said: dict[Round, dict[str, tuple[int, str]]] = {}
        """By the round that it is about, then by sender: when it was said last, and the params."""

    def note(self, messages: Iterable[Message]) -> None:
        """Note messages that the mempool took, or of a block."""
        for message in messages:
            if message.what != CONFIG or len(message.params) > MAX_PARAMS:
                continue
            if message.sender in self._registered and self._is_near(message.value):
                said = self._said.setdefault(message.value, {})
                word = (message.timestamp, message.params)
                said[message.sender] = max(word, said.get(message.sender, word))

    def enter_round(self, round_: Round, registered: Collection[str]) -> None:
        """Forget hypernodes that left, and hashes from before the last round."""
        self._round, self._registered = round_, frozenset(registered)
        self._said = {
            about: {sender: word for sender, word in said.items() if sender in self._registered}
            for about, said in self._said.items()
            if self._is_near(about)
        }

    def _is_near(self, about: Round) -> bool:
        return self._round - 1 <= about <= self._round + 1

    def describe(self, own: str, own_params: str) -> dict[str, object]:
        """For the status: our hash, how many others said theirs in this round or the last one, how many
        differ, and some of those.  Who spoke only in the last round is compared with what ours was then."""
        heard: dict[str, str] = {}
        differing: dict[str, str] = {}
        for about in (self._round, self._round - 1):
            words = {sender: params for sender, (_, params) in self._said.get(about, {}).items()}
            ours = own_params if about == self._round else words.get(own, own_params)
            fresh = {s: params for s, params in words.items() if s != own and s not in heard}
            heard.update(fresh)
            differing.update((sender, params) for sender, params in fresh.items() if params != ours)
        return {
            "own": own_params,
            "heard": len(heard),
            "differ": len(differing),
            "differing": {sender: differing[sender] for sender in sorted(differing)[:MAX_SHOWN]},
        }
