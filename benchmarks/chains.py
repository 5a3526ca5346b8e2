"""Synthetic chains: real keys, signatures and jurors, valid by every rule; and cheap ones that only fill.

The mix of messages is that of a healthy network (``MIX``), the senders take turns.  A valid chain costs its
signatures, so it is kept in a folder of the system's temporary one and read again by the next run.
"""

from __future__ import annotations

import hashlib
import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from hypernode.core.address import compute_address
from hypernode.core.forging import seal_block
from hypernode.core.kinds import NO_TEST, OK_ACTION, START_OR_TEST_OK, TEST_KO, WAS_TESTED
from hypernode.core.message import create_message
from hypernode.core.params.chain_params import ChainParams, FixedHypernode
from hypernode.core.params.networks import devnet
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.timeline import compute_slot_start
from hypernode.core.types import Block, Height, Message, Round, Slot
from hypernode.node.chain.history import History
from hypernode.node.chain.rounds import Rounds
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.storage.database import InlineDatabase
from hypernode.storage.ledger import open_ledger
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command

SENDERS: Final = 300
ORIGIN: Final = 1_700_000_000
FIRST_ROUND: Final = 3
PORT: Final = 6969
VERSION: Final = 1
"""Of what the generator makes: a kept chain of another version is made again."""

MIX: Final = (
    *[(WAS_TESTED, "TEST:{kind}")] * 9,
    *[(START_OR_TEST_OK, "TEST:{kind}")] * 8,
    (TEST_KO, "TEST:{kind}"),
    (NO_TEST, "NO_TEST:1"),
    (OK_ACTION, "R.SYNC:10.0.0.{number}:06969"),
)
"""Kinds and params of twenty messages: nine times "was tested", eight times "test passed", and once each
"test failed", "no test" and "synced"."""


@dataclass(frozen=True, slots=True)
class Party:
    """The senders of a network: private keys, public keys and addresses, by number."""

    params: ChainParams
    privkeys: tuple[bytes, ...]
    pubkeys: tuple[bytes, ...]
    addresses: tuple[str, ...]


def make_party(senders: int = SENDERS, port: int = PORT) -> Party:
    """A private network of hypernodes on loopback, each with an address of its own there (127.0.x.y)."""
    base = devnet(
        origin_of_time=ORIGIN,
        slot_s=180,
        control_pow="0" * 56,
        control_pos=compute_address(compute_pubkey(_make_privkey("control")), 0x55),
    )
    privkeys = tuple(_make_privkey(f"sender {n}") for n in range(senders))
    pubkeys = tuple(map(compute_pubkey, privkeys))
    addresses = tuple(compute_address(key, base.address_byte) for key in pubkeys)
    listed = tuple(FixedHypernode(a, make_ip(n), port) for n, a in enumerate(addresses))
    params = replace(base, name=f"bench{senders}", hypernodes=listed, min_subnets=1)
    return Party(params, privkeys, pubkeys, addresses)


def make_ip(number: int) -> str:
    return f"127.0.{1 + number // 250}.{1 + number % 250}"


def _make_privkey(name: str) -> bytes:
    return hashlib.sha256(f"benchmark {name}".encode()).digest()


