"""How chains may change between two checks: by what ledgers were told to replace, and seen from the blocks
alone (spec 4, which chain is better)."""

from __future__ import annotations

from hypernode.core.fork_choice import is_better
from hypernode.core.timeline import compute_round_slot
from hypernode.sim.archive import Filed
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.watch import TipBefore, Watch


def remember_tips(watch: Watch) -> None:
    """For the next check."""
    cluster = watch.cluster
    round_, _ = compute_round_slot(cluster.params, cluster.clock.now())
    watch.tips_before = {
        index: TipBefore(tip, round_, cluster.witness.operator[index]) for index, tip in watch.tips.items()
    }


async def chains_change_for_the_better(watch: Watch) -> None:
    """What a node replaces by itself goes for a better chain, and is not older than two rounds; only what it
    took before its time goes for nothing."""
    seen, watch.seen_reorganisations = watch.seen_reorganisations, len(watch.cluster.witness.reorganisations)
    for change in watch.cluster.witness.reorganisations[seen:]:
        if change.is_by_operator or change.is_premature:
            continue
        if not is_better(change.after, change.before):
            detail = f"node {change.index} left {change.before} for {change.after}"
            raise InvariantFailed("chains_change_for_the_better", detail, [change.index])
        oldest = change.oldest_round
        if oldest is not None and change.present_round - oldest > watch.cluster.params.keep_rounds:
            detail = f"node {change.index} replaced a block of round {oldest} in {change.present_round}"
            raise InvariantFailed("chains_change_for_the_better", detail, [change.index])


async def old_blocks_stay(watch: Watch) -> None:
    """No block goes by itself that is older than two rounds."""
    for index, before, tip in _list_changed(watch):
        oldest = _list_dropped(before.tip, tip)[-1]
        age = before.round - oldest.header.round
        if age > watch.cluster.params.keep_rounds:
            detail = f"block {oldest.header.height} of node {index} went, {age} rounds old"
            raise InvariantFailed("old_blocks_stay", detail, [index])


async def reorganisations_are_declared(watch: Watch) -> None:
    """A chain loses blocks, or falls, only by a replacement that is one."""
    declared = {change.index for change in watch.cluster.witness.reorganisations[watch.seen_declared :]}
    watch.seen_declared = len(watch.cluster.witness.reorganisations)
    for index, before, tip in _list_changed(watch):
        if index not in declared:
            detail = f"node {index} went from {before.tip.header.height} to {tip.header.height} in silence"
            raise InvariantFailed("reorganisations_are_declared", detail, [index])


def _list_changed(watch: Watch) -> list[tuple[int, TipBefore, Filed]]:
    """Hosts whose chain is no longer the one before or what follows it, without an operator's doing."""
    return [
        (index, before, tip)
        for index, before in watch.tips_before.items()
        if (tip := watch.tips.get(index)) is not None
        and before.operator == watch.cluster.witness.operator[index]
        and not _holds(tip, before.tip)
    ]


def _holds(tip: Filed, block: Filed) -> bool:
    return any(filed is block for filed in tip.walk() if filed.header.height <= block.header.height)


def _list_dropped(before: Filed, tip: Filed) -> list[Filed]:
    """Blocks of a chain that another has not, from its tip down."""
    kept = {filed.header.block_hash for filed in tip.walk()}
    dropped = []
    for filed in before.walk():
        if filed.header.block_hash in kept:
            break
        dropped.append(filed)
    return dropped
