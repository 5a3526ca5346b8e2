"""Rows of the companions' chain that somebody writes who means no good: registrations without collateral, and
collaterals that are sent on and registered again.  What is registered so answers nobody."""

from __future__ import annotations

import hashlib
from typing import Final

from hypernode.core.address import encode_address
from hypernode.core.hashing import h20
from hypernode.core.network import Network
from hypernode.core.registry import COIN, REGISTER, UNREGISTER, PowRow
from hypernode.core.types import PowHeight
from hypernode.pow.scripted_source import FEE, PowScript, derive_collateral

PORT: Final = 6969
FIRST_BYTE: Final = 100
"""Of IPs where nobody is: hypernodes of a simulation have lower ones."""
MANY: Final = 250


def make_ghost(network: Network, name: str, number: int) -> tuple[str, str]:
    """PoS address and IP of one that does not exist, each in a /16 of its own as long as there are some."""
    pos = encode_address(h20(f"{network.name} {name} {number}".encode()), network.address_byte)
    first, rest = divmod(number, MANY * MANY)
    return pos, f"{FIRST_BYTE + first}.{rest % MANY + 1}.{rest // MANY + 1}.1"


def list_worthless_rows(
    script: PowScript, count: int, height: PowHeight, operation: str = REGISTER, name: str = "worthless"
) -> list[PowRow]:
    """So many registrations by addresses that never had anything, in one block; or their ends."""
    time = script.timestamp_of(height)
    rows = []
    for number in range(count):
        pos, ip = make_ghost(script.network, name, number)
        sender = hashlib.sha224(pos.encode()).hexdigest()
        rows.append(PowRow(height, time, sender, sender, 0, FEE, 0, operation, f"{ip}:{PORT}:{pos}"))
    return rows


def list_moving_rows(script: PowScript, pos: str, number: int, times: int, height: PowHeight) -> list[PowRow]:
    """The collateral of ``pos`` goes from hand to hand, ``times`` times in one block; each registers."""
    sender, units = derive_collateral(pos), script.network.collateral_unit * COIN
    time, rows = script.timestamp_of(height), []
    for n in range(times):
        ghost, ip = make_ghost(script.network, f"heir {pos}", n)
        heir, ip = derive_collateral(ghost), ip.replace(f"{FIRST_BYTE}.", f"{FIRST_BYTE + 1 + number}.", 1)
        # some fees more each: what is left with the last one must still be a collateral
        amount = units + (times - n) * 4 * FEE
        rows.append(PowRow(height, time, sender, heir, amount, FEE, 0, "", ""))
        rows.append(PowRow(height, time, heir, heir, 0, FEE, 0, REGISTER, f"{ip}:{PORT}:{ghost}"))
        sender = heir
    return rows


def list_returning_rows(
    script: PowScript, pos: str, number: int, times: int, height: PowHeight
) -> list[PowRow]:
    """The last one gives it back, and all end their registrations."""
    units, time, rows = script.network.collateral_unit * COIN, script.timestamp_of(height), []
    for n in range(times):
        ghost, ip = make_ghost(script.network, f"heir {pos}", n)
        heir, ip = derive_collateral(ghost), ip.replace(f"{FIRST_BYTE}.", f"{FIRST_BYTE + 1 + number}.", 1)
        rows.append(PowRow(height, time, heir, heir, 0, FEE, 0, UNREGISTER, f"{ip}:{PORT}:{ghost}"))
    rows.append(PowRow(height, time, heir, derive_collateral(pos), units, FEE, 0, "", ""))
    return rows
