"""What the running node says of itself, judged.  Facts in, findings out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.printable import printable
from hypernode.core.timeline import compute_round_slot, compute_slot_start
from hypernode.core.types import Block, Round, Slot
from hypernode.health.chains import COMPANION
from hypernode.health.findings import Finding, Severity, error, note, ok, warning
from hypernode.health.status_values import LARGEST, get_text, get_value
from hypernode.health.words import count, format_age
from hypernode.machine.state import State

LATE_ROUNDS: Final = 2
"""A last block of so many rounds ago: the network or we stand still."""
_LOG: Final = "look into logs/pos_app.log"
_HANGS: Final = "Look at logs/pos_app.log; kill -USR1 writes there what it does; then start it again"
NO_ANSWER: Final = "no-answer"
"""The finding that other rows follow from."""
_CATCHING_UP: Final = "CATCHING_UP"


@dataclass(frozen=True, slots=True)
class Answers:
    """A node's answers to hello, status, getround and getheaders."""

    address: str
    status: Mapping[str, object]
    round: Mapping[str, object]
    headers: Sequence[Block]


@dataclass(frozen=True, slots=True)
class NodeFacts:
    """Of the node on this folder; ``answers`` is None where none runs, or none answered (``problem``)."""

    params: ChainParams
    now: float
    version: str
    """Of the program that asks: what is installed."""
    is_running: bool
    answers: Answers | None = None
    problem: str = ""


def judge_node(facts: NodeFacts) -> list[Finding]:
    """It follows the chain, agrees with the others, and forges when it is its turn."""
    if not facts.is_running:
        return [
            warning(
                "no-node", "no node runs on this folder", "Start it: .venv/bin/python hn_instance.py -I ALL"
            )
        ]
    if facts.answers is None:
        found = f"the node runs, and does not answer: {facts.problem}"
        return [replace(error("no-answer", found, _HANGS), cause=NO_ANSWER)]
    status, params = facts.answers.status, facts.params
    state = _judge_state(params, status)
    following = [
        *_judge_consensus(params, status),
        _judge_tip(facts, status),
        *_judge_slots(facts, facts.answers),
    ]
    if state.severity is not Severity.OK:
        # it is neither peers nor firewall: one cause, said once
        following = [
            replace(finding, severity=Severity.NOTE, remedy="") if finding.remedy else finding
            for finding in following
        ]
    return [
        state,
        *_judge_split(status),
        *following,
        *_judge_equivocation(facts.answers),
        *_judge_configs(status),
        *_judge_version(facts, status),
    ]


def _judge_state(params: ChainParams, status: Mapping[str, object]) -> Finding:
    state, reason = get_text(status, "state", "state"), printable(get_text(status, "state", "reason"))
    connected = count(_get_int(status, "peers", "connected_count"), "hypernode")
    said = f"{printable(state)}{': ' + reason if reason else ''}"
    if state == State.HALTED.value:
        return error("halted", said, "Do what the reason says; the node goes on by itself or after a restart")
    if state == State.POW_NOT_SYNC.value:
        return replace(
            error("companion-late", said, "Bring the companion in order: it does not forge before"),
            follows=COMPANION,
        )
    if state == State.START.value:
        found = f"{said}; connected with {connected}, {params.min_connections} are needed"
        return warning(
            "starting", found, "Wait a minute after the start; then look at firewall and registration"
        )
    if state.startswith(_CATCHING_UP):
        return note("catching-up", f"{said}; connected with {connected}. It does not forge until it is done")
    heard = get_value(status, "peers", "told")
    if (
        isinstance(heard, Mapping)
        and heard
        and not any(get_value(word, "counts") is True for word in heard.values())
    ):
        remedy = "Look at this host's line and load: nobody answers on connections that stand"
        return warning(
            "peers-silent", f"{said}; connected with {connected}, and all of them are silent", remedy
        )
    return ok("state", f"{said}; connected with {connected}")


def _judge_split(status: Mapping[str, object]) -> list[Finding]:
    split = get_text(status, "extra", "split")
    if not split:
        return []
    remedy = (
        "Ask the others which chain they hold; if it is not ours: stop the node, python -m hypernode ledger "
        "repair --to HEIGHT, start it again"
    )
    return [error("split", printable(split, 400), remedy)]


def _judge_consensus(params: ChainParams, status: Mapping[str, object]) -> list[Finding]:
    consensus = get_value(status, "state", "consensus")
    if not isinstance(consensus, Mapping):
        return []
    percent = consensus.get("percent")
    found = (
        f"{percent} % of {consensus.get('counted')} that count are seen on our tip, "
        f"{count(_get_int(consensus, 'chains'), 'chain')} in sight"
    )
    needed_percent = get_value(status, "extra", "tunables", "MIN_FORGE_CONSENSUS")
    if not isinstance(needed_percent, int):
        needed_percent = params.default_tunables.min_forge_consensus
    if not isinstance(percent, int) or percent > needed_percent:
        return [ok("consensus", found)]
    needed = f"more than {needed_percent} % are needed to forge"
    return [
        warning(
            "no-consensus",
            f"{found}; {needed}",
            "Wait for the next blocks; if it stays so, look at peers and firewall",
        )
    ]


