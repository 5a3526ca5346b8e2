"""Rows of the companions' chain that somebody writes who means no good: registrations without collateral, and
collaterals that are sent on and registered again.  What is registered so answers nobody."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.address import encode_address
from hypernode.core.hashing import h20
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import COIN, REGISTER, UNREGISTER, PowRow
from hypernode.core.types import PowHeight
from hypernode.pow.scripted_source import FEE, PowScript, derive_collateral

PORT: Final = 6969
FIRST_BYTE: Final = 100
"""Of IPs where nobody is: hypernodes of a simulation have lower ones."""
BYTES: Final = 50


@dataclass(frozen=True, slots=True)
class Ghost:
    """A hypernode that does not exist."""

    pos: str
    ip: str

    @property
    def openfield(self) -> str:
        return f"{self.ip}:{PORT}:{self.pos}"


def make_ghosts(params: ChainParams, name: str, count: int) -> list[Ghost]:
    """The first ones of a name."""
    ghosts = []
    for number in range(count):
        digest = h20(f"{params.name} {name} {number}".encode())
        ip = f"{FIRST_BYTE + digest[0] % BYTES}.{digest[1]}.{digest[2]}.{digest[3]}"
        ghosts.append(Ghost(encode_address(digest, params.address_byte), ip))
    return ghosts


def list_worthless_rows(
    script: PowScript, ghosts: Sequence[Ghost], height: PowHeight, operation: str = REGISTER
) -> list[PowRow]:
    """Their registrations, in one block, by addresses that never had anything; or the ends of these."""
    time = script.timestamp_of(height)
    rows = []
    for ghost in ghosts:
        sender = hashlib.sha224(ghost.pos.encode()).hexdigest()
        rows.append(PowRow(height, time, sender, sender, 0, FEE, 0, operation, ghost.openfield))
    return rows


def list_moving_rows(script: PowScript, pos: str, heirs: Sequence[Ghost], height: PowHeight) -> list[PowRow]:
    """The collateral of ``pos`` goes from hand to hand in one block, and each hand registers."""
    sender, units = derive_collateral(pos), script.params.collateral_unit * COIN
    time, rows = script.timestamp_of(height), []
    for number, heir in enumerate(heirs):
        hand = derive_collateral(heir.pos)
        # some fees more: what is left with the last hand must still be a collateral
        amount = units + (len(heirs) - number) * 4 * FEE
        rows.append(PowRow(height, time, sender, hand, amount, FEE, 0, "", ""))
        rows.append(PowRow(height, time, hand, hand, 0, FEE, 0, REGISTER, heir.openfield))
        sender = hand
    return rows


def list_returning_rows(
    script: PowScript, pos: str, heirs: Sequence[Ghost], height: PowHeight
) -> list[PowRow]:
    """All hands end their registrations, and the last one gives the collateral back."""
    units, time = script.params.collateral_unit * COIN, script.timestamp_of(height)
    hands = [derive_collateral(heir.pos) for heir in heirs]
    rows = [
        PowRow(height, time, hand, hand, 0, FEE, 0, UNREGISTER, heir.openfield)
        for hand, heir in zip(hands, heirs, strict=True)
    ]
    return [*rows, PowRow(height, time, hands[-1], derive_collateral(pos), units, FEE, 0, "", "")]
