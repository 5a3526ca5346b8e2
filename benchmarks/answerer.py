"""The other end of a conversation, in a process of its own: ``python -m benchmarks.answerer SENDERS``.

Serves sessions as a node does, with answers of the size that is asked for, and beside them an echo of Tornado
alone.  Says both ports as one line of JSON, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys

from tornado.iostream import IOStream, StreamClosedError
from tornado.tcpserver import TCPServer

from benchmarks.chains import PORT, Party, make_ip, make_party
from hypernode.app.system_clock import SystemClock
from hypernode.core.types import Endpoint
from hypernode.net.admission import Admission
from hypernode.net.budgets import Budgets
from hypernode.net.caller import Caller
from hypernode.net.server import serve_session
from hypernode.net.standing import Standing
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.connections import Listener, Transport
from hypernode.wire.catalogue import Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, Hello

FREE = Limits(session_burst=1e9, ip_burst=1e9, share_of_peers=1e6, share_of_strangers=1e6)
"""What a peer may cost is not what is measured: neither its tokens nor its share of the processor run out."""


async def listen(party: Party) -> Listener:
    """Sessions with everything but the signed hello; a question's text says how long its answer is."""
    limits, clock, params = FREE, SystemClock(), party.params
    admission = Admission(limits, standing_of=lambda ip: Standing.COUNTED)
    budgets = Budgets(limits, clock)

    async def answer(caller: Caller, command: Command) -> Command:
        return Command(command.id, string="x" * int(command.string or "0"))

    async def serve(transport: Transport) -> None:
        await serve_session(
            transport,
            params=params,
            limits=limits,
            clock=clock,
            our_hello=Hello(params.posnet, PORT, party.addresses[0]),
            features=ANNOUNCED_FEATURES,
            admission=admission,
            is_registered=lambda ip: True,
            on_hello=lambda caller: None,
            handler=answer,
            budgets=budgets,
        )

    return await TornadoConnections().listen(Endpoint(make_ip(0), 0), serve)


class Echo(TCPServer):
    """Gives back what has a length before it, unread."""

    async def handle_stream(self, stream: IOStream, address: tuple[str, int]) -> None:
        """Until the other end closes."""
        stream.set_nodelay(True)
        try:
            while True:
                head = await stream.read_bytes(4)
                (length,) = struct.unpack(">i", head)
                await stream.write(head + await stream.read_bytes(length))
        except StreamClosedError:
            return


async def main(senders: int) -> None:
    """Serve until standard input ends."""
    listener, echo = await listen(make_party(senders)), Echo()
    sock = _bind()
    echo.add_socket(sock)
    print(json.dumps({"session": listener.endpoint.port, "echo": sock.getsockname()[1]}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    echo.stop()
    await listener.close()


def _bind() -> socket.socket:
    sock = socket.socket()
    sock.setblocking(False)
    sock.bind((make_ip(0), 0))
    sock.listen()
    return sock


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
