"""Equal seeds give equal runs, also in processes whose hashes of text differ."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

SCENE = """
import asyncio, sys
from hypernode.core.types import Endpoint
from hypernode.ports.connections import TransportClosed
from hypernode.sim.memory.entropy import SeededEntropy
from hypernode.sim.memory.link import LinkQuality
from hypernode.sim.memory.loop import run
from hypernode.sim.memory.network import MemoryNetwork

IPS = [f"10.{n}.0.1" for n in range(6)]

async def serve(transport):
    while True:
        data = await transport.read_some(100)
        await transport.write(data[::-1])

async def talk(network, ip, seed):
    entropy = SeededEntropy(seed, ip)
    while True:
        remote = Endpoint(IPS[entropy.below(6)], 1000)
        try:
            stream = await network.get_connections(ip).connect(remote, ip, 3)
            for _ in range(entropy.below(9)):
                await stream.write(entropy.token(1 + entropy.below(50)))
                await asyncio.wait_for(stream.read_some(10), 3)
            stream.close()
        except (TransportClosed, TimeoutError):
            await asyncio.sleep(1)

async def scene(seed):
    network = MemoryNetwork(seed, LinkQuality(reset_chance=0.02, stall_chance=0.02))
    for ip in IPS:
        await network.get_connections(ip).listen(Endpoint(ip, 1000), serve)
    tasks = {asyncio.create_task(talk(network, ip, seed)) for ip in IPS}
    await asyncio.sleep(20)
    network.partition([set(IPS[:3]), set(IPS[3:])])
    await asyncio.sleep(20)
    network.heal()
    network.crash(IPS[2])
    await asyncio.sleep(20)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return network.trace.hexdigest()

print(run(scene(int(sys.argv[1]))))
"""


def run_scene(seed: int, hash_seed: str) -> str:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    return subprocess.run(
        [sys.executable, "-c", SCENE, str(seed)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout


@pytest.mark.parametrize("seed", [1, 2])
def test_same_seed_gives_the_same_trace_in_another_process(seed: int) -> None:
    assert run_scene(seed, "1") == run_scene(seed, "2")


def test_another_seed_gives_another_trace() -> None:
    assert run_scene(1, "0") != run_scene(2, "0")
