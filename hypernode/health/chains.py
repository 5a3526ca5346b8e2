"""The judgement on the companion and its chain: in sync, registered, reachable.

Facts in, findings out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from typing import Final

from hypernode.core.counting import Uncounted
from hypernode.core.printable import printable
from hypernode.core.registrations.registry import COIN
from hypernode.core.rules import UNCHECKED, Rule, Unchecked
from hypernode.core.types import Endpoint, PowHeight, Registration, Round
from hypernode.health.findings import Finding, error, note, ok, warning

COMPANION: Final = "companion"
"""The finding that other rows follow from."""
WANTED_INDICES: Final = ("address", "recipient", "block_height")
"""Columns of the ledger's table whose index makes a balance quick to find."""


@dataclass(frozen=True, slots=True)
class CompanionFacts:
    """The companion as ``way`` (ledger, node, embedded, fixed) finds it.  ``problem`` as in ``PowStatus``."""

    way: str
    source: str
    height: PowHeight = 0
    age_s: float = 0.0
    allowed_s: float = 0.0
    problem: str = ""
    remarks: tuple[str, ...] = ()
    journal_mode: str = ""
    indexed: frozenset[str] = frozenset()
    has_fallback: bool = False


def judge_companion(facts: CompanionFacts) -> list[Finding]:
    """In sync and readable, or no forging."""
    if facts.way == "fixed":
        return [ok("companion", "this network has a fixed list of hypernodes: no companion is needed")]
    if facts.problem:
        remedy = "Mend that first: without a companion in sync the node waits (POW_NOT_SYNC)"
        if facts.has_fallback:
            words = f"{remedy}; meanwhile the PoW node's port is asked (POW_FALLBACK)"
            return [replace(warning("companion-fallback", facts.problem, words), cause=COMPANION)]
        return [replace(error("companion-late", facts.problem, remedy), cause=COMPANION)]
    late = facts.allowed_s - facts.age_s
    findings = [
        ok(
            "companion",
            f"{facts.source}: in sync, block {facts.height} is {facts.age_s:.0f} s old "
            f"(late in {late:.0f} s)",
            facts.age_s,
        ),
        *(note("companion-remark", remark) for remark in facts.remarks),
    ]
    if facts.journal_mode:
        findings.append(_describe_ledger(facts))
    return findings


def _describe_ledger(facts: CompanionFacts) -> Finding:
    missing = [column for column in WANTED_INDICES if column not in facts.indexed]
    mode = f"journal mode {facts.journal_mode.upper()}"
    if not missing:
        return ok("companion-ledger", f"{mode}, indexed by {', '.join(WANTED_INDICES)}")
    return note(
        "companion-ledger",
        f"{mode}, no index on {', '.join(missing)}: every query still gives the same, the first list and the "
        "tools take longer",
    )


@dataclass(frozen=True, slots=True)
class PluginFacts:
    """The companion's TCP port, where the configuration names it.  ``is_needed``: it is the only way."""

    is_asked: bool
    name: str = ""
    is_needed: bool = False
    versions: Mapping[str, str] | None = None
    problem: str = ""


def judge_plugin(facts: PluginFacts) -> list[Finding]:
    """The hypernode plugin answers."""
    if not facts.is_asked:
        return [ok("plugin", "not needed: the ledger file is read (POW_SOURCE, POW_FALLBACK)")]
    if facts.versions is not None:
        shown = ", ".join(f"{printable(name)} {printable(text)}" for name, text in facts.versions.items())
        return [ok("plugin", f"{facts.name} answers: {shown}")]
    remedy = "Install the hypernode plugin and 035_socket_client in the PoW node, check POW_IP and POW_PORT"
    if facts.is_needed:
        return [
            error("plugin-silent", facts.problem, f"{remedy}; or read its ledger file (POW_SOURCE=ledger)")
        ]
    return [warning("plugin-silent", facts.problem, f"{remedy}; or take POW_FALLBACK out")]


@dataclass(frozen=True, slots=True)
class PluginAnswer:
    """What became of a row of the registry that names us: of ``sender`` in a PoW block."""

    height: PowHeight
    operation: str
    sender: str
    ok: bool
    rule: Rule | None
    reason: str


