"""A round begins: its lists are derived, and the parts of the node live by them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from hypernode.core.kinds import CONFIG
from hypernode.core.lottery import compute_connect_to
from hypernode.core.types import Registration, Round, RoundPlan
from hypernode.node.owner.components import Components
from hypernode.node.owner.saved_mempool import load_messages


@dataclass(slots=True)
class RoundEntry:
    """Enters rounds, the first one with what was kept from before the start."""

    parts: Components
    log: Callable[[str], None]
    _is_first_done: bool = False

    async def enter(self, round_: Round, group: asyncio.TaskGroup | None) -> None:
        """Derive the lists of the present round and live by them; ``group`` owns the connections.  Raises
        PowNotReady, StorageTrouble."""
        parts = self.parts
        finished = parts.node_state.plan
        if finished is not None and finished.round < round_:
            await parts.ports.ledger.save_status(finished.round, await parts.views.get_status())
        begun = parts.ports.clock.monotonic()
        plan = await parts.chain.derive_plan(round_)
        took_s = parts.ports.clock.monotonic() - begun
        parts.subjects.say("timing", lambda: f"the lists of round {round_} were derived in {took_s:.3f} s")
        parts.subjects.say("determine", lambda: describe_plan(plan))
        targets = await hand_out(parts, plan)
        if group is not None:
            parts.connector.set_targets(targets, group)
        if not self._is_first_done:
            self._is_first_done = True
            await self._recall(round_)
        await parts.evidence.report_again(round_)
        jurors = len({juror.address for juror in plan.jurors})
        self.log(
            f"round {round_}: {len(plan.registered)} registered, "
            f"{len(parts.node_state.counted.present)} count, {len(plan.inactive)} inactive, "
            f"{len(plan.voided)} voided, {jurors} jurors"
        )

    async def _recall(self, round_: Round) -> None:
        """Configurations that the chain tells of, and the mempool that was saved."""
        parts = self.parts
        last_before, _ = await parts.ports.ledger.get_reference(round_ - 1)
        parts.intake.configs.note(await parts.ports.ledger.get_messages_of_kind(CONFIG, last_before + 1))
        await parts.intake.submit(load_messages(parts.ports.files))


def describe_plan(plan: RoundPlan) -> str:
    """Whose the slots are, and what they follow from."""
    slots = ", ".join(f"{sir} {juror.address}" for sir, juror in enumerate(plan.jurors))
    return f"round {plan.round} from block {plan.reference_hash.hex()[:10]}: {slots or 'no jurors'}"


async def hand_out(parts: Components, plan: RoundPlan) -> list[Registration]:
    """To every part what it needs of the plan; whom we are to connect to."""
    round_ = plan.round
    before = await parts.rounds.get_registered_before(round_)
    parts.companion.enter_round()
    parts.tuner.enter_round(await parts.rounds.get_colours(round_))
    welcome = [entry for entry in plan.registered if entry.pos not in plan.voided]
    counted = await parts.rounds.get_counted(round_)
    left_out = {entry.pos for entry in welcome} - counted.addresses
    own = parts.ports.signer.address
    targets = compute_connect_to(parts.node_state.network, welcome, own, round_, left_out)
    parts.node_state.set_plan(plan, counted, tuple(entry.pos for entry in targets))
    jurors = frozenset(juror.address for juror in plan.jurors)
    parts.peers.set_registered([*plan.registered, *before], counted, jurors)
    parts.intake.set_senders(await parts.rounds.get_allowed_senders(plan), counted.addresses)
    parts.reporter.enter_round(round_)
    parts.intake.configs.enter_round(round_, counted.present)
    return targets
