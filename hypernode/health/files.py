"""The judgement on the node's files: configuration, wallet, lock, disk, ledger.  Facts in, results out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from hypernode.health.findings import LOCK, Finding, error, note, ok, warning
from hypernode.health.remarks import Remark

LEAST_FREE_BYTES: Final = 200_000_000
"""Below it a day of a busy network, its logs and a checkpoint may not fit any more."""
FREE_BYTES: Final = 2_000_000_000
"""Below it there is no room for an archive or a snapshot beside the ledger."""
LEAST_FREE_FILES: Final = 1_000
_UNITS: Final = ("B", "kB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class ConfigFacts:
    """What reading the configuration gave; ``problem`` where it cannot be used."""

    path: str = ""
    exists: bool = False
    network: str = ""
    problem: str = ""
    remarks: tuple[Remark, ...] = ()


def judge_config(facts: ConfigFacts) -> list[Finding]:
    """Errors stop the start; unknown names are not in force."""
    if facts.problem:
        return [
            error("config-broken", facts.problem, "Mend it: the node does not start with it (exit status 78)")
        ]
    findings = []
    for remark in facts.remarks:
        if remark.level == "warning":
            findings.append(warning("config-remark", remark.text, "Mend the line or take it out"))
        else:
            findings.append(note("config-remark", remark.text))
    where = facts.path if facts.exists else f"defaults (there is no {facts.path})"
    return [ok("configuration", f"network {facts.network}, {where}"), *findings]


@dataclass(frozen=True, slots=True)
class WalletFacts:
    """The wallet's file.  ``is_checked``: the key was computed again; not so for an encrypted one whose
    passphrase is neither in a file nor in the environment.  ``owner``, ``user``: ids."""

    path: str
    exists: bool
    problem: str = ""
    exposure: str = ""
    owner: int = 0
    user: int = 0
    address: str = ""
    is_encrypted: bool = False
    is_checked: bool = True
    journal_path: str = ""
    has_journal: bool = True
    journal_problem: str = ""
    has_ledger: bool = False


def judge_wallet(facts: WalletFacts) -> list[Finding]:
    """The key loads and is ours alone, and the journal of what was signed lies beside it."""
    if not facts.exists and facts.problem:
        return [
            error(
                "wallet-broken",
                facts.problem,
                "The node does not start, and makes no new wallet (exit status 78)",
            )
        ]
    if not facts.exists:
        return [
            warning(
                "wallet-missing",
                f"there is no wallet {facts.path}",
                "Put yours there (a backup), or start the node: it makes a new one, to be registered",
            )
        ]
    findings = []
    if facts.problem:
        findings.append(
            error("wallet-broken", facts.problem, "The node does not start without it (exit status 78)")
        )
    elif facts.is_checked:
        sealed = "encrypted, " if facts.is_encrypted else ""
        findings.append(ok("wallet", f"{facts.address} ({sealed}{facts.path})"))
    else:
        findings.append(
            note(
                "wallet-sealed",
                f"{facts.address} ({facts.path}) is encrypted: its key was not looked at",
                "PASSPHRASE_FILE names a file with its passphrase: then it is checked, and starts unattended",
            )
        )
    if facts.exposure:
        findings.append(warning("wallet-exposed", facts.exposure, f"chmod 600 {facts.path}"))
    if facts.owner != facts.user:
        findings.append(
            warning(
                "wallet-not-ours",
                f"{facts.path} belongs to user {facts.owner}, and this check runs as {facts.user}",
                "Run node and check as the user that owns the run folder",
            )
        )
    return [*findings, *_judge_journal(facts)]


def _judge_journal(facts: WalletFacts) -> list[Finding]:
    if facts.journal_problem:
        return [
            error(
                "journal-broken",
                facts.journal_problem,
                f"Restore {facts.journal_path} from a backup, or move it away: the node then waits a round",
            )
        ]
    if facts.has_journal:
        return [ok("journal", f"the journal of what was signed lies beside it ({facts.journal_path})")]
    if facts.has_ledger:
        return [
            warning(
                "journal-missing",
                f"the journal of what was signed is not there ({facts.journal_path})",
                "Restore it with the wallet; without it the node does not forge before the next round",
            )
        ]
    return [note("journal", "there is no journal of what was signed yet: the first start makes it")]


@dataclass(frozen=True, slots=True)
class LockFacts:
    """Which process holds the locks of the data folder and of the wallet; None for nobody."""

    data_path: str
    wallet_path: str
    data_pid: int | None
    wallet_pid: int | None
    problem: str = ""
    """Why a lock cannot be looked at: nor could a node take it."""


def judge_lock(facts: LockFacts) -> list[Finding]:
    """One node, and the same one, has both."""
    if facts.problem:
        remedy = "Mend it, or look as the user that owns the folder: with this no node can be seen, nor start"
        return [replace(error("lock-unreadable", facts.problem, remedy), cause=LOCK)]
    data, wallet = facts.data_pid, facts.wallet_pid
    if data is not None and data == wallet:
        return [ok("lock", f"process {data} has {facts.data_path} and the wallet")]
    if wallet is not None:
        return [
            error(
                "wallet-in-use",
                f"process {wallet} has the wallet {facts.wallet_path}, but not {facts.data_path}",
                "Another node runs with this wallet: stop one of them, or name its run folder (--home)",
            )
        ]
    if data is not None:
        return [
            note(
                "lock",
                f"process {data} has {facts.data_path}, and no node has the wallet",
                "A ledger tool is at work, or a node with another wallet (--wallet)",
            )
        ]
    return [note("lock", f"nobody has {facts.data_path}: no node runs here")]


@dataclass(frozen=True, slots=True)
class DiskFacts:
    """The file system below the data folder, or below the folder that it will be made in."""

    path: str
    free_bytes: int
    free_files: int | None
    sizes: tuple[int, int] | None
    """Bytes of the data folder and of the logs; None where nobody measured them."""
    unwritable: tuple[str, ...] = ()
    """Folders that this user may not write to."""
    is_read_only: bool = False
    full_wallet: str = ""
    """The wallet's folder, where it is on another file system that has no room; else empty."""
    full_logs: str = ""
    """The same of the folder of the logs."""


