"""A round begins: its lists are derived, and the parts of the node live by them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from hypernode.core.kinds import CONFIG
from hypernode.core.lottery import compute_connect_to
from hypernode.core.types import Registration, Round, RoundPlan
from hypernode.node.base.background import Background
from hypernode.node.base.log_subjects import Subjects
from hypernode.node.base.node_state import NodeState
from hypernode.node.base.tunables import TunablesInForce
from hypernode.node.chain.chain import Chain
from hypernode.node.chain.rounds import Rounds
from hypernode.node.duty.double_sign_guard import DoubleSignGuard
from hypernode.node.duty.evidence import EvidenceWatch
from hypernode.node.duty.reporter import Reporter
from hypernode.node.intake.config_watch import ConfigWatch
from hypernode.node.intake.intake import Intake
from hypernode.node.owner.companion_watch import CompanionWatch
from hypernode.node.owner.saved_mempool import load_messages
from hypernode.node.peers.connector import Connector
from hypernode.node.peers.peer_table import Peers
from hypernode.node.rpc.status import StatusQueries
from hypernode.ports.chain import MessageIndex, RoundStore
from hypernode.ports.clock import Clock
from hypernode.ports.files import Files


class RoundLedger(RoundStore, MessageIndex, Protocol):
    """What is kept of rounds, and the configurations that blocks tell of."""


@dataclass(slots=True)
class RoundEntry:
    """Enters rounds.  The first one is entered with what was kept from before the start."""

    clock: Clock
    own_address: str
    ledger: RoundLedger
    files: Files
    background: Background
    node_state: NodeState
    tunables: TunablesInForce
    companion: CompanionWatch
    double_sign_guard: DoubleSignGuard
    chain: Chain
    rounds: Rounds
    intake: Intake
    configs: ConfigWatch
    peers: Peers
    reporter: Reporter
    evidence: EvidenceWatch
    views: StatusQueries
    connector: Connector
    log: Callable[[str], None]
    subjects: Subjects
    _is_first_done: bool = False

    async def enter(self, round_: Round) -> None:
        """Derive the lists of the present round, live by them, and dial whom they say.  Raises PowNotReady,
        StorageFault."""
        finished = self.node_state.plan
        if finished is not None and finished.round < round_:
            await self.ledger.save_status(finished.round, await self.views.get_status())
        begun = self.clock.monotonic()
        plan = await self.chain.derive_plan(round_)
        took_s = self.clock.monotonic() - begun
        self.subjects.log("timing", lambda: f"the lists of round {round_} were derived in {took_s:.3f} s")
        self.subjects.log("determine", partial(describe_plan, plan))
        targets = await self.hand_out(plan)
        if self.background.group is not None:
            self.connector.set_targets(targets, self.background.group)
        if not self._is_first_done:
            self._is_first_done = True
            await self._recall(round_)
        await self.evidence.report_again(round_)
        jurors = len({juror.address for juror in plan.jurors})
        self.log(
            f"round {round_}: {len(plan.registered)} registered, "
            f"{len(self.node_state.counted.present)} count, {len(plan.inactive)} inactive, "
            f"{len(plan.voided)} voided, {jurors} jurors"
        )
        self.double_sign_guard.note_round(round_)

    async def _recall(self, round_: Round) -> None:
        """Configurations that the chain tells of, and the mempool that was saved."""
        last_before, _ = await self.ledger.get_reference(round_ - 1)
        self.configs.note(await self.ledger.get_messages_of_kind(CONFIG, last_before + 1))
        await self.intake.submit(load_messages(self.files))

    async def hand_out(self, plan: RoundPlan) -> list[Registration]:
        """To every part what it needs of the plan; whom we are to connect to."""
        round_ = plan.round
        before = await self.rounds.get_registered_before(round_)
        self.companion.enter_round()
        self.tunables.enter_round(await self.rounds.get_colours(round_))
        counted = await self.rounds.get_counted(round_)
        # who is voided stays registered, and in the shuffle (spec 3, whom to connect to; spec 5)
        left_out = {entry.pos for entry in plan.registered} - counted.addresses | set(plan.voided)
        most = self.tunables.current().max_connect_to
        targets = compute_connect_to(most, plan.registered, self.own_address, round_, left_out)
        self.node_state.set_plan(plan, counted, tuple(entry.pos for entry in targets))
        jurors = frozenset(juror.address for juror in plan.jurors)
        self.peers.set_registered([*plan.registered, *before], counted, jurors)
        self.intake.set_senders(await self.rounds.get_allowed_senders(plan), counted.addresses)
        self.reporter.enter_round(round_)
        self.configs.enter_round(round_, counted.present)
        return targets


def describe_plan(plan: RoundPlan) -> str:
    """Whose the slots are, and what they follow from."""
    slots = ", ".join(f"{sir} {juror.address}" for sir, juror in enumerate(plan.jurors))
    return f"round {plan.round} from block {plan.reference_hash.hex()[:10]}: {slots or 'no jurors'}"
