"""A companion's TCP port, byte for byte as a real one was seen to behave (spec 5), over any connections.

It answers out of a ``PowScript``.  What it does not understand it does not answer: it closes, or, on an
unknown ``HN_`` command, stays silent.  A test puts other behaviour under a command's name in ``odd``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from hypernode.core.network import Network
from hypernode.ports import Connections, Endpoint, Listener, Transport, TransportClosed
from hypernode.pow.scripted_source import PowScript

SILENCE_S: Final = 45.0
HEADER: Final = 10


class Closes(Exception):
    """The companion closes the line without a word."""


class Silent(Exception):
    """The companion says nothing, and the line stays open."""


Answer = Callable[[list[str]], Any]


class FakeCompanion:
    """``log`` has every command with its parameters; ``opened`` and ``open`` count connections."""

    def __init__(self, script: PowScript, now: Callable[[], float], *, has_plugin: bool = True) -> None:
        self.script, self.now, self.has_plugin = script, now, has_plugin
        self.lag_s = 0.0
        self.log: list[str] = []
        self.opened = 0
        self.open = 0
        self.odd: dict[str, Answer | bytes] = {}
        """By command: another answer, or the bytes to send in its place."""
        self.cache: dict[int, Any] = {}
        self._listener: Listener | None = None

    @property
    def network(self) -> Network:
        return self.script.network

    @property
    def tip(self) -> int:
        return self.script.height_at(self.now() - self.lag_s)

    async def listen(self, connections: Connections, endpoint: Endpoint) -> Endpoint:
        self._listener = await connections.listen(endpoint, self._serve)
        return self._listener.endpoint

    async def close(self) -> None:
        if self._listener is not None:
            await self._listener.close()

    async def _serve(self, transport: Transport) -> None:
        self.opened += 1
        self.open += 1
        try:
            while True:
                async with asyncio.timeout(SILENCE_S):
                    command = await self._receive(transport)
                try:
                    await self._answer(transport, command)
                except Silent:
                    continue
        except (Closes, TimeoutError, TransportClosed):
            return
        finally:
            self.open -= 1
            transport.close()

    async def _receive(self, transport: Transport) -> Any:
        """One ``recv`` for the header: when the segment had less, that is not a number of ten digits."""
        header = await transport.read_some(HEADER)
        if len(header) != HEADER or not header.isdigit():
            raise Closes
        body = b""
        while len(body) < int(header):
            # the body was in the header's segment: it is there at once
            body += await asyncio.wait_for(transport.read_some(int(header) - len(body)), 0.001)
        try:
            return json.loads(body)
        except ValueError:
            raise Closes from None

    async def _answer(self, transport: Transport, command: Any) -> None:
        if not isinstance(command, str):
            raise Closes
        name, *params = command.split(" ")
        if name in ("blockgetjson", "balanceget"):
            params = [await self._receive(transport)]
        self.log.append(" ".join([name, *map(str, params)]))
        odd = self.odd.get(name)
        if isinstance(odd, bytes):
            await transport.write(odd)
            return
        value = odd(params) if odd is not None else self._find(name)(params)
        body = json.dumps(value).encode()
        # its answers come in two pieces: header, then body
        await transport.write(str(len(body)).zfill(HEADER).encode())
        await transport.write(body)

    def _find(self, name: str) -> Answer:
        if name.startswith("HN_"):
            known = getattr(self, f"_{name.lower()}", None) if self.has_plugin else None
            if known is None:
                raise Silent
        else:
            known = {"statusjson": self._statusjson, "blockgetjson": self._blockgetjson}.get(name)
            if known is None:
                raise Closes
        return known

    def _statusjson(self, params: list[Any]) -> Any:
        return {
            "protocolversion": "mainnet0021",
            "walletversion": "4.5.0.1",
            "blocks": self.tip,
            "difficulty": 110.5,
            "connections": 25,
            "last_block_ago": self.now() - self.script.timestamp_of(self.tip),
        }

    def _blockgetjson(self, params: list[Any]) -> Any:
        height = int(params[0])
        if not self.network.first_pow_height <= height <= self.tip:
            return []
        found = {"block_height": height, "block_hash": self.script.hash_of(height), "operation": ""}
        return [{**found, "reward": 0, "amount": "1.00000000"}, {**found, "reward": 8.5, "amount": 0}]

    def _hn_plugin_version(self, params: list[str]) -> Any:
        return {"hn_plugin": "0.1.3", "ledger_queries": "0.0.3"}

    def _hn_last_block_ts(self, params: list[str]) -> Any:
        return self.script.timestamp_of(self.tip) if self.tip >= self.network.first_pow_height else 0

    def _hn_block_before_ts(self, params: list[str]) -> Any:
        if len(params) != 1:
            raise Closes
        height = self.script.height_at(float(params[0]))
        return height if self.tip - height > 20 else 0

    def _hn_reg_round(self, params: list[str]) -> Any:
        if len(params) != 4:
            raise Closes
        round_, time = int(params[0]), float(params[1])
        if round_ in self.cache:
            return self.cache[round_]
        height = self._hn_block_before_ts([params[1]])
        if height < self.network.first_pow_height:
            return False
        entries = self.script.derive_state(height).entries
        regs = {entry.collateral: {**asdict(entry), "collateral": None, "active": True} for entry in entries}
        for fields in regs.values():
            del fields["collateral"]
        answer = {
            "params": {"pos_round": round_, "ref_timestamp": time, "pow_height": 0, "ref_height": height},
            "status": f"{len(regs)} PoW Valid HN.",
            "regs": regs,
        }
        self.cache[round_] = answer
        return answer