def make_message(party: Party, number: int, timestamp: int) -> Message:
    """The message of a number: senders take turns, so does the mix."""
    place = number % len(party.addresses)
    what, params = MIX[number % len(MIX)]
    return create_message(
        lambda buffer: sign(party.privkeys[place], buffer),
        party.pubkeys[place],
        timestamp=timestamp,
        sender=party.addresses[place],
        recipient=party.addresses[(place * 7 + number // len(party.addresses) + 1) % len(party.addresses)],
        what=what,
        params=params.format(kind=number % 5, number=number % 9),
        value=timestamp if what == WAS_TESTED else number,
    )


def make_messages(party: Party, count: int, timestamp: int, first: int = 0) -> list[Message]:
    """``count`` messages with numbers from ``first`` on, their times going up to ``timestamp``."""
    return [make_message(party, first + n, timestamp - (count - 1 - n) // 100) for n in range(count)]


async def make_chain(party: Party, blocks: int, messages: int) -> list[Block]:
    """A valid chain above genesis: ``blocks`` blocks of ``messages`` messages, in every slot that has a
    juror, from round 3 on."""
    params = party.params
    ledger = await open_ledger(InlineDatabase(), params)
    history = await History.at(ledger, 0)
    rounds = Rounds(params, FixedPowSource(params))
    chain: list[Block] = []
    for number in range(blocks):
        round_, sir = FIRST_ROUND + number // params.slots, number % params.slots
        plan = await rounds.derive(round_, history)
        timestamp = compute_slot_start(params, round_, sir) + 16
        place = party.addresses.index(plan.juror_of(sir) or "")
        sealed = make_messages(party, messages, timestamp, number * messages)
        block = seal_block(
            lambda buffer, place=place: sign(party.privkeys[place], buffer),  # type: ignore[misc]
            party.addresses[place],
            history.tip,
            round_,
            sir,
            timestamp,
            sealed,
        )
        history.push(block)
        chain.append(block)
    await ledger.close()
    return chain


async def load_chain(party: Party, blocks: int, messages: int) -> list[Block]:
    """The valid chain of that size, from the temporary folder if it was made before."""
    path = get_folder() / f"chain-{VERSION}-{len(party.addresses)}-{blocks}-{messages}.bin"
    if path.exists():
        return list(_read_blocks(path))
    chain = await make_chain(party, blocks, messages)
    beside = path.with_suffix(f".{os.getpid()}")
    with beside.open("wb") as file:
        for block in chain:
            payload = encode_command(Command(CommandId.GETBLOCK, blocks=(block,)))
            file.write(struct.pack(">I", len(payload)) + payload)
    beside.replace(path)
    return chain


def _read_blocks(path: Path) -> Iterator[Block]:
    content = path.read_bytes()
    position = 0
    while position < len(content):
        (length,) = struct.unpack_from(">I", content, position)
        position += 4
        yield from decode_command(content[position : position + length]).blocks
        position += length


def get_folder() -> Path:
    """Where chains and ledgers are kept between runs: ours alone."""
    folder = Path(tempfile.gettempdir()) / f"hypernode-benchmarks-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def fill_blocks(party: Party, parent: Block, count: int, messages: int) -> Iterator[Block]:
    """Blocks that fill a ledger as valid ones do, with made-up hashes and signatures: to be stored, never
    judged.  Rounds and slots go on from the parent's."""
    slots = party.params.slots
    block_hash, height, round_, sir = parent.block_hash, parent.height, parent.round, parent.sir
    for _ in range(count):
        height, sir = height + 1, sir + 1
        if sir >= slots:
            round_, sir = round_ + 1, 0
        timestamp = compute_slot_start(party.params, round_, sir) + 16
        digest = hashlib.shake_128(b"%d fill" % height).digest(84 + 64 * messages)
        sealed = _fill_messages(party, height, timestamp, messages, digest[84:])
        block = Block(
            height=height,
            round=round_,
            sir=sir,
            timestamp=timestamp,
            previous_hash=block_hash,
            messages=sealed,
            msg_count=messages,
            uniques_sources=min(messages, len(party.addresses)),
            signature=digest[20:84],
            block_hash=digest[:20],
            forger=party.addresses[height % len(party.addresses)],
        )
        block_hash = block.block_hash
        yield block


def _fill_messages(
    party: Party, height: Height, timestamp: int, count: int, digest: bytes
) -> tuple[Message, ...]:
    size = len(party.addresses)
    made = []
    for place in range(count):
        number = height * count + place
        sender = number % size
        what, params = MIX[number % len(MIX)]
        made.append(
            Message(
                digest[64 * place : 64 * place + 64],
                height,
                timestamp - count + place,
                party.addresses[sender],
                party.addresses[(sender * 7 + number // size + 1) % size],
                what,
                params.format(kind=number % 5, number=number % 9),
                timestamp if what == WAS_TESTED else number,
                party.pubkeys[sender],
            )
        )
    return tuple(made)


def get_next_slot(params: ChainParams, block: Block) -> tuple[Round, Slot]:
    """The slot after a block's, of those that have a juror."""
    return (block.round, block.sir + 1) if block.sir + 1 < params.slots else (block.round + 1, 0)


def count_messages(blocks: Sequence[Block]) -> int:
    return sum(len(block.messages) for block in blocks)
