"""Planted bugs: does the simulation find them?  Each mutation breaks one thing in every node.

``python -m tests.soak.mutations`` plays seed after seed with each, until an invariant breaks or the seeds are
used up, and says what found it.  Exit status 0 if at least nine of ten were found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any, Final

import hypernode.node.chain.block_validation as judging_module
import hypernode.node.chain.chain as chain_module
import hypernode.node.owner.runtime as runtime_module
import hypernode.storage.append as append_module
from hypernode.core.fork_choice import is_better
from hypernode.core.rules import UNCHECKED, Violation
from hypernode.core.types import ChainHeight, Message
from hypernode.core.validate_block import BlockContext, Origin, validate_block, validate_head
from hypernode.machine import peers as peers_module
from hypernode.machine.decide import CatchUp, Decision, NodeView, Rest, decide
from hypernode.machine.state import State
from hypernode.mempool.pool import Mempool
from hypernode.node.chain.block_validation import BlockValidator
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.history import History
from hypernode.node.duty.forger import Forger
from hypernode.node.peers.listening import Listening
from hypernode.sim.faults.plan import parse_kinds
from hypernode.sim.play import play
from hypernode.sim.report import Failure
from hypernode.sim.scenario import Scenario
from hypernode.storage.journal import SqliteJournal

LEAST_FOUND: Final = 9
"""Of the ten."""
DEFAULT_SEEDS: Final = 200

Change = tuple[Any, str, Any]
"""An object, the name of its attribute, and what stands there while the mutation is on."""


@dataclass(frozen=True, slots=True)
class Mutation:
    """``kinds``: faults without which nobody could notice (all the same, others happen too)."""

    name: str
    changes: Callable[[], Iterable[Change]]
    kinds: str = "all"


@contextmanager
def planted(mutation: Mutation) -> Iterator[None]:
    """The bug is there."""
    with ExitStack() as undo:
        for target, name, value in mutation.changes():
            undo.callback(setattr, target, name, getattr(target, name))
            setattr(target, name, value)
        yield


def make_scenario(mutation: Mutation, seed: int, *, nodes: int = 6) -> Scenario:
    """What is played to find it."""
    return Scenario(seed, nodes=nodes, hours=2.0, kinds=parse_kinds(mutation.kinds))


def find(mutation: Mutation, seeds: Iterable[int], *, nodes: int = 6) -> tuple[int, Failure] | None:
    """The first seed that shows the bug, and how."""
    with planted(mutation):
        for seed in seeds:
            failure = play(make_scenario(mutation, seed, nodes=nodes)).failure
            if failure is not None:
                return seed, failure
    return None


# --- the mutations --------------------------------------------------------------------------------------


def _leave_out_jurors() -> Iterable[Change]:
    def validate(
        network: Any, block: Any, context: BlockContext, origin: Origin, majority: bool = False
    ) -> tuple[Violation, ...]:
        return validate_block(network, block, replace(context, juror=UNCHECKED), origin, majority)

    def judge_head(network: Any, block: Any, context: BlockContext, origin: Origin) -> None:
        validate_head(network, block, replace(context, juror=UNCHECKED), origin)

    async def check_juror(self: BlockValidator, header: Any) -> None:
        """Whoever it is."""

    yield judging_module, "validate_block", validate
    yield judging_module, "validate_head", judge_head
    yield BlockValidator, "check_juror", check_juror


def _write_no_journal() -> Iterable[Change]:
    async def record(self: SqliteJournal, round_: int, sir: int, block_hash: bytes) -> None:
        """Forgotten."""

    yield SqliteJournal, "record", record


def _reverse_fork_choice() -> Iterable[Change]:
    def is_worse(a: ChainHeight, b: ChainHeight) -> bool:
        return is_better(b, a)

    # What follows our tip is better still: else no chain would ever grow.
    def choose(a: ChainHeight, b: ChainHeight) -> bool:
        return is_better(a, b) if a.height > b.height else is_worse(a, b)

    yield chain_module, "is_better", choose
    yield peers_module, "is_better", choose


class _OpenDoor:
    """A lock that holds nobody up."""

    async def __aenter__(self) -> None:
        return None

    async def __aexit__(self, *problem: object) -> None:
        return None


def _drop_the_lock() -> Iterable[Change]:
    make = Chain.__init__

    def without_lock(self: Chain, *args: Any, **options: Any) -> None:
        make(self, *args, **options)
        self._lock = _OpenDoor()  # type: ignore[assignment]

    yield Chain, "__init__", without_lock


def _forget_known_ids() -> Iterable[Change]:
    async def none_known(self: History, txids: Iterable[bytes]) -> frozenset[bytes]:
        return frozenset()

    async def drop_none(self: Forger, messages: list[Message]) -> list[Message]:
        return messages

    def keep_all(self: Mempool, messages: Iterable[Message]) -> None:
        """What is sealed stays."""

    yield History, "get_known_ids", none_known
    yield Forger, "_drop_sealed", drop_none
    yield Mempool, "remove", keep_all


def _subtract_nothing() -> Iterable[Change]:
    async def subtract(*args: Any, **options: Any) -> None:
        """Counts of blocks that went stay."""

    yield append_module, "subtract_tally", subtract


def _tell_no_messages() -> Iterable[Change]:
    def take_none(self: Mempool, peer: str, limit: int, now: float) -> list[Message]:
        return []

    yield Mempool, "take_new_for", take_none


def _overlook_own_blocks() -> Iterable[Change]:
    async def overlook(self: Chain, block: Any) -> None:
        """Whoever signed it."""

    yield Chain, "_note_own_block", overlook


def _never_catch_up() -> Iterable[Change]:
    def stay(network: Any, view: NodeView) -> Decision:
        decision = decide(network, network.default_tunables, view)
        return Rest(State.SYNCING) if isinstance(decision, CatchUp) else decision

    yield runtime_module, "decide", stay


def _leave_sessions_open() -> Iterable[Change]:
    def close_none(self: Listening) -> None:
        """They go on."""

    yield Listening, "close_all", close_none


MUTATIONS: Final = (
    Mutation("jurors are not checked", _leave_out_jurors, "usurp,crash,partition"),
    Mutation("the journal is not written", _write_no_journal),
    Mutation("fork choice is turned round", _reverse_fork_choice, "partition,crash,one_way"),
    Mutation("the chain's lock is dropped", _drop_the_lock, "equivocate,replay,partition,pause"),
    Mutation("known ids are not looked up", _forget_known_ids),
    Mutation("dropped blocks are still counted", _subtract_nothing, "partition,pause,one_way"),
    Mutation("messages are not passed on", _tell_no_messages),
    Mutation("own blocks of elsewhere are overlooked", _overlook_own_blocks, "clone"),
    Mutation("nobody catches up", _never_catch_up, "crash,silent_crash,partition"),
    Mutation("a stop leaves sessions open", _leave_sessions_open, "crash"),
)


def main(argv: list[str] | None = None) -> int:
    """Look for each, and print what found it."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak.mutations", description=__doc__)
    parser.add_argument("--seeds", type=int, default=DEFAULT_SEEDS, help="at most (default %(default)s)")
    parser.add_argument("--only", default="", help="mutations with this in their name")
    args = parser.parse_args(argv)
    chosen = [mutation for mutation in MUTATIONS if args.only in mutation.name]
    found = 0
    for mutation in chosen:
        hit = find(mutation, range(1, args.seeds + 1))
        found += hit is not None
        how = f"seed {hit[0]}: {hit[1].name} ({hit[1].detail[:80]})" if hit else f"not in {args.seeds} seeds"
        print(f"{mutation.name:<42} {how}", flush=True)
    print(f"{found} of {len(chosen)} found")
    return 0 if len(chosen) - found <= len(MUTATIONS) - LEAST_FOUND else 1


if __name__ == "__main__":
    sys.exit(main())
