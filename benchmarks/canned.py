"""A peer elsewhere: its answers were made before, and a bare socket gives them: ``python -m benchmarks.canned
SENDERS BLOCKS MESSAGES``.

It speaks legacy frames, whose payloads need no work at all, so next to nothing of the two cores is the
peer's. Says its port as one line of JSON, and ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import sys
import threading
from collections.abc import Mapping, Sequence

from benchmarks.chains import load_chain, make_ip, make_party
from benchmarks.server import INDEX
from hypernode.core.block import create_genesis
from hypernode.core.types import Block, ChainHeight
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import Hello, format_hello

_LENGTH = struct.Struct(">i")


def frame(command: Command) -> bytes:
    """As a legacy node writes it."""
    return Framing(b"", lambda *_: 0, Mode.LEGACY).encode_frame(encode_command(command))


def make_answers(
    genesis: Block, chain: Sequence[Block], count: int, hello: Hello
) -> Mapping[tuple[CommandId, int | None], bytes]:
    """Frames by question: hello, the block of each height, and batches of ``count`` from each tenth of
    them."""
    answers: dict[tuple[CommandId, int | None], bytes] = {}
    answers[CommandId.HELLO, None] = frame(Command(CommandId.HELLO, string=format_hello(hello)))
    for block in (genesis, *chain):
        told = ChainHeight(block.height, block.round, block.sir, block.block_hash)
        answers[CommandId.BLOCKINFO, block.height] = frame(Command(CommandId.BLOCKINFO, height=told))
    for first in range(0, len(chain), count):
        blocks = tuple(chain[first : first + count])
        answers[CommandId.BLOCKSYNC, blocks[0].height] = frame(Command(CommandId.BLOCKSYNC, blocks=blocks))
    return answers


def serve(connection: socket.socket, answers: Mapping[tuple[CommandId, int | None], bytes]) -> None:
    """One connection, until the other end closes."""
    with connection, connection.makefile("rb") as questions:
        while len(head := questions.read(_LENGTH.size)) == _LENGTH.size:
            question = decode_command(questions.read(_LENGTH.unpack(head)[0]))
            asked = None if question.id is CommandId.HELLO else question.int32
            connection.sendall(answers[question.id, asked])


async def main(senders: int, blocks: int, messages: int) -> None:
    party = make_party(senders)
    chain = await load_chain(party, blocks, messages)
    network = party.params
    hello = Hello(network.posnet, network.hypernodes[INDEX].port, party.addresses[INDEX])
    answers = make_answers(create_genesis(network), chain, network.default_tunables.block_sync_count, hello)
    listener = socket.create_server((make_ip(INDEX), 0))

    def accept() -> None:
        while True:
            connection, _ = listener.accept()
            threading.Thread(target=serve, args=(connection, answers), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    print(json.dumps({"port": listener.getsockname()[1]}), flush=True)
    await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(*map(int, sys.argv[1:4])))
