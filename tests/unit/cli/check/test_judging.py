"""Each row of hn_check's table: facts that are in order, and facts that are not, judged with a remedy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hypernode.cli.check.table import ROWS
from hypernode.core.counting import Uncounted
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import COIN
from hypernode.core.rules import UNCHECKED, Rule
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Endpoint, Registration
from hypernode.health.chains import (
    CompanionFacts,
    PluginAnswer,
    PluginFacts,
    ReachFacts,
    RegistrationFacts,
    SourceFacts,
)
from hypernode.health.files import (
    FREE_BYTES,
    LEAST_FREE_BYTES,
    ConfigFacts,
    DiskFacts,
    LedgerFacts,
    LockFacts,
    WalletFacts,
    format_bytes,
)
from hypernode.health.findings import Severity, settle_causes
from hypernode.health.host import ClockFacts, LimitFacts, Package, PortFacts, VersionFacts
from hypernode.health.node import Answers, NodeFacts
from hypernode.health.remarks import Remark

OK, NOTE, WARNING, ERROR = Severity

CONFIG = ConfigFacts("config.txt", True, "mainnet")
WALLET = WalletFacts("w.json", True, address="B1", journal_path="w.signed.db", has_ledger=True)
PACKAGE = Package("tornado", "6.5", ">=6.4,<7", True)
VERSIONS = VersionFacts("1", "3.12.1", True, "3.45.0", True, (PACKAGE,), (("protobuf", "upb", True),))
LIMITS = LimitFacts(1_024, sessions=300, connections=40)
DISK = DiskFacts("/d", 10 * FREE_BYTES, 10_000, (5, 5))
LOCK = LockFacts("/d", "w.json", 7, 7)
LEDGER = LedgerFacts("/d/ledger.db", True, "", 100, 9, 10)
CLOCK = ClockFacts(0.2, True)
PORT = PortFacts(Endpoint("0.0.0.0", 6969), is_running=True, own="B1", answered_as="B1")
FREE_PORT = PortFacts(Endpoint("0.0.0.0", 6969), is_running=False)
COMPANION = CompanionFacts(
    "ledger",
    "ledger.db",
    800_000,
    50.0,
    900.0,
    journal_mode="delete",
    indexed=frozenset({"address", "recipient", "block_height"}),
)
PLUGIN = PluginFacts(True, "127.0.0.1:5658", True, {"hn_plugin": "0.1.3"})
ENTRY = Registration("C1", "203.0.113.7", "6969", "B1", "C1", 2)
MOVED_ON = Uncounted.MOVED_ON
REGISTRATION = RegistrationFacts(
    "B1", 10, 6969, "203.0.113.7", listed=ENTRY, latest=ENTRY, weight=2, balance=20_001 * COIN
)
VOID = PluginAnswer(799_000, "hypernode:register", "C1", False, Rule.R4, "the ip is registered already")
SOURCE = SourceFacts("203.0.113.7", has_registered=True, other=None)
REACH = ReachFacts("B1", True, Endpoint("203.0.113.7", 6969), "B1")

NETWORK = mainnet()
ROUND, SIR = 50_000, 7
NOW = compute_slot_start(NETWORK, ROUND, SIR) + 60.0
STATUS: dict[str, Any] = {
    "state": {"state": "SYNCING", "reason": "", "consensus": {"percent": 60, "counted": 99, "chains": 1}},
    "peers": {"connected_count": 40, "net_height": None},
    "chain": {"height": 1_000, "round": ROUND, "sir": SIR - 1},
    "extra": {"split": "", "uptime": 50_000, "equivocations": [], "tunables": {"peers": {}}},
    "instance": {"version": "1"},
}
OWN_SLOTS = {"previous": ROUND, "slots": [["B1", 1] if sir in (3, 9) else ["B2", 1] for sir in range(19)]}
FORGED = Block(999, ROUND, 3, 0, bytes(20), (), 4, 3, bytes(64), bytes(20), "B1")


NAMES = sorted(
    {*STATUS, *OWN_SLOTS, *(name for part in STATUS.values() for name in part), "percent", "heard", "differ"}
)
"""What is read of an answer."""


def make_node(
    changes: Mapping[str, Mapping[str, Any]] | None = None, *, headers: tuple[Block, ...] = (FORGED,)
) -> NodeFacts:
    """A running node that is juror of slots 3 and 9, with parts of its status changed."""
    status = {key: {**value, **(changes or {}).get(key, {})} for key, value in STATUS.items()}
    return NodeFacts(NETWORK, NOW, "1", True, Answers("B1", status, OWN_SLOTS, headers))


def in_state(state: str, reason: str = "") -> NodeFacts:
    return make_node({"state": {"state": state, "reason": reason}})


MISSED = {"round": ROUND, "sir": 3, "outcome": "missed", "reason": "no-consensus", "figures": "8 %"}

CASES: list[tuple[str, Any, Severity, str]] = [
    ("configuration", CONFIG, OK, "network mainnet"),
    ("configuration", replace(CONFIG, exists=False), OK, "there is no config.txt"),
    ("configuration", replace(CONFIG, problem="config.txt:3: PORT: expected"), ERROR, "config.txt:3"),
    ("configuration", replace(CONFIG, remarks=(Remark("warning", "FOO is unknown"),)), WARNING, "FOO"),
    ("configuration", replace(CONFIG, remarks=(Remark("info", "X has no purpose"),)), NOTE, "no purpose"),
    ("wallet", WALLET, OK, "B1"),
    ("wallet", replace(WALLET, is_encrypted=True), OK, "encrypted"),
    ("wallet", replace(WALLET, is_encrypted=True, is_checked=False), NOTE, "was not looked at"),
    ("wallet", replace(WALLET, exists=False), WARNING, "there is no wallet"),
    ("wallet", replace(WALLET, problem="w.json: is no JSON"), ERROR, "is no JSON"),
    ("wallet", replace(WALLET, exposure="w.json may be read by others"), WARNING, "chmod 600 w.json"),
    ("wallet", replace(WALLET, owner=1, user=2), WARNING, "belongs to user 1"),
    ("wallet", replace(WALLET, has_journal=False), WARNING, "does not forge before the next round"),
    ("wallet", replace(WALLET, has_journal=False, has_ledger=False), NOTE, "no journal"),
    ("wallet", replace(WALLET, journal_problem="it is damaged"), ERROR, "Restore w.signed.db"),
    ("versions", VERSIONS, OK, "tornado 6.5"),
    ("versions", replace(VERSIONS, python="3.9", python_fits=False), ERROR, "3.9 is too old"),
    ("versions", replace(VERSIONS, sqlite="3.30", sqlite_fits=False), ERROR, "3.30 is too old"),
    ("versions", replace(VERSIONS, packages=(replace(PACKAGE, version=""),)), ERROR, "not installed"),
    ("versions", replace(VERSIONS, packages=(replace(PACKAGE, fits=False),)), WARNING, "wanted >=6.4,<7"),
    ("versions", replace(VERSIONS, backends=(("protobuf", "python", False),)), WARNING, "slow backend"),
    ("versions", replace(VERSIONS, signing_problem="a good one is refused"), ERROR, "libsecp256k1"),
    ("limits", LIMITS, OK, "needs up to 440"),
    ("limits", replace(LIMITS, open_files=None), OK, "any number"),
    ("limits", replace(LIMITS, open_files=256, pid=7), WARNING, "ulimit -n 440"),
    ("limits", replace(LIMITS, file_bytes=1_000), WARNING, "ulimit -f unlimited"),
    ("disk", DISK, OK, "20.0 GB free"),
    ("disk", replace(DISK, free_files=None), OK, "free"),
    ("disk", replace(DISK, free_bytes=FREE_BYTES - 1), WARNING, "prune"),
    ("disk", replace(DISK, free_bytes=LEAST_FREE_BYTES - 1), ERROR, "Make room"),
    ("disk", replace(DISK, free_files=3), ERROR, "inodes"),
    ("disk", replace(DISK, is_read_only=True), ERROR, "mounted read-only"),
    ("disk", replace(DISK, full_wallet="/key"), ERROR, "the disk of /key is full"),
    ("disk", replace(DISK, full_logs="/log"), WARNING, "the disk of /log is full"),
    ("disk", replace(DISK, unwritable=("/home/x",)), ERROR, "may not write to /home/x"),
    ("lock", LOCK, OK, "process 7 has /d"),
    ("lock", replace(LOCK, data_pid=None, wallet_pid=None), NOTE, "no node runs here"),
    ("lock", replace(LOCK, wallet_pid=None), NOTE, "no node has the wallet"),
    ("lock", replace(LOCK, data_pid=None), ERROR, "Another node runs with this wallet"),
    ("lock", replace(LOCK, wallet_pid=8), ERROR, "process 8 has the wallet"),
    ("ledger", LEDGER, OK, "block 100 of round 9"),
    ("ledger", replace(LEDGER, exists=False), NOTE, "no ledger"),
    ("ledger", replace(LEDGER, present_round=50), NOTE, "41 rounds ago"),
    ("ledger", replace(LEDGER, problem="it is damaged"), ERROR, "ledger repair"),
    ("clock", CLOCK, OK, "+0.200 s"),
    ("clock", ClockFacts(0.2, False), NOTE, "nothing told the kernel"),
    ("clock", ClockFacts(None, UNCHECKED), NOTE, "cannot be known"),
    ("clock", ClockFacts(None, False), WARNING, "NTP"),
    ("clock", ClockFacts(-1.5, True), WARNING, "-1.500 s"),
    ("clock", ClockFacts(2.5, True), ERROR, "no forging"),
    ("port", PORT, OK, "answers as B1"),
    ("port", FREE_PORT, OK, "free to start on"),
    ("port", replace(PORT, answered_as="", problem="no answer in time"), ERROR, "does not answer at"),
    ("port", replace(PORT, answered_as="B9"), ERROR, "the wallet's address is B1"),
    ("port", replace(FREE_PORT, is_taken=True, problem="in use"), ERROR, "is taken"),
    ("port", replace(FREE_PORT, problem="cannot assign"), ERROR, "Give an address of this host"),
    ("companion", COMPANION, OK, "late in 850 s"),
    ("companion", CompanionFacts("fixed", ""), OK, "no companion is needed"),
    ("companion", replace(COMPANION, indexed=frozenset({"address"})), NOTE, "no index on recipient"),
    ("companion", replace(COMPANION, remarks=("one was left out",)), NOTE, "one was left out"),
    ("companion", replace(COMPANION, problem="there is no such file"), ERROR, "POW_NOT_SYNC"),
    ("companion", replace(COMPANION, problem="locked", has_fallback=True), WARNING, "POW_FALLBACK"),
    ("plugin", PLUGIN, OK, "hn_plugin 0.1.3"),
    ("plugin", PluginFacts(False), OK, "not needed"),
    ("plugin", replace(PLUGIN, versions=None, problem="no answer"), ERROR, "POW_SOURCE=ledger"),
    ("plugin", replace(PLUGIN, versions=None, is_needed=False), WARNING, "take POW_FALLBACK out"),
    ("registration", REGISTRATION, OK, "registered: 203.0.113.7:6969, weight 2"),
    ("registration", replace(REGISTRATION, pos=""), NOTE, "without a wallet"),
    ("registration", replace(REGISTRATION, problem="the companion is late"), WARNING, "late"),
    ("registration", replace(REGISTRATION, listed=None, problem="late"), WARNING, "late"),
    ("registration", replace(REGISTRATION, listed=None, counts_from=11), NOTE, "from round 11 on"),
    ("registration", replace(REGISTRATION, latest=None, counts_from=11), ERROR, "ends with round 10"),
    ("registration", replace(REGISTRATION, listed=None, latest=None), ERROR, "were not looked at"),
    ("registration", replace(REGISTRATION, listed=None, latest=None, last=None), ERROR, "and no transaction"),
    (
        "registration",
        replace(REGISTRATION, listed=None, latest=None, last=VOID),
        ERROR,
        "void (rule 4): the ip",
    ),
    (
        "registration",
        replace(REGISTRATION, listed=None, latest=None, is_collateral_needed=False),
        ERROR,
        "fixed list",
    ),
    ("registration", replace(REGISTRATION, is_voided=True), ERROR, "has voided it"),
    ("registration", replace(REGISTRATION, is_silent=True), WARNING, "inactive"),
    ("registration", replace(REGISTRATION, uncounted=MOVED_ON), ERROR, "does not count: collateral moved on"),
    (
        "registration",
        replace(REGISTRATION, listed=None, weight=0, must_collateral_stay=True),
        ERROR,
        "not on the list of this network: collateral moved on",
    ),
    (
        "registration",
        replace(REGISTRATION, listed=None, must_collateral_stay=True, counts_from=11),
        NOTE,
        "from round 11 on",
    ),
    ("registration", replace(REGISTRATION, port=7000), ERROR, "listens on 7000"),
    ("registration", replace(REGISTRATION, out_ip="203.0.113.8"), ERROR, "OUT_IP is 203.0.113.8"),
    ("registration", replace(REGISTRATION, out_ip=None), OK, "weight 2"),
    ("registration", replace(REGISTRATION, weight=1, balance=19_999 * COIN), WARNING, "rewards leave it out"),
    ("registration", replace(REGISTRATION, weight=-1, balance=None), WARNING, "has nothing"),
    (
        "registration",
        replace(REGISTRATION, listed=replace(ENTRY, weight=0)),
        ERROR,
        "weight 0 (no collateral at registration): it does not count",
    ),
    ("source", SOURCE, OK, "dials out from 203.0.113.7, as it is registered"),
    (
        "source",
        replace(SOURCE, has_registered=False),
        NOTE,
        "dials out from whatever address",
    ),
    ("source", replace(SOURCE, has_registered=False, other="10.1.1.1"), NOTE, "dials out from 10.1.1.1"),
    ("source", replace(SOURCE, registered=None), NOTE, "not registered"),
    ("source", replace(SOURCE, has_registered=False, other="8.8.4.4"), WARNING, "Peers give nothing"),
    ("reachable", REACH, OK, "only others can tell"),
    ("reachable", replace(REACH, registered=None), NOTE, "nothing to connect to"),
    ("reachable", replace(REACH, is_running=False, answered_as=""), NOTE, "no node runs here"),
    ("reachable", replace(REACH, answered_as="", problem="refused"), WARNING, "hn_client.py -I 203.0.113.7"),
    ("reachable", replace(REACH, answered_as="B9"), ERROR, "B9 answers, and we are B1"),
    ("node", make_node(), OK, "juror of slots 3, 9 of round 50000 (now 7); forged 3"),
    ("node", NodeFacts(NETWORK, NOW, "1", False), WARNING, "hn_instance.py"),
    ("node", NodeFacts(NETWORK, NOW, "1", True, problem="no answer in time"), ERROR, "kill -USR1"),
    ("node", in_state("HALTED", "our key is in use elsewhere"), ERROR, "our key is in use elsewhere"),
    ("node", in_state("POW_NOT_SYNC", "late"), ERROR, "POW_NOT_SYNC: late"),
    ("node", in_state("START"), WARNING, "3 are needed"),
    ("node", make_node({"peers": {"connected_count": 1}}), OK, "connected with 1 hypernode"),
    ("node", make_node(), OK, "1 chain in sight"),
    ("node", make_node({"state": {"consensus": {"percent": 60, "chains": 2}}}), OK, "2 chains in sight"),
    ("node", make_node({"peers": {"told": {"a": {"counts": False}}}}), WARNING, "all of them are silent"),
    ("node", make_node({"peers": {"told": {"a": {"counts": False}, "b": {"counts": True}}}}), OK, "SYNCING"),
    (
        "node",
        make_node({"chain": {"height": 0, "round": 0, "sir": 0}}),
        WARNING,
        "no block yet but the first",
    ),
    ("node", make_node({"extra": {"own_slots": [MISSED]}}, headers=()), WARNING, "slot 3: no-consensus, 8 %"),
    ("node", in_state("CATCHING_UP_SYNC"), NOTE, "does not forge until"),
    ("node", make_node({"extra": {"split": "SPLIT: ours 5, theirs 6"}}), ERROR, "SPLIT: ours 5"),
    ("node", make_node({"state": {"consensus": {"percent": 9}}}), WARNING, "more than 18 % are needed"),
    ("node", make_node({"chain": {"round": ROUND - 3}}), WARNING, "stands still"),
    ("node", make_node({"peers": {"net_height": {"height": 1_005}}}), OK, "a peer tells height 1005"),
    ("node", make_node(headers=()), WARNING, "no block of ours in 3"),
    # it was not there in slot 3
    ("node", make_node({"extra": {"uptime": 90}}, headers=()), OK, "forged none"),
    ("node", make_node({"extra": {"equivocations": [{"forger": "B1", "round": 9}]}}), ERROR, "another host"),
    ("node", make_node({"extra": {"equivocations": [{"forger": "B2", "round": 9}]}}), OK, "SYNCING"),
    ("node", make_node({"extra": {"tunables": {"peers": {"heard": 9, "differ": 2}}}}), NOTE, "2 of 9"),
    ("node", make_node({"extra": {"tunables": {"peers": {"heard": 9, "differ": 8}}}}), WARNING, "getconfig"),
    ("node", make_node({"instance": {"version": "0.9"}}), NOTE, "version 0.9 runs, 1 is installed"),
]


@pytest.mark.parametrize(("row", "facts", "severity", "words"), CASES)
def test_facts_are_judged(row: str, facts: Any, severity: Severity, words: str) -> None:
    findings = ROWS[row].judge(facts)
    assert max(finding.severity for finding in findings) is severity
    assert any(words in f"{f.found}\n{f.remedy}" for f in findings if f.severity is severity), findings
    assert all(finding.remedy for finding in findings if finding.severity >= WARNING)


def test_every_row_has_a_case_in_order_and_one_that_is_not() -> None:
    assert {row for row, _, severity, _ in CASES if severity is OK} == set(ROWS)
    assert {row for row, _, severity, _ in CASES if severity >= WARNING} == set(ROWS)


def test_a_status_that_is_all_nonsense_is_judged_and_raises_nothing() -> None:
    nonsense: list[object] = [None, 7, "x", [], {}, {"round": 10**400, "uptime": 10**400, "state": [1]}]
    for value in nonsense:
        status: dict[str, object] = dict.fromkeys(STATUS, value)
        slots: dict[str, object] = {"previous": ROUND, "slots": value}
        facts = NodeFacts(NETWORK, NOW, "1", True, Answers("B1", status, slots, ()))
        assert ROWS["node"].judge(facts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES) | st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50)
@given(st.dictionaries(st.sampled_from(NAMES), JSON), st.dictionaries(st.sampled_from(NAMES), JSON))
def test_no_answer_of_a_node_is_too_odd_to_be_judged(
    status: dict[str, object], round_: dict[str, object]
) -> None:
    facts = NodeFacts(NETWORK, NOW, "1", True, Answers("B1", status, round_, (FORGED,)))
    assert all(finding.found for finding in ROWS["node"].judge(facts))


def test_what_strangers_wrote_is_escaped() -> None:
    entry = replace(ENTRY, port="69\x1b[2J")
    findings = ROWS["registration"].judge(replace(REGISTRATION, listed=entry, latest=entry))
    assert all("\x1b" not in finding.found for finding in findings)
    [first, *_] = ROWS["node"].judge(in_state("SYNCING", "\x1b[2J"))
    assert "\x1b" not in first.found


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1_500, "1.5 kB"), (2e15, "2000.0 TB")]
)
def test_bytes_are_shown_with_a_unit(count: float, text: str) -> None:
    assert format_bytes(count) == text


@pytest.mark.parametrize(
    "state",
    [
        ("HALTED", "key elsewhere"),
        ("POW_NOT_SYNC", "the companion is late"),
        ("START", ""),
        ("CATCHING_UP_SYNC", ""),
    ],
)
def test_what_follows_from_the_state_is_no_warning_of_its_own(state: tuple[str, str]) -> None:
    """No word of firewall, peers or a network that stands still where something else is the cause."""
    alone: dict[str, dict[str, Any]] = {
        "state": {
            "state": state[0],
            "reason": state[1],
            "consensus": {"percent": 0, "counted": 9, "chains": 1},
        },
        "chain": {"height": 0, "round": 0, "sir": 0},
    }
    state_found, *others = ROWS["node"].judge(make_node(alone, headers=()))
    assert state_found.found.startswith(state[0])
    assert [finding for finding in others if finding.severity >= WARNING or finding.remedy] == []
    assert any("no block of ours in 3" in finding.found for finding in others)


def test_one_cause_is_said_once() -> None:
    late = replace(COMPANION, problem="the companion is 20 min late")
    rows = {
        "companion": ROWS["companion"].judge(late),
        "registration": ROWS["registration"].judge(
            replace(REGISTRATION, problem="the companion is 20 min late")
        ),
        "node": ROWS["node"].judge(in_state("POW_NOT_SYNC", "the companion is 20 min late")),
    }
    assert all(max(f.severity for f in findings) >= WARNING for findings in rows.values())
    settled = settle_causes(rows)
    worst = {row: max(finding.severity for finding in findings) for row, findings in settled.items()}
    assert worst == {"companion": ERROR, "registration": NOTE, "node": NOTE}
    assert settled["node"][0].found == "POW_NOT_SYNC: see companion"
    assert settled["registration"][0].found == "see companion"
    # and where nobody else states it, it stays what it was
    alone = settle_causes({"node": rows["node"]})
    assert alone == {"node": rows["node"]}


def test_a_node_that_hangs_is_told_once_and_no_firewall_is_blamed() -> None:
    hangs = NodeFacts(NETWORK, NOW, "1", True, problem="no answer in time")
    settled = settle_causes(
        {
            "port": ROWS["port"].judge(replace(PORT, is_running=True, problem="no answer in time")),
            "reachable": ROWS["reachable"].judge(replace(REACH, answered_as="", problem="no answer in time")),
            "node": ROWS["node"].judge(hangs),
        }
    )
    assert [f.severity for findings in settled.values() for f in findings] == [NOTE, NOTE, ERROR]
    assert not any("firewall" in f.remedy for findings in settled.values() for f in findings)
