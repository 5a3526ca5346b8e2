"""Which messages a node may forget (spec 4, storage): only those that rule 10 can never need again."""

from __future__ import annotations

from hypernode.core.params.chain_params import ChainParams

# Why no id of a pruned message can be valid in a block to come:
#
# 1. A block to come stands on a parent P: our tip, or, where a branch replaces blocks of ours, a block below
#    those; and blocks older than ``keep_rounds`` rounds are never replaced (spec 4).  So P is the last block
#    before the kept rounds, or a later one, and the block's timestamp is not before P's (rule 3).
# 2. Its messages have timestamps of at least the block's - message_age_s - slot_s (rule 9).
# 3. A message of a stored block X has a timestamp of at most X's + future_allowed_s (rule 9), and a
#    timestamp is signed: the same id cannot come with another one.
#
# Hence a message of X cannot be sealed again once X's timestamp + window < P's timestamp, with the window
# below.  On a mixed network a branch that most peers that count hold is taken although it breaks rule 3
# or 9; but ids are unique in the database of every legacy node and by rule 10 in every other one that has its
# messages, so no majority holds a branch that seals one twice.


def count_kept_rounds(params: ChainParams) -> int:
    """Rounds at the end of the chain whose messages stay: those that a better branch may replace (the
    latest and ``keep_rounds`` before it)."""
    return params.keep_rounds + 1


def compute_replay_window(params: ChainParams) -> int:
    """Seconds: a message of a block whose timestamp is further than this before that of the last block
    below the kept rounds can never be valid in a new block."""
    return params.message_age_s + params.slot_s + params.future_allowed_s
