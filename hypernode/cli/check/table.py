"""The rows of the check, and running them: all at the same time, each within its time limit.

A row looks (``look_at_…``: the edge) and judges (``judge_…``: facts in, findings out).  To add one: the two
functions, a line here, a line in ``docs/operating.rst``.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final, Generic, TypeVar

from hypernode.cli.check.inquiry import Inquiry
from hypernode.cli.check.look_chains import (
    look_at_companion,
    look_at_plugin,
    look_at_reach,
    look_at_registration,
    look_at_source,
)
from hypernode.cli.check.look_files import (
    look_at_config,
    look_at_disk,
    look_at_ledger,
    look_at_lock,
    look_at_wallet,
)
from hypernode.cli.check.look_host import (
    look_at_clock,
    look_at_limits,
    look_at_port,
    look_at_versions,
    read_versions,
)
from hypernode.cli.check.look_node import look_at_node
from hypernode.files.own_files import explain
from hypernode.health.chains import (
    judge_companion,
    judge_plugin,
    judge_reach,
    judge_registration,
    judge_source,
)
from hypernode.health.files import (
    ConfigFacts,
    judge_config,
    judge_disk,
    judge_ledger,
    judge_lock,
    judge_wallet,
)
from hypernode.health.findings import LOCK, Finding, Severity, note, settle_causes, warning
from hypernode.health.host import judge_clock, judge_limits, judge_port, judge_versions
from hypernode.health.node import judge_node

ROW_S: Final = 3.5
"""For one row, and so for all: with starting and printing, five seconds in all."""

F = TypeVar("F")


@dataclass(frozen=True, slots=True)
class Row(Generic[F]):
    """One thing to look at.  ``help``: what it is; ``slow``: what to do when it is not known in time."""

    help: str
    look: Callable[[Inquiry], Awaitable[F]]
    judge: Callable[[F], list[Finding]]
    slow: str = "Look at the load of this host and at its disks"


_SLOW_LEDGER: Final = (
    "The first reading of a ledger takes longer than this check waits: a node keeps what it read, so start "
    "it once; or see hn_reg_feed.py"
)

ROWS: Final[Mapping[str, Row[Any]]] = MappingProxyType(
    {
        "configuration": Row("config.txt: errors, unknown names", look_at_config, judge_config),
        "wallet": Row("the key loads, is ours alone, and has its journal", look_at_wallet, judge_wallet),
        "versions": Row("Python, packages, backends, a signature tried", look_at_versions, judge_versions),
        "limits": Row("open files against sessions", look_at_limits, judge_limits),
        "disk": Row("room, rights, size of data", look_at_disk, judge_disk),
        "lock": Row("which process has data folder and wallet", look_at_lock, judge_lock),
        "ledger": Row("our ledger opens, and where it ends", look_at_ledger, judge_ledger),
        "clock": Row("drift from the peers, NTP", look_at_clock, judge_clock),
        "port": Row("answers as us, or is free to start on", look_at_port, judge_port),
        "companion": Row(
            "the PoW node's ledger: in sync, readable, indices", look_at_companion, judge_companion
        ),
        "plugin": Row("the PoW node's port, where it is asked", look_at_plugin, judge_plugin),
        "registration": Row(
            "registered for this wallet, weight; if not, why not",
            look_at_registration,
            judge_registration,
            _SLOW_LEDGER,
        ),
        "source": Row(
            "the address that it dials out from is the registered one",
            look_at_source,
            judge_source,
            _SLOW_LEDGER,
        ),
        "reachable": Row(
            "a hello at the registered ip and port, from here", look_at_reach, judge_reach, _SLOW_LEDGER
        ),
        "node": Row("what the running node says of itself", look_at_node, judge_node),
    }
)


async def look_at_all(
    inquiry: Inquiry, rows: Mapping[str, Row[Any]] = ROWS, row_s: float = ROW_S
) -> dict[str, list[Finding]]:
    """What each row found, in the table's order.  Never raises, and takes ``row_s`` at most."""
    found = await asyncio.gather(*(_look(row, inquiry, row_s) for row in rows.values()))
    return settle_causes(dict(zip(rows, found, strict=True)))


def look_without_settings(problem: str) -> dict[str, list[Finding]]:
    """The same where the configuration cannot be used: all but two rows need one."""
    found = {name: [note("not-known", "not looked at: the configuration cannot be used")] for name in ROWS}
    found["configuration"] = judge_config(ConfigFacts(problem=problem))
    found["versions"] = judge_versions(read_versions())
    return found


async def _look(row: Row[Any], inquiry: Inquiry, row_s: float) -> list[Finding]:
    try:
        async with asyncio.timeout(row_s):
            return row.judge(await inquiry.once(row.look))
    except TimeoutError:
        return [warning("not-known", f"not known within {row_s:g} s: {row.help}", row.slow)]
    except OSError as fault:
        return [
            replace(
                warning("not-known", f"could not be looked at: {explain(fault)}", "Look at what it names"),
                follows=LOCK,
            )
        ]
    except Exception as fault:  # one row's fault must not hide what the others found
        words = f"could not be looked at: {type(fault).__name__}: {fault}"
        return [
            warning(
                "not-known",
                words,
                "Look at what it names; if it is no file of yours, report it as a fault of hn_check",
            )
        ]


def find_worst(found: Mapping[str, list[Finding]]) -> Severity:
    """The severity of the whole."""
    return max((finding.severity for findings in found.values() for finding in findings), default=Severity.OK)
