"""A judge of simulated networks that knows the rules from ``tests.oracle`` alone.

``play_judged`` has it look at the end of every slot at all that was stored,
derived and replaced since: each block with all it breaks and the measures of its chain, each host's lists,
jurors, tests and connections of the round, KPIs, and each choice between chains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from decimal import Decimal
from functools import cached_property
from typing import Any, Final

from hypernode.core.registrations.registry import COIN
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Block, RoundPlan
from hypernode.pow.scripted_source import PowScript
from hypernode.sim.cluster import SimNode
from hypernode.sim.errors import InvariantFailed
from hypernode.sim.faults.fault_cluster import FaultCluster
from hypernode.sim.faults.plan import LIARS
from hypernode.sim.invariants.watch import Watch
from hypernode.sim.play import play
from hypernode.sim.report import Report
from hypernode.sim.scenario import Scenario
from hypernode.sim.witness import Reorganisation, StoredBlock
from tests.oracle import blocks, choosing, counting, drawing, registering, rounds, sealing, timing
from tests.oracle_bridge import SIGNATURES, to_parameters

NAME: Final = "the_oracle_agrees"
POW_BLOCKS: Final = 2_000
"""Back from the present: a reference height is not older."""


def play_judged(scenario: Scenario) -> Report:
    """Play it with the oracle as a further check; one whose keys sign in the quick way is not for it."""
    if scenario.has_quick_signer:
        raise ValueError("the oracle judges real signatures")
    return play(scenario, further=[OracleJudge()])


@dataclass(frozen=True)
class Listed:
    """registered(R) by the rows of the PoW chain."""

    pairs: list[tuple[str, int]]
    voided: list[str]
    counted: set[str]

    @property
    def addresses(self) -> list[str]:
        return [address for address, _ in self.pairs]


class OracleJudge:
    """Of one run.  Raises InvariantFailed where the run differs from the specification."""

    def __init__(self) -> None:
        self._chains: dict[bytes, list[Any]] = {}
        """By the tip's hash, from genesis."""
        self._measured: dict[bytes, dict[str, Any]] = {}
        self._lists: dict[object, Listed] = {}
        self._plans: dict[object, rounds.Round] = {}
        self._seen_changes = 0
        self.judged: dict[str, int] = dict.fromkeys(("blocks", "plans", "choices", "kpis"), 0)
        """How many of what were judged."""

    async def __call__(self, watch: Watch) -> None:
        """Look at all that is new."""
        self._cluster = watch.cluster
        if not self._chains:
            genesis = blocks.derive_genesis(self._p, self._cluster.params.name)
            self._chains[genesis.block_hash] = [genesis]
        for stored in watch.stored:
            self._judge_block(watch, stored)
        changes = self._cluster.witness.reorganisations
        for change in changes[self._seen_changes :]:
            self._judge_choice(change)
        self._seen_changes = len(changes)
        for host in watch.list_running():
            await self._judge_host(host)

    _cluster: FaultCluster

    @property
    def _script(self) -> PowScript:
        """The PoW chain at present."""
        return self._cluster.script

    @cached_property
    def _p(self) -> Any:
        return to_parameters(self._cluster.params)

    def _judge_block(self, watch: Watch, stored: StoredBlock) -> None:
        """What it breaks and what its chain measures, by its own history."""
        b = stored.block
        if b.block_hash in self._chains:
            return
        found = self._find_violations(b, self._script)
        # where the PoW chain was replaced, it may be right by the lists that were
        by_former = (self._find_violations(b, former) for former in (self._script.former if found else ()))
        found = min((found, *by_former), key=len)
        self._chains[b.block_hash] = [*self._chains[b.previous_hash], b]
        filed = watch.archive.get(b.block_hash)
        ours = {violation.rule.number for violation in filed.breaks}
        self._expect(f"the rules that block {b.height} breaks", ours, found, stored.index)
        measured = self._measure(b.block_hash)
        self._expect(f"measures of block {b.height}", asdict(filed.measured), measured, stored.index)
        if self._is_honest(b):
            self._expect(
                f"faults of the seal {b.height}", sealing.faults_of_seal(self._p, b), set(), stored.index
            )
        self.judged["blocks"] += 1

    def _find_violations(self, b: Block, script: PowScript) -> set[str]:
        chain = self._chains[b.previous_hash]
        plan = self._derive(b.round, chain, script)
        given = blocks.Given(
            parent=chain[-1],
            juror=plan.jurors[b.sir][0] if 0 <= b.sir < len(plan.jurors) else None,
            senders={*self._list(b.round, script).addresses, *self._list(b.round - 1, script).addresses},
            known_ids={m.txid for below in chain for m in below.messages},
            is_slot_taken=any((below.round, below.sir) == (b.round, b.sir) for below in chain[1:]),
            now=None,
        )
        return blocks.breaks_of_block(self._p, b, given, SIGNATURES)

    def _is_honest(self, b: Block) -> bool:
        cluster = self._cluster
        is_ours = b.forger not in cluster.legacy_hosts.addresses
        # a liar's block may be stored long after it lied
        owners = {host.signer.address: host.index for host in cluster.hosts}
        lied = {n for fault in cluster.begun if fault.kind in LIARS for n in fault.subjects}
        return is_ours and owners.get(b.forger) not in lied

    def _judge_choice(self, change: Reorganisation) -> None:
        """Blocks went for others: for a better chain, and not too old ones."""
        if change.is_by_operator or change.is_premature:
            return
        before, after = (self._measure(height.block_hash) for height in (change.before, change.after))
        old, new = self._chains[change.before.block_hash], self._chains[change.after.block_hash]
        replaced = [b.round for b in choosing.find_replaced(old, new)]
        is_better = choosing.is_first_better(after, before)
        # what most held then is not known here
        may = choosing.may_replace(
            self._p, replaced, change.present_round, is_better=is_better, most_hold=True
        )
        self._expect(f"that {before} may go for {after}", True, may, change.index)
        self.judged["choices"] += 1

    async def _judge_host(self, host: SimNode) -> None:
        """Its measures; and its lists, unless a fault keeps them from it."""
        assert host.node is not None
        reported = host.node.ports.ledger.get_height()
        self._expect("measures of the tip", asdict(reported), self._measure(reported.block_hash), host.index)
        plan = host.node.node_state.plan
        present, _ = compute_round_slot(self._cluster.params, self._cluster.clock.now())
        if host in self._cluster.list_trusted() and plan is not None and plan.round == present:
            chain = self._chains[reported.block_hash]
            self._judge_plan(host, plan, chain)
            for round_ in (plan.round - 1, plan.round):
                await self._judge_kpis(host, round_, chain)

    def _judge_plan(self, host: SimNode, plan: RoundPlan, chain: Sequence[Any]) -> None:
        assert host.node is not None
        listed, before = self._list(plan.round, self._script), self._list(plan.round - 1, self._script)
        expected = self._derive(plan.round, chain, self._script)
        about = f"of round {plan.round}"
        pairs = [(entry.pos, entry.weight) for entry in plan.registered]
        self._expect(f"registered {about}", pairs, listed.pairs, host.index)
        self._expect(f"voided {about}", list(plan.voided), listed.voided, host.index)
        self._expect(f"reference {about}", plan.reference_hash, expected.reference, host.index)
        silent = [address for address in expected.inactive if address not in listed.voided]
        self._expect(f"inactive {about}", list(plan.inactive), silent, host.index)
        jurors = [(juror.address, juror.ticket) for juror in plan.jurors]
        self._expect(f"jurors {about}", jurors, expected.jurors, host.index)
        tests = [[(test.tester, test.tested, test.kind) for test in slot] for slot in plan.tests]
        self._expect(f"tests {about}", tests, expected.tests, host.index)
        counted = (listed.counted | before.counted) - set(listed.voided)
        most = host.node.tunables.current().max_connect_to
        own = host.signer.address
        connect_to = drawing.list_connect_to(listed.addresses, counted, own, plan.round, most)
        self._expect(f"connections {about}", list(host.node.node_state.connect_to), connect_to, host.index)
        self.judged["plans"] += 1

    async def _judge_kpis(self, host: SimNode, round_: int, chain: Sequence[Any]) -> None:
        assert host.node is not None
        reported = await host.node.ports.ledger.get_kpis(round_, round_)
        expected = counting.count_kpis([b for b in chain[1:] if b.round == round_])
        ours = {address: asdict(kpis) for address, kpis in reported.items()}
        self._expect(f"KPIs of round {round_}", ours, expected, host.index)
        self.judged["kpis"] += 1

    def _measure(self, block_hash: bytes) -> dict[str, Any]:
        if block_hash not in self._measured:
            self._measured[block_hash] = counting.measure(self._chains[block_hash])
        return self._measured[block_hash]

    def _derive(self, round_: int, chain: Sequence[Any], script: PowScript) -> rounds.Round:
        listed, before = self._list(round_, script), self._list(round_ - 1, script)
        below = [b for b in chain if b.round < round_]
        key = (round_, below[-1].block_hash, *listed.pairs, None, *before.pairs, None, *listed.voided)
        if key not in self._plans:
            self._plans[key] = rounds.derive_round(
                self._p, round_, listed.pairs, before.pairs, below, listed.voided
            )
        return self._plans[key]

    def _list(self, round_: int, script: PowScript) -> Listed:
        key = (round_, script.rows)
        if key not in self._lists:
            self._lists[key] = self._derive_list(round_, script)
        return self._lists[key]

    def _derive_list(self, round_: int, script: PowScript) -> Listed:
        p, network = self._p, self._cluster.params
        top = script.height_at(self._cluster.clock.now())
        heights = range(max(network.first_pow_height, top - POW_BLOCKS), top + 1)
        times = [(height, script.timestamp_of(height)) for height in heights]
        at = timing.find_pow_height(times, timing.refer(p, round_), behind=-1)
        assert at is not None
        rows = [
            registering.Row(
                row.height,
                row.timestamp,
                row.address,
                row.recipient,
                Decimal(row.amount) / COIN,
                Decimal(row.fee) / COIN,
                Decimal(row.reward) / COIN,
                row.operation,
                row.openfield,
            )
            for row in script.rows
        ]
        control, byte = network.control_pow, p.address_byte
        entries = registering.derive(rows, at, byte, control, network.first_pow_height).listed
        now = [registering.weigh(registering.balance_of(rows, one.collateral, at)) for one in entries]
        pairs = [(one.pos, one.weight) for one in entries]
        gone = registering.find_voided(rows, at, byte, control)
        kept = rounds.keep_collateral(p, round_, pairs, now)
        staying = {address for address, _ in kept}
        voided = [one.pos for one in entries if (one.ip, one.port, one.pos) in gone and one.pos in staying]
        return Listed(kept, voided, rounds.find_counted(pairs, now))

    def _expect(self, what: str, ours: object, expected: object, index: int) -> None:
        if ours != expected:
            raise InvariantFailed(NAME, f"node {index}, {what}: {ours}, by the oracle {expected}", [index])
