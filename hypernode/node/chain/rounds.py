"""The lists of a round: who is registered, who is silent, who is juror when, who tests whom.

They follow from the PoW ledger and from the chain before the round, so they are derived again when
either changes; what was derived for a branch is remembered for as long as it may be asked again.
"""

from __future__ import annotations

from collections import OrderedDict

from hypernode.core.counting import Counted, compute_counted, find_uncounted
from hypernode.core.lottery import compute_round_plan
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import Colours
from hypernode.core.registrations.rainbow import apply_rainbow
from hypernode.core.types import Registration, Round, RoundPlan
from hypernode.node.chain.history import History
from hypernode.ports.registrations import PowSource, RegisteredList

MAX_PLANS = 64
"""Plans that are remembered: two rounds of a handful of branches, and what a sync walks through."""


class Rounds:
    """Derives round plans, for our chain and for branches."""

    def __init__(self, params: ChainParams, pow_source: PowSource) -> None:
        self._params = params
        self._pow = pow_source
        self._plans: OrderedDict[tuple[object, ...], RoundPlan] = OrderedDict()

    async def derive(self, round_: Round, history: History) -> RoundPlan:
        """The plan of a round on top of ``history``.  Raises PowNotReady."""
        registered = await self._pow.get_registered(round_)
        before = await self.get_registered_before(round_)
        _, reference_hash = await history.get_reference(round_)
        seen = await history.get_seen(round_ - 1)
        lists = (registered.pow_height, registered.entries, registered.voided, before)
        # all must agree on the plan: the network's own values and the round's over them, not the operator's
        tunables = apply_rainbow(self._params, self._params.default_tunables, registered.colours).tunables
        key = (round_, reference_hash, seen, lists, tunables.tests_per_slot)
        plan = self._plans.get(key)
        if plan is None:
            plan = compute_round_plan(
                self._params,
                tunables.tests_per_slot,
                round_,
                registered=registered.entries,
                registered_before=before,
                seen_before=seen,
                reference_hash=reference_hash,
                pow_height=registered.pow_height,
                voided=registered.voided,
            )
            self._plans[key] = plan
            while len(self._plans) > MAX_PLANS:
                self._plans.popitem(last=False)
        return plan

    async def get_registered_before(self, round_: Round) -> tuple[Registration, ...]:
        """registered(R - 1); nobody before round 0."""
        if round_ <= 0:
            return ()
        before: RegisteredList = await self._pow.get_registered(round_ - 1)
        return before.entries

    async def get_counted(self, round_: Round) -> Counted:
        """Who counts in a round, and counted in the one before.  Raises PowNotReady."""
        listed = await self._pow.get_registered(round_)
        before = await self._pow.get_registered(round_ - 1) if round_ > 0 else None
        return compute_counted(
            listed.entries,
            find_uncounted(listed.entries, listed.weights),
            before.entries if before else (),
            find_uncounted(before.entries, before.weights) if before else {},
        )

    async def get_colours(self, round_: Round) -> Colours:
        """The coloured lists at the reference height of a round.  Raises PowNotReady."""
        return (await self._pow.get_registered(round_)).colours

    async def get_allowed_senders(self, plan: RoundPlan) -> frozenset[str]:
        """PoS addresses whose messages the round takes: registered for it or for the previous one, or
        the control address (spec 4, M6)."""
        before = await self.get_registered_before(plan.round)
        addresses = {entry.pos for entry in plan.registered} | {entry.pos for entry in before}
        return frozenset(addresses | {self._params.control_pos})