def judge_disk(facts: DiskFacts) -> list[Finding]:
    """There is room, and the node may use it."""
    found = f"{format_bytes(facts.free_bytes)} free at {facts.path}"
    if facts.sizes is not None:
        data, logs = map(format_bytes, facts.sizes)
        found += f"; data {data}, logs {logs}"
    findings = []
    if facts.free_bytes < LEAST_FREE_BYTES:
        findings.append(error("disk-low", found, "Make room: on a full disk the node stops forging"))
    elif facts.free_bytes < FREE_BYTES:
        findings.append(
            warning("disk-low", found, "Make room, or prune: python -m hypernode ledger prune --vacuum")
        )
    else:
        findings.append(ok("disk", found))
    if facts.free_files is not None and facts.free_files < LEAST_FREE_FILES:
        findings.append(
            error(
                "files-low",
                f"{facts.free_files} files can still be made at {facts.path}",
                "Delete files: inodes run out",
            )
        )
    if facts.is_read_only:
        findings.append(
            error(
                "disk-read-only",
                f"{facts.path} is mounted read-only",
                "Look at the disk, then mount it writable",
            )
        )
    if facts.full_wallet:
        remedy = "Make room: a node that cannot write its journal stops forging"
        findings.append(error("disk-full", f"the disk of {facts.full_wallet} is full", remedy))
    if facts.full_logs:
        remedy = "Make room: what the node says goes to standard error only"
        findings.append(warning("logs-full", f"the disk of {facts.full_logs} is full", remedy))
    for folder in facts.unwritable:
        findings.append(
            error(
                "not-writable",
                f"this user may not write to {folder}",
                "Run as the user that owns the run folder, or chown it",
            )
        )
    return findings


@dataclass(frozen=True, slots=True)
class LedgerFacts:
    """Our own ledger at a glance."""

    path: str
    exists: bool
    problem: str = ""
    height: int = 0
    round: int = 0
    present_round: int = 0
    is_running: bool = False
    is_foreign: bool = False
    """Of another network: whole, but not this node's."""


def judge_ledger(facts: LedgerFacts) -> list[Finding]:
    """It opens, is of this network and program, and is not far behind."""
    if not facts.exists:
        return [note("ledger", f"there is no ledger {facts.path} yet: the node makes and fills it")]
    if facts.is_foreign:
        remedy = (
            "Name its network (--network, NETWORK) or another run folder (--home): nothing is broken in it"
        )
        return [error("ledger-foreign", facts.problem, remedy)]
    if facts.problem:
        return [
            error(
                "ledger-broken",
                facts.problem,
                "Look closer: hn_check.py --ledger; then python -m hypernode ledger repair",
            )
        ]
    behind = facts.present_round - facts.round
    found = f"ends at block {facts.height} of round {facts.round}"
    if behind <= 1 or facts.is_running:
        return [ok("ledger", found)]
    return [note("ledger-behind", f"{found}, {behind} rounds ago: the node will catch up when it runs")]


def format_bytes(count: float) -> str:
    """With the unit that leaves one to three digits before the point."""
    unit = 0
    while count >= 1_000 and unit < len(_UNITS) - 1:
        count /= 1_000
        unit += 1
    return f"{count:.1f} {_UNITS[unit]}" if unit else f"{count:.0f} B"
