"""A fixed list in place of a PoW chain."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from hypernode.core.address import encode_address
from hypernode.core.params import networks
from hypernode.core.params.chain_params import FixedHypernode
from hypernode.core.types import Registration
from hypernode.pow.fixed_source import FixedPowSource
from tests.unit.pow.ledgers import collateral

DEVNET = networks.devnet(1_700_000_000, 6, collateral(99), "bControl")


POS = tuple(encode_address(bytes([100 + n]) * 20, DEVNET.address_byte) for n in range(2))


def test_a_fixed_list_is_always_there_in_its_order() -> None:
    hypernodes = tuple(FixedHypernode(pos, "127.0.0.1", 7000 + n, n) for n, pos in enumerate(POS))
    params = replace(networks.testnet(), hypernodes=hypernodes)

    async def read() -> None:
        source = FixedPowSource(params)
        assert (await source.get_status(5)).problem == ""
        registered = await source.get_registered(3)
        assert registered.entries == tuple(
            Registration(pos, "127.0.0.1", str(7000 + n), pos, pos, n) for n, pos in enumerate(POS)
        )
        hashes = await source.get_block_hashes([1, 2, 1])
        assert [len(h) for h in hashes] == [56] * 3
        assert hashes[0] == hashes[2] != hashes[1]
        await source.close()

    asyncio.run(read())


def test_a_fixed_list_tells_collateral_and_reward_where_the_file_has_them() -> None:
    hypernodes = (
        FixedHypernode(POS[0], "127.0.0.1", 7000, 1, collateral="bis0", reward="bis9"),
        FixedHypernode(POS[1], "127.0.0.1", 7001, 1, collateral="bis1"),
    )
    source = FixedPowSource(replace(networks.testnet(), hypernodes=hypernodes))
    entries = asyncio.run(source.get_registered(3)).entries
    assert [(entry.collateral, entry.reward) for entry in entries] == [("bis0", "bis9"), ("bis1", "bis1")]
