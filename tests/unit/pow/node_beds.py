"""A node beside a companion that answers over its TCP port, on one host in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from hypernode.core.address import encode_address
from hypernode.core.params.networks import devnet
from hypernode.core.timeline import compute_round_start
from hypernode.core.types import Endpoint
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.node_source import NodePowSource
from hypernode.pow.scripted_source import PowScript
from hypernode.sim.memory.clock import SimClock
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork
from tests.unit.pow.fake_companion import FakeCompanion

NETWORK = replace(
    devnet(1_700_000_000, 180, "0" * 56, encode_address(bytes(20), 0x55)),
    first_pow_height=773_801,
    pow_block_s=60.0,
    pow_synced_s=900,
)
HYPERNODES = [(encode_address(bytes([n]) * 20, 0x55), f"10.0.0.{n + 1}", 6969, n % 4) for n in range(5)]
ROUND = 3
TIME = compute_round_start(NETWORK, ROUND) - NETWORK.round_s
PORT = 5658


class Bed:
    """A node and its companion on one host in memory, on virtual time, ten minutes into a round."""

    def __init__(
        self, *, coloured: Path | None = None, last_seen: LastSeen | None = None, **plugins: bool
    ) -> None:
        loop = asyncio.get_running_loop()
        self.clock = SimClock(loop, compute_round_start(NETWORK, ROUND) + 600 - loop.time())
        self.memory = MemoryNetwork(7, LinkQuality(0.0001, 0.0002, 0.0))
        self.script = PowScript.of(NETWORK, HYPERNODES)
        self.companion = FakeCompanion(self.script, self.clock.now, **plugins)
        connections = self.memory.get_connections("10.9.0.1")
        self.endpoint = Endpoint("10.9.0.1", PORT)
        self.source = NodePowSource(
            NETWORK, connections, self.endpoint, self.clock.monotonic, coloured, last_seen
        )

    async def start(self) -> Bed:
        await self.companion.listen(self.memory.get_connections("10.9.0.1"), self.endpoint)
        return self


def play(scenario: Callable[[Bed], Awaitable[None]], **options: Any) -> None:
    async def whole() -> None:
        bed = await Bed(**options).start()
        await scenario(bed)
        await bed.source.close()
        await bed.companion.close()

    run(whole())
