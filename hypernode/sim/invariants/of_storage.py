"""What is stored: whole, valid, counted rightly, and never lost (spec 4)."""

from __future__ import annotations

from hypernode.core.rules import Rule, Violation
from hypernode.core.types import Block, Height
from hypernode.node.chain.chain_check import ChainCheck
from hypernode.node.chain.examiner import BlockGrade, Examiner
from hypernode.pow.scripted_source import ScriptedPowSource
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.invariants.of_legacy import find_intolerable, is_merciful
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.witness import StoredBlock


async def rules_hold_for_what_is_stored(watch: Watch) -> None:
    """All rules of the network hold for every block that was ever stored, judged anew; where legacy nodes
    forge, those of class A, and the rest for what honest nodes of ours forge."""
    for stored in watch.stored:
        await _judge_stored(watch, stored)
    watch.tips.clear()
    for host in watch.list_running():
        assert host.node is not None
        try:
            tip = await watch.archive.file(host.node.ports.ledger)
        except ValueError as error:
            raise InvariantFailed("rules_hold_for_what_is_stored", str(error), [host.index]) from error
        watch.tips[host.index] = tip
        broken = await find_intolerable(watch, host, tip)
        if broken is not None:
            filed, violation = broken
            detail = f"block {filed.header.height} of node {host.index} breaks {violation}"
            raise InvariantFailed("rules_hold_for_what_is_stored", detail, [host.index])


async def _judge_stored(watch: Watch, stored: StoredBlock) -> None:
    """A block when it was stored, though it may be in no chain any more; rule 3 asks for the time then."""
    block = stored.block
    try:
        filed = await watch.archive.file_block(block)
    except ValueError as error:
        raise InvariantFailed("rules_hold_for_what_is_stored", str(error), [stored.index]) from error
    breaks = list(filed.breaks)
    ahead_s = block.timestamp - stored.by_clock
    # By a clock that is behind; where there is mercy, what most hold is taken all the same.
    is_right = watch.cluster.params.mixed and not _is_ahead(watch, block, stored.at)
    if _is_ahead(watch, block, stored.by_clock) and not is_right:
        breaks.append(Violation(Rule.B3, f"{ahead_s:.0f} s in the future of who stored it"))
    for violation in breaks:
        if not is_merciful(watch, filed, violation):
            detail = f"block {block.height} that node {stored.index} stored breaks {violation}"
            raise InvariantFailed("rules_hold_for_what_is_stored", detail, [stored.index])


def _is_ahead(watch: Watch, block: Block, now: float) -> bool:
    return block.timestamp - now > watch.cluster.params.future_allowed_s


async def one_block_a_slot(watch: Watch) -> None:
    """A ledger has one block for a (round, sir)."""
    for index, tip in watch.tips.items():
        slots = [(filed.header.round, filed.header.sir) for filed in tip.walk() if filed.header.height]
        if len(set(slots)) != len(slots):
            raise InvariantFailed("one_block_a_slot", f"node {index} has two blocks for a slot", [index])


async def measures_equal_a_recount(watch: Watch) -> None:
    """Measures that a ledger keeps are those that counting gives."""
    for index, tip in watch.tips.items():
        node = watch.cluster.hosts[index].node
        reported = node.ports.ledger.get_height() if node is not None else tip.measured
        if reported != tip.measured:
            detail = f"node {index} says {reported}, counted {tip.measured}"
            raise InvariantFailed("measures_equal_a_recount", detail, [index])


async def nothing_acknowledged_is_lost(watch: Watch) -> None:
    """The tip that a ledger acknowledged last is its tip, whatever happened to the node since."""
    for loss in watch.cluster.witness.losses:
        detail = f"node {loss.index} acknowledged {loss.acknowledged.height}, and found {loss.found.height}"
        raise InvariantFailed("nothing_acknowledged_is_lost", detail, [loss.index])
    for index, tip in watch.tips.items():
        acknowledged = watch.cluster.witness.tips.get(index)
        if acknowledged is not None and tip.header.block_hash != acknowledged.block_hash:
            detail = f"node {index} acknowledged {acknowledged.height}, and is at {tip.header.height}"
            raise InvariantFailed("nothing_acknowledged_is_lost", detail, [index])


async def chains_pass_a_check(watch: Watch) -> None:
    """At the end of a run: one host's ledger, read back as ``hn_check.py --chain`` reads it, with every rule,
    the measures of every block and the totals of every round."""
    hosts = watch.cluster.list_trusted() or watch.list_running()
    if not hosts:
        return
    host = hosts[watch.cluster.seed % len(hosts)]
    assert host.node is not None
    params, ports = watch.cluster.params, host.node.ports
    source = ScriptedPowSource(watch.cluster.script, watch.cluster.clock.now)
    examiner = Examiner(params, ports.verifier, source, watch.cluster.clock.now())
    async with host.node.chain.at_rest():
        state = await ChainCheck(params, ports.ledger, examiner).run()
    refused = [
        violation
        for violation in state.breaks
        if violation.verdict is BlockGrade.REFUSED and not _was_right(watch, host, violation.height)
    ]
    if refused:
        detail = (
            f"block {refused[0].height} of node {host.index}: {refused[0].rule.number}, {refused[0].reason}"
        )
        raise InvariantFailed("chains_pass_a_check", detail, [host.index])
    if state.height != host.height.height or examiner.not_judged:
        detail = f"node {host.index}: up to {state.height}, not judged: {list(examiner.not_judged)}"
        raise InvariantFailed("chains_pass_a_check", detail, [host.index])


def _was_right(watch: Watch, host: SimNode, height: Height) -> bool:
    """Whether a block of a chain holds all rules by the companions' chain as it was before a rollback."""
    if not watch.cluster.script.former:
        return False
    filed = next((one for one in watch.tips[host.index].walk() if one.header.height == height), None)
    return filed is not None and not filed.breaks
