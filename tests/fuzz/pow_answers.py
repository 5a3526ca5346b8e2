"""The PoW target: what the companion answers over its TCP port: another program, maybe another host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from hypernode.core.params.networks import testnet
from hypernode.core.types import Endpoint
from hypernode.ports.connections import Listener, Transport
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.companion_framing import CompanionBroken, CompanionFraming
from hypernode.pow.node_source import NodePowSource
from tests.fuzz.cutter import Cutter
from tests.fuzz.sessions import PlayedTransport

ROUND: Final = 3
_NUMBERS: Final = (0, 1, -1, 773_801, 2**63, 10**400, 1e308, 1_700_000_000.5)
_NAMES: Final = (
    *("params", "regs", "ref_height", "ref_timestamp", "pos_round", "blocks", "block_hash"),
    *("ip", "port", "pos", "reward", "weight", "timestamp"),
)


class PlayedCompanion:
    """``ports.connections.Connections`` to a companion that says what the fuzzer wrote, whatever it is
    asked."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    async def connect(self, remote: Endpoint, source_ip: str | None, timeout_s: float) -> Transport:
        """Goes on where the last connection ended."""
        pieces, self._pieces = self._pieces, []
        return PlayedTransport(pieces)

    def has_address(self, ip: str) -> bool:
        """Nobody dials from anywhere."""
        return False

    async def listen(self, local: Endpoint, on_connection: Any) -> Listener:
        """Nobody connects to us there."""
        raise OSError("not played")


@contextmanager
def open_pow_answers() -> Iterator[Callable[[bytes], None]]:
    """The target, on an event loop of its own."""
    params = testnet()
    with asyncio.Runner() as runner:
        complete = runner.get_loop().run_until_complete

        def run(data: bytes) -> None:
            """Questions in turn, and then the frames alone: only PowNotReady comes out, or values."""
            cutter = Cutter(data)
            order = cutter.take_number()
            pieces = []
            while not cutter.is_empty:
                pieces.append(_make_piece(cutter))
            _read_frames(b"".join(pieces))
            source = NodePowSource(params, PlayedCompanion(pieces), Endpoint("10.0.0.1", 5658), lambda: 0.0)
            complete(_ask(source, order))

        yield run


async def _ask(source: NodePowSource, order: int) -> None:
    if order & 1:
        await source.get_status(1_700_000_000.0)
    try:
        if order & 2:
            await source.get_registered(ROUND)
        if order & 4:
            await source.get_block_hashes([5, 6])
    except PowNotReady:
        return
    finally:
        await source.close()


def _read_frames(stream: bytes) -> None:
    framing = CompanionFraming()
    framing.receive_data(stream)
    try:
        while framing.take_value() is not None:
            """All that there are."""
    except CompanionBroken:
        return


def _make_piece(cutter: Cutter) -> bytes:
    """A frame of a value that the fuzzer builds, one of its own text, or bytes as they are."""
    kind = cutter.take_number()
    if kind % 4 == 0:
        return cutter.take_piece()
    body = cutter.take_piece() if kind % 4 == 1 else json.dumps(_make_value(cutter, 0)).encode()
    return b"%010d%b" % (len(body), body)


def _make_value(cutter: Cutter, depth: int) -> Any:
    kind = cutter.take_number()
    if depth > 3 or cutter.is_empty:
        return None
    match kind % 8:
        case 0:
            return _NUMBERS[kind >> 3 & 7]
        case 1:
            return cutter.take_text()
        case 2:
            return [_make_value(cutter, depth + 1) for _ in range(kind >> 3 & 3)]
        case 3:
            return bool(kind & 8)
        case 4:
            return ("f" * 56, "", "10.0.0.1", "6969")[kind >> 3 & 3]
        case _:
            names = [_NAMES[cutter.take_number() % len(_NAMES)] for _ in range(kind >> 3 & 7)]
            return {name: _make_value(cutter, depth + 1) for name in names}


def make_answers() -> list[bytes]:
    """Inputs that are what an honest companion says."""
    hashes = [{"block_hash": "f" * 56}]
    entry = {"ip": "10.0.0.1", "port": "6969", "pos": "x", "reward": "y", "weight": 1, "timestamp": 1.5}
    params = {"pos_round": ROUND, "ref_height": 5, "ref_timestamp": 1}
    status = [1_700_000_000.0, {"blocks": 7}, hashes]
    lists = [{"params": params, "regs": {"z": entry}}, 5]
    odd: list[Any] = [10**400, {"blocks": 10**400}, hashes]
    return [_make_input(*case) for case in ((1, status), (2, lists), (4, [hashes, hashes]), (1, odd))]


def _make_input(order: int, answers: list[Any]) -> bytes:
    bodies = [json.dumps(answer).encode() for answer in answers]
    framed = [b"%010d%b" % (len(body), body) for body in bodies]
    cut = [piece[start : start + 255] for piece in framed for start in range(0, len(piece), 255)]
    return bytes((order,)) + b"".join(bytes((0, len(piece))) + piece for piece in cut)
