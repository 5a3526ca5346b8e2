"""The planted bugs: forty small changes of ``core``, ``machine`` and ``node``, each of the kind that slips in
when somebody rewrites a condition.

``old`` is a text that the file has exactly once; when the code changes, the mutation changes with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final


class NotPlantable(Exception):
    """The text that a mutation changes is not in its file, or there more than once."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """``file`` is below ``hypernode``; ``why``: what would come of this bug in the network."""

    file: str
    old: str
    new: str
    why: str

    @property
    def module_tests(self) -> str:
        """The unit tests of the module, below ``tests/unit``."""
        path = Path(self.file)
        return str(path.with_name(f"test_{path.name}"))

    def apply(self, source: str) -> str:
        """The module with the bug.  Raises NotPlantable."""
        count = source.count(self.old)
        if count != 1:
            raise NotPlantable(f"{self.file}: {count} times, not once: {self.old!r}")
        return source.replace(self.old, self.new)


MUTANTS: Final = (
    # --- core: the rules ---------------------------------------------------------------------------------
    Mutant(
        "core/fork_choice.py",
        "2 * behind <= connected",
        "2 * behind < connected",
        "half of the peers in sight, which is no majority, could replace past rounds",
    ),
    Mutant(
        "core/fork_choice.py",
        "if age > params.keep_rounds",
        "if age >= params.keep_rounds",
        "the oldest round that may heal would wait for an operator",
    ),
    Mutant(
        "core/fork_choice.py",
        "        height.forgers,\n        height.uniques,\n        height.round,",
        "        height.uniques,\n        height.forgers,\n        height.round,",
        "two sides would each prefer its own branch, and never agree with legacy nodes",
    ),
    Mutant(
        "core/fork_choice.py",
        "(reported.uniques_round, reported.forgers_round) == (",
        "(reported.uniques_round, measured.forgers_round) == (",
        "a branch that was told better than it is would be a promise kept",
    ),
    Mutant(
        "core/timeline.py",
        "<= now + params.future_allowed_s",
        "< now + params.future_allowed_s",
        "a block at the very limit would be dropped as premature by us alone",
    ),
    Mutant(
        "core/timeline.py",
        "return start - params.round_s",
        "return start - params.slot_s",
        "lists would follow from another PoW height than everybody's",
    ),
    Mutant(
        "core/lottery.py",
        "len(seen) < params.min_active",
        "len(seen) <= params.min_active",
        "silent ones would stay jurors in a small network",
    ),
    Mutant(
        "core/lottery.py",
        "key=lambda ticket: compute_distance(ticket, reference_hash)",
        "key=lambda ticket: (compute_distance(ticket, reference_hash), -ticket.ticket)",
        "tickets at one distance would win in the other order",
    ),
    Mutant(
        "core/lottery.py",
        "if count <= _POOL_LIMIT:",
        "if count < _POOL_LIMIT:",
        "a list of just that length would give other tests than everybody draws",
    ),
    Mutant(
        "core/lottery.py",
        "if len(others) > 1 else 0",
        "if len(others) > 2 else 0",
        "with two candidates left nobody would be tested",
    ),
    Mutant(
        "core/counting.py",
        "round_ >= first",
        "round_ > first",
        "the rule would begin a round later than the network agreed on",
    ),
    Mutant(
        "core/counting.py",
        "if entry.pos not in left_out",
        "if entry.pos not in uncounted",
        "the round before would be counted by this round's reasons",
    ),
    Mutant(
        "core/validate_block.py",
        "(block.round, block.sir) <= (parent.round, parent.sir)",
        "(block.round, block.sir) < (parent.round, parent.sir)",
        "a second block of the parent's slot would be taken on top of it",
    ),
    Mutant(
        "core/validate_block.py",
        "origin is Origin.FETCHED and majority_holds",
        "origin is Origin.FETCHED or majority_holds",
        "on mixed networks anybody's branch would be taken with its breaks",
    ),
    Mutant(
        "core/validate_block.py",
        "if len(txids) != len(block.messages) or not txids.isdisjoint(known_ids):",
        "if not txids.isdisjoint(known_ids):",
        "a message sealed twice in one block would count twice",
    ),
    Mutant(
        "core/validate_message.py",
        "now - m.timestamp > params.message_age_s",
        "now - m.timestamp >= params.message_age_s",
        "a message that others take would be refused in its last second",
    ),
    Mutant(
        "core/kpis.py",
        "counted > _TOO_MANY",
        "counted >= _TOO_MANY",
        "who sent just eighty messages would lose a point",
    ),
    Mutant(
        "core/peer_tests.py",
        "(now - rtt_s / 2)",
        "(now - rtt_s)",
        "distant peers would look as if their clocks were wrong",
    ),
    Mutant(
        "core/rewards.py",
        "entry.score >= trigger",
        "entry.score > trigger",
        "who just reaches the score would not be paid",
    ),
    Mutant(
        "core/forging.py",
        "return oldest <= m.timestamp <=",
        "return oldest < m.timestamp <=",
        "the oldest message that rule 9 allows would stay out of our blocks",
    ),
    Mutant(
        "core/registrations/registry_rules.py",
        "return (entry.ip, entry.port, entry.pos) == (text.ip, text.port, text.pos)",
        "return (entry.ip, entry.pos) == (text.ip, text.pos)",
        "an unregister that legacy nodes refuse would be taken",
    ),
    # --- machine: the decisions --------------------------------------------------------------------------
    Mutant(
        "machine/decide.py",
        "return 2 * timely > len(voters)",
        "return 2 * timely >= len(voters)",
        "half of the peers would make us drop our last blocks",
    ),
    Mutant(
        "machine/decide.py",
        "rounds_behind >= 2",
        "rounds_behind > 2",
        "a node two rounds behind would wait as if it were one",
    ),
    Mutant(
        "machine/decide.py",
        "view.monotonic - view.sync_alive_at < params.delays.grace_s",
        "view.monotonic - view.sync_alive_at <= params.delays.grace_s",
        "a silent sync would hold one look longer than the grace time",
    ),
    Mutant(
        "machine/decide.py",
        "view.round < view.forge_from_round",
        "view.round <= view.forge_from_round",
        "after a restart the node would stay silent for a round too many",
    ),
    Mutant(
        "machine/decide.py",
        "view.banned_tips | view.tips_without_order | {",
        "view.banned_tips | {",
        "a chain that lacks the ordered block would be followed again and again",
    ),
    Mutant(
        "machine/consensus.py",
        "is_second_half and consensus.chains == 1 and",
        "is_second_half and",
        "while two chains are in sight the low bar would let both sides forge",
    ),
    Mutant(
        "machine/peers.py",
        "for peer in self.holders if peer.counts",
        "for peer in self.holders",
        "registrations without collateral would stand for networks",
    ),
    Mutant(
        "machine/peers.py",
        "return now - peer.reported_at < compute_freshness_s",
        "return now - peer.reported_at <= compute_freshness_s",
        "what a hung peer said would count for a look longer than agreed",
    ),
    Mutant(
        "machine/clock_offset.py",
        " if now - reported[0] <= SPAN_S}",
        "}",
        "what was told about clocks would never expire",
    ),
    # --- node: who does it -------------------------------------------------------------------------------
    Mutant(
        "node/duty/forger.py",
        "        await self.journal.record(plan.round, sir, draft.block_hash)\n",
        "",
        "a block would be signed that the journal does not know: two for one slot after a crash",
    ),
    Mutant(
        "node/duty/forger.py",
        "timestamp = max(int(self.clock.now()), parent.timestamp)",
        "timestamp = int(self.clock.now())",
        "our block would be before its parent, and refused",
    ),
    Mutant(
        "node/duty/double_sign_guard.py",
        "last > (tip.round, tip.sir)",
        "last >= (tip.round, tip.sir)",
        "whoever forged the tip would lose a round with each restart",
    ),
    Mutant(
        "node/sync/batches.py",
        "return first < self.cursor + most",
        "return first <= self.cursor + most",
        "a batch more than the bound would be asked for and held",
    ),
    Mutant(
        "node/rpc/refused_pushes.py",
        ">= MAX_REFUSED",
        "> MAX_REFUSED",
        "a block more than allowed would be read and judged for each IP",
    ),
    Mutant(
        "node/chain/rounds.py",
        "seen = await history.get_seen(round_ - 1)",
        "seen = await history.get_seen(round_)",
        "silent ones would be drawn as jurors by us alone",
    ),
    Mutant(
        "node/chain/chain_repair.py",
        "last_pruned.timestamp + window >= parent.timestamp",
        "last_pruned.timestamp + window > parent.timestamp",
        "a message could be sealed again whose first sealing was pruned",
    ),
    Mutant(
        "node/chain/chain.py",
        "                self._mempool.return_messages(outcome.dropped_messages, self._clock.now())\n",
        "",
        "messages of a branch that went would be lost",
    ),
    Mutant(
        "node/duty/tester.py",
        "and is_feature_peer and self.peers.counts(test.tested)",
        "and is_feature_peer",
        "registrations of 0.01 BIS would move our clock",
    ),
    Mutant(
        "node/sync/partitions.py",
        'return self._words if self._clock.monotonic() < self._until else ""',
        "return self._words",
        "a split that is over would be shown for ever",
    ),
)
