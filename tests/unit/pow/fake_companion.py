"""A companion's TCP port, byte for byte as a real one was seen to behave (spec 5), over any connections.

It answers out of a ``PowScript``.  What it does not understand it does not answer: it closes, or, on an
``HN_`` command that is unknown, or whose answers nobody sends, stays silent.  A test puts other behaviour
under a command's name in ``odd``."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import COIN, compute_weight
from hypernode.core.types import Endpoint
from hypernode.ports.connections import Connections, Listener, Transport, TransportClosed
from hypernode.pow.scripted_source import PowScript

SILENCE_S: Final = 45.0
HEADER: Final = 10
NO_IP: Final = "False"
PARAMETERS: Final = {
    "HN_plugin_version": 0,
    "HN_last_block_ts": 0,
    "HN_ts_of_block": 1,
    "HN_block_before_ts": 1,
    "HN_reg_round": 4,
    "HN_reg_check_weight": 2,
    "HN_reg_check_weights": 2,
    "HN_quick_check_balance": 2,
}
"""How many each ``HN_`` command takes (spec 5, TCP protocol)."""


class Closes(Exception):
    """The companion closes the line without a word."""


class Silent(Exception):
    """The companion says nothing, and the line stays open."""


Answer = Callable[[list[str]], Any]


class FakeCompanion:
    """``log`` has every command with its parameters; ``opened`` and ``open`` count connections."""

    def __init__(
        self,
        script: PowScript,
        now: Callable[[], float],
        *,
        has_plugin: bool = True,
        has_socket_client: bool = True,
    ) -> None:
        self.script, self.now = script, now
        self.has_plugin, self.has_socket_client = has_plugin, has_socket_client
        self.lag_s = 0.0
        self.log: list[str] = []
        self.opened = 0
        self.open = 0
        self.odd: dict[str, Answer | bytes] = {}
        """By command: another answer, or the bytes to send in its place."""
        self.cache: dict[int, Any] = {}
        self._listener: Listener | None = None

    @property
    def params(self) -> ChainParams:
        return self.script.params

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
        value = odd(params) if odd is not None else self._find(name, len(params))(params)
        body = json.dumps(value).encode()
        # its answers come in two pieces: header, then body
        await transport.write(str(len(body)).zfill(HEADER).encode())
        await transport.write(body)

    def _find(self, name: str, count: int) -> Answer:
        if name.startswith("HN_"):
            if not self.has_plugin:
                raise Closes
            known = getattr(self, f"_{name.lower()}", None) if self.has_socket_client else None
            if known is None or name not in PARAMETERS:
                raise Silent
            if count != PARAMETERS[name]:
                raise Closes
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
        if not self._has(height):
            return []
        found = {"block_height": height, "block_hash": self.script.hash_of(height), "operation": ""}
        return [{**found, "reward": 0, "amount": "1.00000000"}, {**found, "reward": 8.5, "amount": 0}]

    def _hn_plugin_version(self, params: list[str]) -> Any:
        return {"hn_plugin": "0.1.3", "ledger_queries": "0.0.3"}

    def _hn_last_block_ts(self, params: list[str]) -> Any:
        return self.script.timestamp_of(self.tip) if self.tip >= self.params.first_pow_height else 0

    def _hn_block_before_ts(self, params: list[str]) -> Any:
        height = self.script.height_at(float(params[0]))
        return height if self.tip - height > 20 else 0

    def _hn_reg_round(self, params: list[str]) -> Any:
        round_, time, ip = int(params[0]), float(params[1]), params[3]
        if round_ in self.cache and ip == NO_IP:
            return self.cache[round_]
        height = self._hn_block_before_ts([params[1]])
        if height < self.params.first_pow_height:
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
        if ip != NO_IP:
            return {**answer, "ip_feed": self._make_feed(height, ip)}
        self.cache[round_] = answer
        return answer

    def _make_feed(self, height: int, ip: str) -> list[str]:
        """Each registration of an ip, and what became of it."""
        feed = []
        for row, result in self.script.derive_feed(height):
            if row.openfield.startswith(f"{ip}:"):
                ok = f"Ok, Weight={result.weight}" if result.ok else f"Ko: {result.reason}"
                feed += [f"Row {row.height}: {row.address} {row.operation} {row.openfield}", ok]
        return feed

    def _hn_ts_of_block(self, params: list[str]) -> Any:
        try:
            height = int(params[0])
        except ValueError:
            return -1
        return self.script.timestamp_of(height) if self._has(height) else 0

    def _hn_reg_check_weight(self, params: list[str]) -> Any:
        return compute_weight(self.params, self.script.compute_balance(params[0], int(params[1])))

    def _hn_reg_check_weights(self, params: list[str]) -> Any:
        height = self._hn_block_before_ts([params[1]])
        addresses = params[0].split(",")
        if height == 0:
            return dict.fromkeys(addresses, -1)
        return {address: self._hn_reg_check_weight([address, str(height)]) for address in addresses}

    def _hn_quick_check_balance(self, params: list[str]) -> Any:
        try:
            balance = self.script.compute_balance(params[0], int(params[1]))
        except ValueError:
            return -1
        return None if balance is None else balance / COIN

    def _has(self, height: int) -> bool:
        return self.params.first_pow_height <= height <= self.tip
