"""The codes of findings (spec 10, 1): one table for the judgement, the documentation, alerts and tests.

A code is frozen: programs go by it.  What it means and what to do about it are sentences for people.  A code
without advice names a subject in which nothing is wrong.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True)
class Code:
    """``meaning`` and ``advice``: for the operator; ``unit``: of a finding's ``value``, empty where it has
    none; ``waits``: the duty is not done now and will be by itself (spec 10, ``waiting``)."""

    meaning: str
    advice: str = ""
    unit: str = ""
    waits: bool = False


_SUBJECTS: Final[Mapping[str, Code]] = {
    "configuration": Code("the configuration was read"),
    "wallet": Code("the key loads"),
    "journal": Code("the journal of what was signed"),
    "lock": Code("which process has the data folder and the wallet"),
    "disk": Code("room for the ledger", unit="bytes free"),
    "ledger": Code("our own ledger opens, and where it ends", unit="height"),
    "versions": Code("Python, packages and SQLite"),
    "limits": Code("how many files may be open", unit="files"),
    "clock": Code("the clock, beside the peers' and as the kernel knows it", unit="s"),
    "port": Code("our port answers, or is free"),
    "companion": Code("the companion is in sync", unit="s since its last block"),
    "companion-ledger": Code("how the companion's ledger file is kept"),
    "plugin": Code("the companion's TCP port"),
    "registration": Code("registered with this wallet", unit="weight"),
    "collateral": Code("the collateral's balance", unit="weight"),
    "source": Code("the address that it dials out from"),
    "reachable": Code("answers where it is registered"),
    "state": Code("what the node is doing", unit="peers"),
    "consensus": Code("how many that count are on our tip", unit="%"),
    "tip": Code("our last block", unit="s since its slot began"),
    "slots": Code("our slots of this round", unit="slots"),
}

_STOPS: Final[Mapping[str, Code]] = {
    "no-node": Code("no node runs on this folder", "Start it, and have systemd or cron keep it up"),
    "no-answer": Code(
        "the node runs and does not answer",
        "Read the end of logs/pos_app.log; kill -USR1 writes there what it does; then start it again",
        "s",
    ),
    "not-registered": Code(
        "no hypernode is registered with this wallet", "python -m hypernode register prints what to send"
    ),
    "registration-ends": Code("it is unregistered from a coming round on", "Register again", "round"),
    "voided": Code("the control address has voided the registration", "Ask those who keep the network"),
    "collateral-low": Code(
        "the collateral holds too little: it does not count", "Bring the balance back", "weight"
    ),
    "halted": Code("the node stopped its work by itself", "Do what the finding says; then start it again"),
    "companion-late": Code(
        "the companion is down, late, or cannot be read",
        "Bring the Bismuth node in order: without it nothing is forged after 15 minutes",
        "s since its last block",
    ),
    "companion-elsewhere": Code(
        "the companion is on another chain than the one that our rounds were derived from",
        "Look at the Bismuth node: let it follow the network's chain",
    ),
    "no-connections": Code(
        "no connection to any hypernode: for 10 minutes it is waited for",
        "Look at firewall, port and the host's line",
        "s without one",
        waits=True,
    ),
    "no-consensus": Code(
        "too few of those that count are seen on our tip to forge",
        "Wait for the next blocks; if it stays so, look at peers and firewall",
        "%",
        waits=True,
    ),
    "clock-off": Code(
        "the clock is off; over 2 s nothing is forged",
        "Run an NTP service (chrony, systemd-timesyncd)",
        "s from the peers' clocks",
    ),
    "disk-full": Code("the disk refuses what must be written", "Make room, or look at the disk"),
    "disk-read-only": Code("the file system is mounted read-only", "Look at the disk; mount it writable"),
    "not-writable": Code("this user may not write to a folder of the node", "Run as its owner, or chown it"),
    "key-elsewhere": Code(
        "something else signs with this node's key", "Stop the other node, or move to a new wallet", "times"
    ),
    "wallet-in-use": Code("another process has the wallet", "Stop one of the two"),
    "wallet-broken": Code("the wallet cannot be used", "Restore it from a backup"),
    "journal-broken": Code("the journal of what was signed cannot be used", "Restore it, or move it away"),
    "lock-unreadable": Code("the lock cannot be looked at", "Look as the user that owns the folder"),
    "ledger-broken": Code("our ledger cannot be used", "hn_check.py --ledger; then ledger repair"),
    "ledger-foreign": Code("the ledger is of another network", "Name its network, or another run folder"),
    "config-broken": Code("the configuration cannot be used", "Mend the line that the finding names"),
    "port-taken": Code("something else listens on our port", "Stop it, or choose another port"),
    "port-refused": Code("the port cannot be listened on", "Give an address of this host, or ALL"),
    "port-another": Code("another node answers on our port", "Stop it, or give one another port"),
    "port-silent": Code("the node runs and does not answer on its port", "Start it again"),
    "port-differs": Code(
        "registered with another port than the node listens on", "Set PORT, or register anew"
    ),
    "ip-differs": Code("registered with another ip than OUT_IP", "Set OUT_IP, or register anew"),
    "reached-another": Code(
        "another node answers where we are registered", "Mend the router, or register anew"
    ),
    "python-old": Code("Python is too old", "Install a newer one"),
    "sqlite-old": Code("SQLite is too old", "Install a Python with a newer one"),
    "package-missing": Code("a package is missing", "make venv"),
    "signing-broken": Code("signatures cannot be made or verified", "Install coincurve again"),
}

_WAITS: Final[Mapping[str, Code]] = {
    "starting": Code(
        "started a moment ago, connections are being made", "Wait a minute", "s since the start", waits=True
    ),
    "catching-up": Code(
        "fetching blocks that it lacks", "Wait: the finding says how far it is", "blocks", waits=True
    ),
    "restart-rule": Code(
        "does not forge in the rest of this round: it cannot know what it signed before",
        "Wait for the next round",
        "s left",
        waits=True,
    ),
    "registered-later": Code(
        "registered, and counts from a coming round on", "Wait for that round", "round", waits=True
    ),
    "companion-catching-up": Code(
        "the companion fetches blocks that it lacks", "Wait for it", "s since its last block", waits=True
    ),
    "round-not-derived": Code("the lists of the round are not derived yet", "Wait a moment", waits=True),
}

_ATTENTION: Final[Mapping[str, Code]] = {
    "slot-missed": Code("a slot of ours has no block of ours", "hypernode duty shows why", "slots"),
    "slots-missed": Code("several slots of ours have no block of ours", "hypernode duty shows why", "slots"),
    "split": Code(
        "the network fell apart, and the other side may be the larger",
        "Ask the others which chain they hold; python -m hypernode ledger follow takes the other side",
    ),
    "equivocation": Code("a hypernode signed two blocks for one slot", "Nothing: it is reported", "times"),
    "inactive": Code("the chain has no message of ours in the round before", "Keep it running and connected"),
    "not-counted": Code("registered, and does not count in this round", "See hn_reg_feed.py"),
    "collateral-less": Code(
        "the collateral holds less than it was registered with", "Bring it back", "weight"
    ),
    "registration-unknown": Code("whether it is registered cannot be known now", "See the companion"),
    "companion-remark": Code("the companion's chain says something worth knowing"),
    "companion-fallback": Code("the companion's second way is in use", "Bring its ledger file in order"),
    "plugin-silent": Code(
        "the companion's port does not answer", "Install its plugin; check POW_IP, POW_PORT"
    ),
    "few-connections": Code(
        "fewer connections than forging asks for", "Look at the host's line", "peers", waits=True
    ),
    "peers-silent": Code("connections stand and nobody answers on them", "Look at the host's line and load"),
    "not-reachable": Code("nobody answers where we are registered", "Open the port in firewall and router"),
    "source-differs": Code("dials out from another address than the registered", "See the finding"),
    "net-silent": Code(
        "no block of anybody for some slots", "Look at the log; ask others", "s since the last"
    ),
    "reported": Code("others say that a session with us failed", "Look at port, load and line", "hypernodes"),
    "score-low": Code(
        "the score is under half of the median", "hypernode duty shows which tests fail", "score"
    ),
    "disk-low": Code("little room is left", "Make room, or prune the ledger", "bytes free"),
    "files-low": Code("few files can still be made on this disk", "Delete files: inodes run out", "files"),
    "logs-full": Code("the disk of the logs is full", "Make room"),
    "files-few": Code("fewer files may be open than the node may need", "Raise the limit", "files"),
    "file-size-limited": Code("files may not grow without end", "ulimit -f unlimited", "bytes"),
    "clock-not-kept": Code("nothing keeps the clock in step", "Run an NTP service"),
    "wallet-missing": Code("there is no wallet yet", "Put yours there, or start the node"),
    "wallet-exposed": Code("others may read the wallet", "chmod 600"),
    "wallet-not-ours": Code("the wallet belongs to another user", "Run as its owner"),
    "wallet-sealed": Code("the wallet is encrypted and was not looked at", "PASSPHRASE_FILE"),
    "journal-missing": Code("the journal of what was signed is not there", "Restore it with the wallet"),
    "config-remark": Code("a line of the configuration changes nothing", "Mend it or take it out"),
    "tunables-differ": Code("others run with other tunable parameters", "Compare getconfig", "hypernodes"),
    "version-differs": Code("another version runs than is installed", "Start it again when it suits"),
    "package-old": Code("a package is not of the range that is asked for", "make venv"),
    "backend-slow": Code("a package runs without its quick part", "Install a wheel"),
    "ledger-behind": Code("our ledger ends some rounds ago", "Start the node: it catches up", "rounds"),
    "loop-slow": Code("the node is late with everything it does", "Look at the load of this host", "s"),
    "not-known": Code("a row of the check could not be looked at in time", "Look at the host's load"),
    "http-off": Code("HTTP is asked for and shut", "Do what the finding says"),
}

CODES: Final[Mapping[str, Code]] = MappingProxyType({**_STOPS, **_WAITS, **_ATTENTION, **_SUBJECTS})
"""All codes that there are."""
