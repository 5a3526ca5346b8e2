"""What is fuzzed: one function a parser, which takes any bytes and raises only for a defect.

Refusing is what a parser is for: ``Reject`` and ``Ignore`` are answers.  Each target also holds a promise
that an answer must keep, so that the fuzzer finds more than crashes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Final, TypeAlias

from hypernode.core.block import to_header
from hypernode.core.errors import Ignore, Reject
from hypernode.core.message import normalise_cut
from hypernode.core.params.networks import testnet
from hypernode.core.rules import UNCHECKED
from hypernode.core.signing import compute_twin, is_valid_signature, sign
from hypernode.core.types import Block, Message
from hypernode.core.validate_message import check_messages, find_message_violation
from hypernode.node.rpc.queries import (
    check_height,
    parse_address_query,
    parse_headers,
    parse_hex,
    parse_hypernodes,
)
from hypernode.wire.auth import Nonces, Side, check_proof, make_proof, validate_claim
from hypernode.wire.block_heads import peek_block_heads
from hypernode.wire.catalogue import LIMITS, CommandId, get_answer_limit
from hypernode.wire.codec import Command, _decode_any, decode_command, encode_command
from hypernode.wire.compression import pack_payload, unpack_payload
from hypernode.wire.hello import format_hello, get_posnet, parse_hello
from hypernode.wire.scanning import decode_spooled
from hypernode.wire.spool import MemorySpool
from tests.fuzz.cutter import Cutter
from tests.fuzz.pow_answers import open_pow_answers
from tests.fuzz.registrations import fuzz_registrations
from tests.fuzz.sessions import open_sessions
from tests.fuzz.streams import fuzz_framing

Run: TypeAlias = Callable[[bytes], None]

_NETWORK: Final = testnet()
KEY: Final = bytes(range(1, 33))
"""The only one that a proof of the corpus was made with."""


@dataclass(frozen=True, slots=True)
class Target:
    """``open`` gives the function, with what it keeps between inputs; ``share`` of all executions."""

    open: Callable[[], AbstractContextManager[Run]]
    share: float


def fuzz_codec(data: bytes) -> None:
    """What is read in the quick way reads the same in the thorough one; what is decoded is written down as
    the same command, and its messages and blocks can be judged.  Heads of blocks are theirs, or there are
    none."""
    heads = peek_block_heads(data, LIMITS)
    spooled = _read_spooled(data)
    try:
        command = decode_command(data)
    except Reject:
        if spooled is not None:
            raise AssertionError("an answer that reads out of a spool only") from None
        return
    if spooled is not None and spooled != command:
        raise AssertionError("an answer that reads otherwise out of a spool")
    if heads and command.id is CommandId.BLOCK and heads != tuple(map(to_header, command.blocks)):
        raise AssertionError("heads of other blocks")
    if _decode_any(data, LIMITS) != command:
        raise AssertionError("a command that reads in two ways")
    if decode_command(encode_command(command)) != command:
        raise AssertionError("a command that does not survive the way there and back")
    _judge(command.messages[:2])
    for block in command.blocks[:2]:
        _judge_block(block)


def _read_spooled(data: bytes) -> Command | None:
    """A long answer, as it is read out of a file."""
    spool = MemorySpool()
    spool.append(data)
    try:
        return decode_spooled(spool, LIMITS)
    except Reject:
        return None


def _judge(messages: tuple[Message, ...]) -> None:
    for message in messages:
        cut = normalise_cut(message, _NETWORK.address_byte)
        if normalise_cut(cut, _NETWORK.address_byte) != cut:
            raise AssertionError("a cut that is not final")
        find_message_violation(_NETWORK, cut, sealed=False, registered=UNCHECKED)


def _judge_block(block: Block) -> None:
    check_messages(_NETWORK, block.messages[:2])


def fuzz_hello(data: bytes) -> None:
    """A hello that is understood reads back; one that is not leaves nothing unprintable."""
    text = data.decode("utf-8", "replace")
    if not (shown := get_posnet(text)).isprintable() and shown:
        raise AssertionError("an unprintable posnet")
    try:
        hello = parse_hello(text)
    except Reject:
        return
    if format_hello(hello) != text:
        raise AssertionError("a hello that does not read back")


def fuzz_auth(data: bytes) -> None:
    """Nobody proves to hold a key by bytes that were not signed with it."""
    cutter = Cutter(data)
    side = (Side.SERVER, Side.CLIENT)[cutter.take_number() % 2]
    address, nonce, pubkey, proof = (
        cutter.take_text(),
        cutter.take_piece(),
        cutter.take_piece(),
        cutter.take_piece(),
    )
    is_valid_signature(pubkey, proof, nonce, allow_long_ids=bool(cutter.take_number() % 2))
    try:
        claim = validate_claim(nonce, pubkey, address, _NETWORK.address_byte)
        nonces = Nonces(claim.nonce, b"\x07" * 32)
        check_proof(proof, claim, side, nonces, "our address")
    except Reject:
        return
    signed = make_proof(lambda buffer: sign(KEY, buffer), side, nonces, "our address")
    if proof not in (signed, compute_twin(signed)):
        raise AssertionError("a proof out of nowhere")


def fuzz_compression(data: bytes) -> None:
    """What inflates is within the limit of its command, and packs to what inflates to it again."""

    def limit_of(command_id: CommandId) -> int:
        return 20_000 if command_id is CommandId.BLOCKSYNC else get_answer_limit(LIMITS, command_id) // 200

    if not data:
        return
    for packed in (data, bytes([1]) + data):
        try:
            payload = unpack_payload(packed, limit_of)
        except Reject:
            continue
        if packed[0] == 1:
            if len(payload) > 20_000:
                raise AssertionError("inflated over the limit")
            if unpack_payload(pack_payload(payload), limit_of) != payload:
                raise AssertionError("what inflates does not pack")


def fuzz_queries(data: bytes) -> None:
    """The text parameters of questions."""
    text = data.decode("utf-8", "replace")
    for parse in (parse_headers, parse_address_query, parse_hypernodes, parse_hex):
        try:
            parse(text)
        except Ignore:
            continue
    try:
        if check_height(int.from_bytes(data[:4], "big", signed=True)) < 0:
            raise AssertionError("a height below zero")
    except Ignore:
        return


def plain(run: Run) -> Callable[[], AbstractContextManager[Run]]:
    """A target without anything to keep."""
    return lambda: nullcontext(run)


TARGETS: Final[Mapping[str, Target]] = {
    "framing": Target(plain(fuzz_framing), 0.15),
    "codec": Target(plain(fuzz_codec), 0.3),
    "hello": Target(plain(fuzz_hello), 0.1),
    "auth": Target(plain(fuzz_auth), 0.08),
    "compression": Target(plain(fuzz_compression), 0.1),
    "queries": Target(plain(fuzz_queries), 0.1),
    "registrations": Target(plain(fuzz_registrations), 0.1),
    "pow_answers": Target(open_pow_answers, 0.05),
    "session": Target(open_sessions, 0.02),
}
