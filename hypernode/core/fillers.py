"""Who sends a message for a slot that has too few of them (a filler).

Blocks are made of messages about tests, and the test plan follows the list: where nine of ten entries do not
count, and answer nobody, nine of ten tests are of nobody by nobody, and a slot has no four messages of three
senders.  So in rounds with such entries those that count send their CONFIG again where a slot would stay
empty, few at first and then more, in an order that all know.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hypernode.core.lottery import Draws
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.types import Round, Slot

FIRST_PART: Final = 1 / 4
"""Of the slot: what the tests give is there by then, and it takes two exchanges to spread."""
STEP_PART: Final = 1 / 8
"""After so much more of the slot twice as many: the first ones may run legacy software, or be away."""
LAST_PART: Final = 3 / 4
"""From here on everybody, and a little later it would come too late."""


def compute_fillers(
    params: ChainParams, counted: Collection[str], round_: Round, sir: Slot, part: float
) -> frozenset[str]:
    """PoS addresses whose turn it is, when a ``part`` (0 to 1) of a slot that lacks messages has passed:
    first twice as many as a block needs, then twice as many as before."""
    if part < FIRST_PART:
        return frozenset()
    order = sorted(counted)
    if part < LAST_PART:
        Draws(f"fillers {round_} {sir}").shuffle(order)
        steps = int((part - FIRST_PART) / STEP_PART)
        del order[2 * params.min_block_messages << steps :]
    return frozenset(order)