def _judge_tip(facts: NodeFacts, status: Mapping[str, object]) -> Finding:
    height, round_, sir = (_get_int(status, "chain", name) for name in ("height", "round", "sir"))
    present, _ = compute_round_slot(facts.params, facts.now)
    age_s = max(0.0, facts.now - compute_slot_start(facts.params, round_, sir))
    found = f"last block {height}, round {round_} slot {sir}, {format_age(age_s)} ago; now is round {present}"
    if not height:
        found = f"no block yet but the first one of the network; now is round {present}"
    net = _get_int(status, "peers", "net_height", "height")
    if net > height:
        found += f"; a peer tells height {net}"
    if present - round_ >= LATE_ROUNDS:
        return warning("net-silent", found, f"The node is behind, or the network stands still: {_LOG}")
    return ok("tip", found)


def _judge_slots(facts: NodeFacts, answers: Answers) -> list[Finding]:
    """Our slots of the present round: forged, passed, to come."""
    params = facts.params
    present, sir = compute_round_slot(params, facts.now)
    if answers.round.get("previous") != present:
        return []
    slots = answers.round.get("slots")
    own = _list_own_slots(slots if isinstance(slots, list) else [], answers.address)
    if not own:
        return [ok("slots", f"no juror in round {present}: nothing to forge")]
    forged = {
        block.sir for block in answers.headers if block.round == present and block.forger == answers.address
    }
    started = facts.now - _get_int(answers.status, "extra", "uptime")
    passed = [slot for slot in own if slot < sir and slot not in forged]
    missed = [slot for slot in passed if compute_slot_start(params, present, slot) >= started]
    found = f"juror of slots {_list(own)} of round {present} (now {sir}); forged {_list(sorted(forged))}"
    if not missed:
        return [ok("slots", found)]
    reasons = _list_reasons(answers.status, present)
    told = "; ".join(f"slot {slot}: {reasons[slot]}" for slot in missed if slot in reasons)
    found = f"{found}; no block of ours in {_list(missed)}{f' ({told})' if told else ''}"
    return [warning("slot-missed", found, f"{_LOG.capitalize()} for the reason")]


def _list_reasons(status: Mapping[str, object], round_: Round) -> dict[Slot, str]:
    """Why the node says that it did not forge, by slot."""
    accounts = get_value(status, "extra", "own_slots")
    return {
        _get_int(account, "sir"): printable(f"{get_text(account, 'reason')}, {get_text(account, 'figures')}")
        for account in (accounts if isinstance(accounts, list) else [])
        if _get_int(account, "round") == round_ and get_text(account, "reason")
    }


def _list_own_slots(slots: Sequence[object], own: str) -> list[Slot]:
    return [sir for sir, slot in enumerate(slots) if isinstance(slot, list) and slot[:1] == [own]]


def _judge_equivocation(answers: Answers) -> list[Finding]:
    cases = get_value(answers.status, "extra", "equivocations")
    own = [
        case
        for case in (cases if isinstance(cases, list) else [])
        if isinstance(case, Mapping) and case.get("forger") == answers.address
    ]
    if not own:
        return []
    last = own[-1].get("round")
    found = (
        f"two blocks for one slot were signed with our key {count(len(own), 'time')}, last in round {last}"
    )
    return [error("key-elsewhere", found, "The wallet is in use on another host: stop that one")]


def _judge_configs(status: Mapping[str, object]) -> list[Finding]:
    heard, differ = (_get_int(status, "extra", "tunables", "peers", name) for name in ("heard", "differ"))
    found = f"{differ} of {heard} hypernodes that said theirs run with other tunable parameters"
    if not differ:
        return []
    if 2 * differ > heard:
        return [
            warning(
                "tunables-differ", found, "Compare: hn_client.py --action getconfig, and what config.txt sets"
            )
        ]
    return [note("tunables-differ", found)]


def _judge_version(facts: NodeFacts, status: Mapping[str, object]) -> list[Finding]:
    runs = get_text(status, "instance", "version")
    if not runs or runs == facts.version:
        return []
    return [
        note(
            "version-differs",
            f"version {printable(runs)} runs, {facts.version} is installed",
            "Start it again when it suits",
        )
    ]


def _list(slots: Sequence[Slot]) -> str:
    return ", ".join(map(str, slots)) or "none"


def _get_int(value: object, *names: str) -> int:
    found = get_value(value, *names)
    return found if type(found) is int and abs(found) <= LARGEST else 0
