"""The corpus: inputs that reach far, kept small, one file of hexadecimal lines a target.

``make_seeds`` writes the first ones from the shared vectors and from honest peers; the fuzzer adds what
reaches new code, and ``save`` keeps the shortest of those.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

import zstandard

from hypernode.core.address import compute_address
from hypernode.core.params.networks import testnet
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.types import ChainHeight
from hypernode.wire.auth import Nonces, Side, make_proof
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, PeerIp, encode_command
from hypernode.wire.compression import pack_payload
from tests.fuzz.pow_answers import make_answers

FOLDER: Final = Path(__file__).parent / "corpus"
VECTORS: Final = Path(__file__).parents[1] / "vectors"
MAX_KEPT: Final = 150
"""Inputs kept of a target."""
MAX_KEPT_BYTES: Final = 600
"""Of one of them: the vectors' messages and a small block fit."""


def load(name: str) -> list[bytes]:
    """The kept inputs of a target."""
    path = FOLDER / f"{name}.txt"
    return [bytes.fromhex(line) for line in path.read_text("ascii").split()] if path.exists() else []


def save(name: str, inputs: Iterable[bytes]) -> int:
    """Keep the shortest; how many."""
    kept = sorted({item for item in inputs if 0 < len(item) <= MAX_KEPT_BYTES}, key=lambda i: (len(i), i))
    kept = kept[:MAX_KEPT]
    FOLDER.mkdir(exist_ok=True)
    (FOLDER / f"{name}.txt").write_text("".join(f"{item.hex()}\n" for item in kept), "ascii")
    return len(kept)


def make_seeds(name: str, secret: bytes) -> list[bytes]:
    """What honest peers say, as inputs of a target; ``secret`` signs the proof of ``auth``."""
    payloads = [payload for payload in _list_payloads() if len(payload) < 4_000]
    match name:
        case "codec":
            return payloads
        case "compression":
            return [
                *(pack_payload(payload) for payload in payloads),
                *(zstandard.compress(payload, 3) for payload in payloads),
                zstandard.compress(b"\x08\x0c" + bytes(19_000)),
                zstandard.compress(bytes(30_000)),
            ]
        case "framing" | "session":
            return [_make_stream(how, payloads[how::5]) for how in (0, 1, 2, 5, 6, 64, 129, 133, 199)]
        case "hello":
            return [
                b"posnet0001" + port + b"B9a8v7EeYjyuqBaZydfNFSFWiJNi664Rg2" for port in (b"00101", b"06969")
            ]
        case "auth":
            return [_make_proof_input(secret, number) for number in (0, 1)]
        case "queries":
            return [
                b"",
                b"None",
                b",20",
                b"5,10",
                b"BLYkQwGZmwjsh7DY6HmuNBpTbqoRqX14ne,12",
                b"1,5,9",
                b"00ff" * 32,
            ]
        case "pow_answers":
            return make_answers()
        case _:
            return [bytes((kind, 0)) for kind in range(256)]


def _list_payloads() -> Iterator[bytes]:
    cases: list[dict[str, Any]] = json.loads((VECTORS / "frames.json").read_text("utf-8"))["cases"]
    for case in cases:
        for value in case.values():
            if isinstance(value, str) and value.startswith("08") and len(value) % 2 == 0:
                yield bytes.fromhex(value)
    height = ChainHeight(5, 1, 2, bytes(20), 3, 2, 1, 1)
    yield encode_command(Command(CommandId.HEIGHT, height=height, height_forger="x" * 34))
    yield encode_command(Command(CommandId.PEERS, ips=(PeerIp("10.0.0.1", 6969),), hashes=(b"hash",)))
    yield encode_command(
        Command(CommandId.AUTH, proof=bytes(64), nonce=bytes(32), pubkey=bytes(64), version=1)
    )
    yield encode_command(Command(CommandId.BLOCKINFO, int32=-7, features=7))


def _make_stream(how: int, payloads: list[bytes]) -> bytes:
    pieces = [bytes((how,)), b"\x03"]
    for kind, payload in enumerate(payloads[:8]):
        if len(payload) < 256:
            pieces.append(struct.pack("BB", kind, len(payload)) + payload)
    return b"".join(pieces)


def _make_proof_input(secret: bytes, number: int) -> bytes:
    pubkey, nonce = compute_pubkey(secret), bytes(range(32))
    address = compute_address(pubkey, testnet().address_byte).encode()
    proof = make_proof(
        lambda buffer: sign(secret, buffer),
        (Side.SERVER, Side.CLIENT)[number],
        Nonces(nonce, b"\x07" * 32),
        "our address",
    )
    pieces = (address, nonce, pubkey, proof)
    return bytes((number,)) + b"".join(bytes((len(piece),)) + piece for piece in pieces)