@dataclass(frozen=True, slots=True)
class RegistrationFacts:
    """The list, for our address.  ``listed`` counts in the present round, ``latest`` at the last block.

    ``counts_from``: the first round that counts what is in the ledger now.  ``weight``: what the collateral's
    ``balance`` (1e-8 BIS) gives now; the address of one that is None never received or never sent.  ``last``:
    the newest row that names our address, or the ip that we are to be found at; None when no row does.  What
    a companion's port cannot say is UNCHECKED."""

    pos: str
    round: Round
    port: int
    out_ip: str | None
    is_collateral_needed: bool = True
    listed: Registration | None = None
    latest: Registration | None = None
    counts_from: Round = 0
    is_voided: bool = False
    is_silent: bool = False
    uncounted: Uncounted | None = None
    """Why it does not count in this round."""
    must_collateral_stay: bool = False
    """By the network's rule, for this round (collateral_from_round)."""
    weight: int | Unchecked = UNCHECKED
    balance: int | Unchecked | None = UNCHECKED
    last: PluginAnswer | Unchecked | None = UNCHECKED
    problem: str = ""

    @property
    def entry(self) -> Registration | None:
        """As it counts now, or will."""
        return self.listed or self.latest


def judge_registration(facts: RegistrationFacts) -> list[Finding]:
    """Registered for this wallet, and counted; if not, why not."""
    if not facts.pos:
        return [note("registration", "without a wallet there is nothing to look for")]
    if facts.problem:
        remedy = "Ask again when the companion is in order: hn_reg_feed.py -f shows what there is"
        return [
            replace(warning("registration-unknown", facts.problem, remedy), follows=COMPANION),
            *_tell_latest(facts),
        ]
    entry = facts.entry
    if entry is None:
        return [_explain_absence(facts)]
    return [*_judge_presence(facts, entry), *_judge_place(facts, entry), *_judge_weight(facts, entry)]


def _tell_latest(facts: RegistrationFacts) -> list[Finding]:
    """What a ledger without a list for this round says all the same."""
    if facts.latest is None:
        return (
            [note("registration", f"as far as it goes: {_explain_absence(facts).found}")]
            if isinstance(facts.last, PluginAnswer)
            else []
        )
    return [note("registration", f"as far as it goes: registered ({_describe(facts.latest)})")]


def _describe(entry: Registration) -> str:
    place = f"{entry.ip}:{printable(entry.port)}"
    return f"{place}, weight {entry.weight}, collateral {printable(entry.collateral)}"


def _explain_absence(facts: RegistrationFacts) -> Finding:
    found = f"no hypernode is registered for {facts.pos}"
    if not facts.is_collateral_needed:
        return error(
            "not-registered",
            f"{found} in the network's fixed list",
            "Use the wallet that it names, or another network file",
        )
    remedy = "python -m hypernode register -P YOUR_COLLATERAL_ADDRESS prints what to send"
    last = facts.last
    if last is UNCHECKED:
        return error("not-registered", f"{found}; the transactions that name it were not looked at", remedy)
    if last is None:
        return error("not-registered", f"{found}, and no transaction names it or our ip", remedy)
    verdict = "taken" if last.rule is None else f"void ({last.rule.label})"
    return error(
        "not-registered",
        f"{found}; the last {last.operation} that names it or our ip, in PoW block {last.height} from "
        f"{printable(last.sender)}, was {verdict}: {printable(last.reason)}",
        remedy,
    )


def _judge_presence(facts: RegistrationFacts, entry: Registration) -> list[Finding]:
    where = _describe(entry)
    if facts.latest is None:
        return [
            error(
                "registration-ends",
                f"registered ({where}), but no longer at the companion's last block: it ends with round "
                f"{facts.counts_from - 1}",
                "python -m hypernode register prints what to send",
            )
        ]
    if (
        facts.listed is None
        and facts.must_collateral_stay
        and facts.weight is not UNCHECKED
        and facts.weight < 1
    ):
        found = f"registered ({where}), and not on the list of this network: {Uncounted.MOVED_ON.value}"
        return [
            error(
                "collateral-low",
                found,
                "Bring the balance back: it is on the list again a round after the next",
            )
        ]
    if facts.listed is None:
        return [
            note(
                "registered-later",
                f"registered ({where}): counts from round {facts.counts_from} on, now is {facts.round}",
            )
        ]
    findings = [ok("registration", f"registered: {where}")]
    if facts.is_voided:
        found = "the control address has voided it: no slots, no tests, no forging"
        findings.append(
            error(
                "voided", found, "Ask those who keep the network what for (hn_reg_feed.py shows the reason)"
            )
        )
    elif facts.is_silent:
        found = "inactive in this round: the chain has no message of it in the round before"
        findings.append(
            warning(
                "inactive", found, "Keep the node running and connected: it is active again after a round"
            )
        )
    return findings


