"""The cases of ``tests/vectors``, and what they take for granted."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tests.oracle.encoding import Block, decode_command
from tests.oracle.parameters import Parameters

VECTORS = Path(__file__).parents[1] / "vectors"
MAIN_BYTE = 0x19
CONTROL_POW = "cf2562488992997dff3658e455701589678d0e966a79e2a037cbb2ff"
CONTROL = "BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn"
MAIN = Parameters(1_534_716_000, MAIN_BYTE, CONTROL, mixed=True)
GENESIS = Block(
    0,
    0,
    0,
    1_534_716_000,
    bytes.fromhex("C0CB310E2877D73E2F29A949AABB8FEF0EA00EDF"),
    (),
    0,
    0,
    bytes(64),
    bytes.fromhex("87D5AD9988B88DDA92AA988267E30C89479FC2D2"),
    CONTROL,
)


@cache
def read(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def load(name: str, kind: str | None = None) -> list[dict[str, Any]]:
    return [case for case in read(name)["cases"] if kind is None or case["kind"] == kind]


def decode(command: str) -> Block:
    return decode_command(bytes.fromhex(command))[1][0]


def to_text(height: dict[str, Any]) -> dict[str, Any]:
    return {**height, "block_hash": height["block_hash"].hex()}
