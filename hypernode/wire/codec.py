"""Commands to bytes and back (spec 2, Command).

Encoding writes every required field, also when it is 0 or empty, and a message's params always: byte
for byte what legacy nodes write.  Decoding takes any bytes and yields a ``Command`` or raises
``Reject("2-wire", …)``; what the values mean is judged elsewhere, in ``core``.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import Final

from google.protobuf.message import DecodeError, EncodeError

from hypernode.core.errors import Reject
from hypernode.core.types import Block, ChainHeight, Message, Timestamp
from hypernode.wire import command_pb2 as pb
from hypernode.wire.catalogue import LIMITS, CommandId, Limits
from hypernode.wire.tags import RULE, check_tags, peek_command_id

DEFAULT_PEER_PORT: Final = 5658
"""Of the schema; nobody listens there."""
_STRING_TAG: Final = 0x12
_MAX_PLAIN_BYTES: Final = 1 << 20
_MAX_PLAIN_START: Final = 6
"""Where a text of that length begins, behind three bytes of length at most."""
_NOT_UTF8: Final = "text that is not UTF-8"


@dataclass(frozen=True, slots=True)
class PeerIp:
    """An entry of ``peers``: an IPv4 address as text and a TCP port."""

    ipv4: str
    port: int = DEFAULT_PEER_PORT


@dataclass(frozen=True, slots=True)
class Command:
    """One command with what it carries: at most one of ``string``, ``int32`` and ``height``.
    ``height_forger`` goes with ``height``: it is whom the sender takes for the slot's juror."""

    id: CommandId
    string: str | None = None
    int32: int | None = None
    height: ChainHeight | None = None
    height_forger: str | None = None
    blocks: tuple[Block, ...] = ()
    messages: tuple[Message, ...] = ()
    ips: tuple[PeerIp, ...] = ()
    hashes: tuple[bytes, ...] = ()
    features: int | None = None
    nonce: bytes | None = None
    pubkey: bytes | None = None
    proof: bytes | None = None
    version: int | None = None


def encode_command(command: Command) -> bytes:
    """The payload of a command.  Raises Reject for values that the schema cannot carry."""
    if sum(value is not None for value in (command.string, command.int32, command.height)) > 1:
        raise Reject(RULE, "two values where one belongs")
    if command.height_forger is not None and command.height is None:
        raise Reject(RULE, "a juror without a height")
    try:
        return _to_proto(command).SerializeToString()
    except (ValueError, TypeError, EncodeError) as problem:
        raise Reject(RULE, f"cannot be written: {problem}") from problem


def decode_command(payload: bytes, limits: Limits = LIMITS, received: Timestamp = 0) -> Command:
    """The command in a payload; ``height_value`` and so on as they came.  ``received`` (unix s) is noted in
    its messages.  Raises Reject."""
    return _decode_plain(payload) or _decode_any(payload, limits, received)


def _decode_plain(payload: bytes) -> Command | None:
    """Most questions and half of the answers carry nothing, or one text: those need neither a walk nor
    protobuf.  None for anything else, which ``_decode_any`` judges; it gives the same for these."""
    size = len(payload)
    if size < 2 or size > _MAX_PLAIN_BYTES:
        return None
    command_id = peek_command_id(payload)
    if command_id is None:
        return None
    if size == 2:
        return Command(command_id)
    if size < 4 or payload[2] != _STRING_TAG:
        return None
    length, start = payload[3], 4
    while payload[start - 1] >= 0x80:
        if start in (size, _MAX_PLAIN_START):
            return None
        length += (payload[start] - 1) << 7 * (start - 3)
        start += 1
    if start + length != size:
        return None
    try:
        return Command(command_id, string=payload[start:].decode())
    except UnicodeDecodeError:
        return None


def _decode_any(payload: bytes, limits: Limits, received: Timestamp = 0) -> Command:
    check_tags(payload, limits)
    return parse_command(payload, received)


def parse_command(payload: bytes, received: Timestamp = 0) -> Command:
    """The command in a payload whose tags were walked (``wire.tags``).  Raises Reject."""
    command_id = peek_command_id(payload)
    if command_id is None:
        raise Reject(RULE, "a frame without a command")
    try:
        wire = pb.Command.FromString(payload)
    except DecodeError:
        raise Reject(RULE, "no valid payload") from None
    if not wire.IsInitialized():
        raise Reject(RULE, "a required field is missing")
    return _from_proto(command_id, wire, received)