def _judge_place(facts: RegistrationFacts, entry: Registration) -> list[Finding]:
    findings = []
    remedy = "Set it in config.txt, or unregister and register again"
    if entry.port != str(facts.port):
        found = f"registered with port {printable(entry.port)}, and the node listens on {facts.port}"
        findings.append(
            error("port-differs", found, f"PORT: {remedy}, unless a router leads the one to the other")
        )
    if facts.out_ip is not None and entry.ip != facts.out_ip:
        found = f"registered with ip {entry.ip}, and OUT_IP is {facts.out_ip}"
        findings.append(error("ip-differs", found, f"OUT_IP: {remedy}"))
    return findings


def _judge_weight(facts: RegistrationFacts, entry: Registration) -> list[Finding]:
    if not facts.is_collateral_needed:
        return []
    if entry.weight < 1:
        why = Uncounted.WORTHLESS.value
        found = f"registered with weight {entry.weight} ({why}): it does not count, has no slots, no rewards"
        return [error("collateral-low", found, "Fund the collateral, then unregister and register again")]
    if facts.uncounted is Uncounted.MOVED_ON:
        found = f"registered with weight {entry.weight}, and it does not count: {facts.uncounted.value}"
        remedy = "Bring the balance back: others neither dial it nor count it while it is away"
        return [error("collateral-low", found, remedy)]
    if facts.weight is UNCHECKED or facts.balance is UNCHECKED:
        return []
    balance = "nothing" if facts.balance is None else f"{facts.balance / COIN:.8f} BIS"
    found = f"the collateral has {balance}: weight {facts.weight}, registered {entry.weight}"
    if facts.weight < entry.weight:
        return [
            warning(
                "collateral-less", found, "Bring the balance back: rewards leave it out while it is below"
            )
        ]
    return [ok("collateral", found)]


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What the node dials out from.  ``registered``: the ip that it is registered with, None where it is not;
    ``has_registered``: whether this host has that one; ``other``: the address in its place, None where that
    cannot be told."""

    registered: str | None
    has_registered: bool
    other: str | None


def judge_source(facts: SourceFacts) -> list[Finding]:
    """The others know us by the ip that we are registered with."""
    other = facts.other or "whatever address this host chooses"
    if facts.registered is None:
        return [note("source", f"not registered: it dials out from {other}")]
    if facts.has_registered:
        return [ok("source", f"dials out from {facts.registered}, as it is registered")]
    found = f"registered with ip {facts.registered}, which this host does not have: it dials out from {other}"
    if facts.other is not None and IPv4Address(facts.other).is_global:
        remedy = "Peers give nothing to it there: give this host the registered address, or register again"
        return [warning("source-differs", found, remedy)]
    return [note("source-differs", found, "Right behind a router that puts the registered one in its place")]


@dataclass(frozen=True, slots=True)
class ReachFacts:
    """A connection from this host to where we are registered.  ``registered`` is None where we are not, or
    its port is none; ``answered_as`` is empty where nobody answered."""

    own: str
    is_running: bool
    registered: Endpoint | None
    answered_as: str = ""
    problem: str = ""


def judge_reach(facts: ReachFacts) -> list[Finding]:
    """The others find us where we are registered, as far as can be told from here."""
    if facts.registered is None:
        return [note("reachable", "not registered at an address that can be dialled: nothing to connect to")]
    where = f"{facts.registered.ip}:{facts.registered.port}"
    ask = f"hn_client.py -I {facts.registered.ip} -p {facts.registered.port} --action hello"
    if facts.answered_as and facts.answered_as != facts.own:
        found = f"at {where}, where we are registered, {facts.answered_as} answers, and we are {facts.own}"
        return [
            error(
                "reached-another", found, "Let the router lead that port here, or mend wallet or registration"
            )
        ]
    if facts.answered_as:
        return [
            ok(
                "reachable",
                f"{where} answers as us, asked from this host; whether from outside, only others can tell",
            )
        ]
    if not facts.is_running:
        return [note("reachable", f"no node runs here, so that nobody answers at {where}")]
    finding = warning(
        "not-reachable",
        f"no answer at {where}, where we are registered, asked from this host: {facts.problem}",
        f"Open that port in firewall and router. Some let no host reach itself: ask from another: {ask}",
    )
    return [replace(finding, follows="no-answer")]
