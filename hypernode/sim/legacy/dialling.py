"""The standing connections of a simulated legacy node, and what it exchanges over them."""

from __future__ import annotations

import asyncio

from hypernode.core.errors import Verdict
from hypernode.core.kinds import format_peer_name
from hypernode.core.types import Endpoint, Registration
from hypernode.ports.connections import TransportClosed
from hypernode.sim.legacy.state import LegacyState
from hypernode.sim.legacy.stream import LegacyStream, connect
from hypernode.sim.legacy.traps import LegacyCloses, LegacyStops
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command
from hypernode.wire.hello import Hello, format_hello


class LegacyDialling:
    """One task per hypernode of its list for the round."""

    def __init__(self, state: LegacyState) -> None:
        self._state = state
        self._tasks: dict[str, asyncio.Task[None]] = {}

    def set_targets(self, entries: list[Registration], group: asyncio.TaskGroup) -> None:
        """Dial these; who is not on the list is let go, and by habit everybody is dialled anew."""
        wanted = {f"{entry.ip}:{entry.port}": entry for entry in entries}
        for key in list(self._tasks):
            if key not in wanted or self._state.habits.reconnects_each_round:
                self._tasks.pop(key).cancel()
        for key, entry in wanted.items():
            if key not in self._tasks:
                name = f"legacy {self._state.own.ip} to {entry.ip}"
                self._tasks[key] = group.create_task(self._keep(entry.ip, int(entry.port)), name=name)

    def cancel_all(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _keep(self, ip: str, port: int) -> None:
        while True:
            try:
                await self._connect_and_exchange(ip, port)
            except LegacyStops as error:
                self._state.halt(str(error))
                return
            except (TransportClosed, TimeoutError, LegacyCloses, Verdict):
                pass
            await asyncio.sleep(self._state.habits.retry_s)

    async def _connect_and_exchange(self, ip: str, port: int) -> None:
        state = self._state
        hello = format_hello(Hello(state.params.posnet, state.own.port, state.signer.address))
        stream = await connect(state.connections, Endpoint(ip, port), state.own.ip, state.traps, hello)
        name = format_peer_name(ip, port)
        state.outbound[name] = stream
        try:
            await self._exchange(stream, ip, port)
        finally:
            stream.close()
            if state.outbound.get(name) is stream:
                del state.outbound[name]

    async def _exchange(self, stream: LegacyStream, ip: str, port: int) -> None:
        """Height every 10 s, mempool every 30 s (not while it is empty), until the line breaks."""
        state, habits = self._state, self._state.habits
        since, mempool_due = 0, state.clock.monotonic()
        while True:
            await state.free.wait()
            answer = await stream.ask(Command(CommandId.HEIGHT, height=state.chain.height))
            if answer.height is None:
                raise LegacyCloses("height without a height")
            state.note_height(ip, port, answer.height)
            if state.clock.monotonic() >= mempool_due and len(state.mempool):
                mempool_due = state.clock.monotonic() + habits.mempool_s
                offered = state.mempool.list_since(since)[: state.params.default_tunables.max_txs_to_sync]
                since = int(state.clock.now())
                answer = await stream.ask(Command(CommandId.MEMPOOL, messages=tuple(offered)))
                await state.free.wait()
                if state.is_registered_ip(ip):
                    await state.digest_messages(answer.messages, ip)
            await asyncio.sleep(habits.height_s)