def _to_proto(command: Command) -> pb.Command:
    wire = pb.Command(
        command=command.id.name.lower(),
        string_value=command.string,
        int32_value=command.int32,
        features=command.features,
        nonce=command.nonce,
        pubkey=command.pubkey,
        proof=command.proof,
        version=command.version,
        hash_values=command.hashes,
    )
    if command.height is not None:
        wire.height_value.CopyFrom(_height_to_proto(command.height, command.height_forger))
    for block in command.blocks:
        write_block(block, wire.block_value.add())
    for message in command.messages:
        write_message(message, wire.tx_values.add())
    for peer in command.ips:
        wire.ip_values.add(ipv4=int(ipaddress.IPv4Address(peer.ipv4)), port=peer.port)
    return wire


def write_message(message: Message, wire: pb.TX) -> None:
    """Every field, also those that are 0 or empty."""
    wire.txid = message.txid
    wire.block_height = message.block_height
    wire.timestamp = message.timestamp
    wire.sender = message.sender
    wire.recipient = message.recipient
    wire.what = message.what
    wire.value = message.value
    wire.params = message.params
    wire.pubkey = message.pubkey


def write_block(block: Block, wire: pb.Block) -> None:
    """Every field, and its messages."""
    wire.height = block.height
    wire.round = block.round
    wire.sir = block.sir
    wire.ts = block.timestamp
    wire.previous_hash = block.previous_hash
    for message in block.messages:
        write_message(message, wire.txs.add())
    wire.msg_count = block.msg_count
    wire.sources = block.uniques_sources
    wire.signature = block.signature
    wire.block_hash = block.block_hash
    wire.forger = block.forger


def _height_to_proto(height: ChainHeight, forger: str | None) -> pb.Height:
    return pb.Height(
        height=height.height,
        round=height.round,
        sir=height.sir,
        block_hash=height.block_hash,
        uniques=height.uniques,
        uniques_round=height.uniques_round,
        forgers=height.forgers,
        forgers_round=height.forgers_round,
        forger=forger,
    )


def _from_proto(command_id: CommandId, wire: pb.Command, received: Timestamp) -> Command:
    # only what is there is looked at: most commands carry one value
    found = {field.name: value for field, value in wire.ListFields()}
    height = found.get("height_value")
    forger = height.forger if height is not None and height.HasField("forger") else None
    string = found.get("string_value")
    return Command(
        id=command_id,
        string=_to_text(string) if string is not None else None,
        int32=found.get("int32_value"),
        height=_height_from_proto(height) if height is not None else None,
        height_forger=_to_text(forger) if forger is not None else None,
        blocks=tuple(read_block(block, received) for block in found.get("block_value", ())),
        messages=tuple(read_message(message, received) for message in found.get("tx_values", ())),
        ips=tuple(PeerIp(str(ipaddress.IPv4Address(ip.ipv4)), ip.port) for ip in found.get("ip_values", ())),
        hashes=tuple(found.get("hash_values", ())),
        features=found.get("features"),
        nonce=found.get("nonce"),
        pubkey=found.get("pubkey"),
        proof=found.get("proof"),
        version=found.get("version"),
    )


def read_message(wire: pb.TX, received: Timestamp = 0) -> Message:
    """Raises Reject for text that is not UTF-8."""
    sender, recipient, params = wire.sender, wire.recipient, wire.params
    if not (isinstance(sender, str) and isinstance(recipient, str) and isinstance(params, str)):
        raise Reject(RULE, _NOT_UTF8)
    return Message(
        wire.txid,
        wire.block_height,
        wire.timestamp,
        sender,
        recipient,
        wire.what,
        params,
        wire.value,
        wire.pubkey,
        received,
    )


def read_block(wire: pb.Block, received: Timestamp = 0) -> Block:
    """Raises Reject for text that is not UTF-8."""
    return Block(
        height=wire.height,
        round=wire.round,
        sir=wire.sir,
        timestamp=wire.ts,
        previous_hash=wire.previous_hash,
        messages=tuple(read_message(message, received) for message in wire.txs),
        msg_count=wire.msg_count,
        uniques_sources=wire.sources,
        signature=wire.signature,
        block_hash=wire.block_hash,
        forger=_to_text(wire.forger),
    )


def _height_from_proto(wire: pb.Height) -> ChainHeight:
    return ChainHeight(
        height=wire.height,
        round=wire.round,
        sir=wire.sir,
        block_hash=wire.block_hash,
        uniques=wire.uniques,
        uniques_round=wire.uniques_round,
        forgers=wire.forgers,
        forgers_round=wire.forgers_round,
    )


def _to_text(value: object) -> str:
    """protobuf does not enforce UTF-8 when it parses proto2: bytes come out instead of text."""
    if not isinstance(value, str):
        raise Reject(RULE, _NOT_UTF8)
    return value
