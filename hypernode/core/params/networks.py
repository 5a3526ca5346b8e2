"""The networks (spec 3, parameters): ``mainnet()``, ``testnet()`` and ``devnet(...)`` are built in; any other
is a JSON file with the same fields (``core.params.network_file``)."""

from __future__ import annotations

from typing import Any, Final

from hypernode.core.params.chain_params import ChainParams, Delays, replace_fields
from hypernode.core.params.tunables import Tunables
from hypernode.core.types import Timestamp

_MAIN_CONTROL_POW: Final = "cf2562488992997dff3658e455701589678d0e966a79e2a037cbb2ff"
_MAIN_CONTROL_POS: Final = "BKYnuT4Pt8xfZrSKrY3mUyf9Cd9qJmTgBn"
_MAIN_ORIGIN: Final = 1_534_716_000
_MAIN_DEAD_TIPS: Final = (
    (104_021, bytes.fromhex("6e073afabeb1faf4741ef990d867e43d6991dba2")),
    (104_070, bytes.fromhex("f6bd6aa41339fa677352670097946765a99808ca")),
    (104_160, bytes.fromhex("678714e277469d7c389e45388744365861dd2979")),
)


def mainnet() -> ChainParams:
    """The network of Bismuth's hypernodes (spec 3, parameters)."""
    return ChainParams(
        name="mainnet",
        mixed=True,
        address_byte=0x19,
        magic=bytes.fromhex("b1534e19"),
        posnet="posnet0002",
        default_tunables=Tunables(posnet_allow=("posnet0002", "posnet0003", "posnet0004")),
        origin_of_time=_MAIN_ORIGIN,
        control_pow=_MAIN_CONTROL_POW,
        control_pos=_MAIN_CONTROL_POS,
        lenient_below=105_000,
        dead_tips=_MAIN_DEAD_TIPS,
    )


_TEST_ADDRESS_BYTE: Final = 0x55
_TEST_CONTROL_POW: Final = "ffa64f6bb60a7e8361a63b47b9ecce7a140f7f8885b5a29896b383eb"
_TEST_CONTROL_POS: Final = "bRtpbaZdoWbEyjyaPsN959n3r8FztjAcK5"
"""Control addresses of a network that does not run: hashes of its name, nobody holds their keys."""


def testnet() -> ChainParams:
    """The test network (none runs at present): main's times, and every rule holds."""
    return ChainParams(
        name="testnet",
        mixed=False,
        address_byte=_TEST_ADDRESS_BYTE,
        magic=bytes.fromhex("b1534e55"),
        posnet="postest001",
        default_tunables=Tunables(posnet_allow=("postest001",)),
        origin_of_time=_MAIN_ORIGIN,
        control_pow=_TEST_CONTROL_POW,
        control_pos=_TEST_CONTROL_POS,
        genesis="derived",
    )


_POW_BLOCKS_A_SLOT: Final = 3
"""One a minute on main, where a slot has three minutes."""
_DEVNET_POW_SYNCED_S: Final = 30


def devnet(
    origin_of_time: Timestamp, slot_s: int, control_pow: str, control_pos: str, **overrides: Any
) -> ChainParams:
    """A local network: slots of ``slot_s`` seconds from ``origin_of_time`` on, and a companion whose blocks
    are as much quicker as its slots.  ``overrides`` are fields of ``ChainParams`` or ``Tunables``."""
    params = ChainParams(
        name="devnet",
        mixed=False,
        address_byte=_TEST_ADDRESS_BYTE,
        magic=bytes.fromhex("b1534ede"),
        posnet="devnet0001",
        default_tunables=Tunables(posnet_allow=("devnet0001",)),
        origin_of_time=origin_of_time,
        control_pow=control_pow,
        control_pos=control_pos,
        slot_s=slot_s,
        min_active=2,
        min_connections=2,
        min_subnets=1,
        first_pow_height=1,
        pow_block_s=slot_s / _POW_BLOCKS_A_SLOT,
        pow_synced_s=_DEVNET_POW_SYNCED_S,
        genesis="derived",
        delays=Delays().scaled(slot_s),
    )
    return replace_fields(params, **overrides)
