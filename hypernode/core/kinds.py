"""The kinds of messages that nodes write about each other, and their params (spec 6, message kinds)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from hypernode.core.hashing import h20
from hypernode.core.types import Round, Slot

KO_ACTION: Final = 101
"""A peer did not keep its promise, or failed us."""
LATE: Final = 110
EQUIVOCATION: Final = 111
CONFIG: Final = 120
OK_ACTION: Final = 200
"""Synced from a peer."""
NO_TEST: Final = 201
START_OR_TEST_OK: Final = 202
"""The node started (params ``START``), or tested a peer, good."""
WAS_TESTED: Final = 203
TEST_KO: Final = 204

START_PARAMS: Final = "START"
AT_ROUND_START: Final = 1
IN_CLOSING_SLOT: Final = 2
_CONFIG_HASH_CHARS: Final = 8


def format_peer_name(ip: str, port: int) -> str:
    """``ip:0port``, the port in five digits: how peers are named on the wire and in messages."""
    return f"{ip}:{port:05d}"


def format_no_test(when: int) -> str:
    """Params of NO_TEST: no test for us in this round, published at its start (1) and in its closing slot
    (2)."""
    return f"NO_TEST:{when}"


def format_test(kind: int) -> str:
    """Params of the messages about a test of ``kind``, and of the test itself."""
    return f"TEST:{kind}"


def format_synced(peer_name: str, *, catching_up: bool) -> str:
    """Params of OK_ACTION: synced from ``ip:0port``, in the present round or catching up."""
    return f"{'C' if catching_up else 'R'}.SYNC:{peer_name}"


def format_failed(peer_name: str, *, catching_up: bool) -> str:
    """Params of KO_ACTION: ``ip:0port`` failed us, in the present round or while catching up."""
    return f"{'C' if catching_up else 'P'}.FAIL:{peer_name}"


def format_late(times: int) -> str:
    """Params of LATE: how often the recipient was over one round late in this round."""
    return f"LATE:{times}"


def format_equivocation(round_: Round, sir: Slot, a: bytes, b: bytes) -> str:
    """Params of EQUIVOCATION: the slot and both block hashes, the smaller first, so that all reports of one
    case are equal."""
    first, second = sorted((a, b))
    return f"EQUIV:{round_}:{sir}:{first.hex()}:{second.hex()}"


def format_config(tunables: Mapping[str, int | str | Sequence[str]]) -> str:
    """Params of CONFIG: the hash of the tunable parameters, by their names in configurations."""
    lines = "".join(f"{key}={_format_value(tunables[key])}\n" for key in sorted(tunables))
    return f"CONFIG:{h20(lines.encode()).hex()[:_CONFIG_HASH_CHARS]}"


def _format_value(value: int | str | Sequence[str]) -> str:
    return str(value) if isinstance(value, int | str) else ";".join(value)
