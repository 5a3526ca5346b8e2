"""The host that the node runs on, judged: versions, limits, clock, port.  Facts in, findings out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.types import Endpoint
from hypernode.health.findings import Finding, error, note, ok, warning
from hypernode.health.node import NO_ANSWER
from hypernode.machine.clock_offset import NTP_REMEDY, WARN_S

OTHER_FILES: Final = 100
"""Open files beside sessions: databases with their logs, libraries, the terminal, one-off connections."""
LARGEST_OFFSET_S: Final = 2.0
"""Spec 6, time: over it the node does not forge."""
_INSTALL: Final = "make venv, and start with .venv/bin/python"


@dataclass(frozen=True, slots=True)
class Package:
    """A package that we need; ``version`` is empty if it is missing."""

    name: str
    version: str
    wanted: str
    fits: bool


@dataclass(frozen=True, slots=True)
class VersionFacts:
    """Python, packages, SQLite, and what does the work below them."""

    program: str
    python: str
    python_fits: bool
    sqlite: str
    sqlite_fits: bool
    packages: tuple[Package, ...]
    backends: tuple[tuple[str, str, bool], ...]
    """What, which, and whether it is the quick one."""
    signing_problem: str = ""


def judge_versions(facts: VersionFacts) -> list[Finding]:
    """All as required, the quick backends, and a signature that verifies."""
    findings = []
    if not facts.python_fits:
        findings.append(
            error(
                "python-old",
                f"Python {facts.python} is too old",
                "Install Python 3.11 or newer, then make venv",
            )
        )
    if not facts.sqlite_fits:
        findings.append(
            error("sqlite-old", f"SQLite {facts.sqlite} is too old", "Use a Python with SQLite 3.37 or newer")
        )
    for package in facts.packages:
        if not package.version:
            findings.append(
                error(
                    "package-missing", f"{package.name} is not installed (wanted {package.wanted})", _INSTALL
                )
            )
        elif not package.fits:
            found = f"{package.name} is {package.version}, wanted {package.wanted}"
            findings.append(warning("package-old", found, f"Versions were not tested together: {_INSTALL}"))
    for what, which, is_quick in facts.backends:
        if not is_quick:
            findings.append(
                warning(
                    "backend-slow",
                    f"{what} runs on its slow backend ({which})",
                    f"Install a wheel: {_INSTALL}",
                )
            )
    if facts.signing_problem:
        findings.append(
            error(
                "signing-broken",
                f"libsecp256k1: {facts.signing_problem}",
                f"Install coincurve again: {_INSTALL}",
            )
        )
    shown = [f"{package.name} {package.version}" for package in facts.packages if package.version]
    shown += [f"{what} on {which}" for what, which, _ in facts.backends]
    summary = f"hypernode {facts.program}, Python {facts.python}, SQLite {facts.sqlite}, {', '.join(shown)}"
    return [*findings, ok("versions", summary) if not findings else note("versions", summary)]


@dataclass(frozen=True, slots=True)
class LimitFacts:
    """Open files that a process may have (None: no limit), and how many the node may need.  ``pid`` is the
    node's; 0 where it is this shell that was looked at."""

    open_files: int | None
    sessions: int
    connections: int
    file_bytes: int | None = None
    pid: int = 0


def judge_limits(facts: LimitFacts) -> list[Finding]:
    """As many files as sessions can be open."""
    needed = facts.sessions + facts.connections + OTHER_FILES
    whose = f"process {facts.pid}" if facts.pid else "a process of this shell"
    findings = []
    if facts.open_files is not None and facts.open_files < needed:
        findings.append(
            warning(
                "files-few",
                f"{whose} may open {facts.open_files} files; with {facts.sessions} sessions and "
                f"{facts.connections} connections the node may need {needed}",
                f"ulimit -n {needed} before the start, or LimitNOFILE={needed} in the unit of systemd",
            )
        )
    else:
        allowed = "any number of" if facts.open_files is None else facts.open_files
        findings.append(ok("limits", f"{whose} may open {allowed} files, the node needs up to {needed}"))
    if facts.file_bytes is not None:
        findings.append(
            warning(
                "file-size-limited",
                f"{whose} may write files of {facts.file_bytes} bytes at most",
                "Take that limit away (ulimit -f unlimited): the ledger grows",
            )
        )
    return findings


@dataclass(frozen=True, slots=True)
class ClockFacts:
    """``offset_s``: from the peers, as the running node says; None where none runs, or too few peers told.
    ``is_kept``: whether the kernel knows of somebody who keeps the clock; UNCHECKED where it cannot be
    asked."""

    offset_s: float | None
    is_kept: bool | Unchecked


def judge_clock(facts: ClockFacts) -> list[Finding]:
    """The slots of the network are ours too."""
    remedy, offset = f"{NTP_REMEDY[0].upper()}{NTP_REMEDY[1:]}", facts.offset_s
    is_good = offset is not None and abs(offset) <= WARN_S
    findings = []
    if offset is not None:
        found = f"the clock is {offset:+.3f} s from the peers'"
        if is_good:
            findings.append(ok("clock", found))
        elif abs(offset) <= LARGEST_OFFSET_S:
            findings.append(warning("clock-off", found, remedy))
        else:
            findings.append(
                error("clock-off", f"{found}: over {LARGEST_OFFSET_S:g} s there is no forging", remedy)
            )
    if facts.is_kept is UNCHECKED:
        findings.append(note("clock", "whether NTP keeps the clock cannot be known on this system"))
    elif facts.is_kept:
        findings.append(ok("clock", "the kernel says that its clock is kept in step"))
    else:
        # not every service tells the kernel; the peers know better
        found = "nothing told the kernel that it keeps the clock in step"
        findings.append(
            note("clock-not-kept", found) if is_good else warning("clock-not-kept", found, remedy)
        )
    return findings


@dataclass(frozen=True, slots=True)
class PortFacts:
    """Our port.  While a node runs: whether it answered there and as whom (``answered_as``).  While none
    does: why the port cannot be taken (``taken``: somebody listens there)."""

    endpoint: Endpoint
    is_running: bool
    own: str = ""
    answered_as: str = ""
    problem: str = ""
    is_taken: bool = False


def judge_port(facts: PortFacts) -> list[Finding]:
    """It answers as us, or is free to start on."""
    where = f"{facts.endpoint.ip}:{facts.endpoint.port}"
    if facts.is_running and facts.problem:
        found = f"the node runs, but does not answer at {where}: {facts.problem}"
        return [replace(error("port-silent", found, "Start it again"), follows=NO_ANSWER)]
    if facts.is_running and facts.own and facts.answered_as != facts.own:
        found = f"{where} answers as {facts.answered_as}, and the wallet's address is {facts.own}"
        return [
            error(
                "port-another",
                found,
                "Another node has that port: stop it, or give one of them another port (PORT)",
            )
        ]
    if facts.is_running:
        return [ok("port", f"{where} answers as {facts.answered_as}")]
    if facts.is_taken:
        found = f"{where} is taken, and not by a node on this folder: {facts.problem}"
        return [
            error(
                "port-taken",
                found,
                "Stop what listens there (ss -ltnp shows it), or choose another port (PORT)",
            )
        ]
    if facts.problem:
        return [
            error(
                "port-refused",
                f"{where} cannot be listened on: {facts.problem}",
                "Give an address of this host, or ALL (-I)",
            )
        ]
    return [ok("port", f"{where} is free to start on")]
