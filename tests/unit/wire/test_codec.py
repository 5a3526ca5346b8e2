"""Commands to bytes and back, byte for byte as in the shared vectors, and every refusal."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, PeerIp, decode_command, encode_command
from tests.unit.wire.samples import BLOCK, HEIGHT, MESSAGE, load_cases, to_block, to_height, to_message

FRAMES = load_cases("frames.json")
MESSAGES = load_cases("messages.json")
BLOCKS = load_cases("blocks.json")


def _frame_to_command(case: dict[str, Any]) -> Command:
    if case["command_name"] == "test":
        return Command(
            CommandId.TEST,
            messages=(
                replace(MESSAGE, txid=b"", timestamp=1_570_000_000, params="TEST:3", value=0, pubkey=b""),
            ),
        )
    height = to_height(case["height"]) if "height" in case else None
    return Command(CommandId(case["command_id"]), case.get("string_value"), case.get("int32_value"), height)


@pytest.mark.parametrize("case", FRAMES, ids=lambda case: case["note"])
def test_frames_of_legacy_nodes_are_written_and_read_to_the_byte(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["frame"])[4:]
    command = _frame_to_command(case)
    assert encode_command(command) == payload
    assert decode_command(payload) == command


@pytest.mark.parametrize("case", [c for c in MESSAGES if "txid" in c], ids=lambda case: case["note"])
def test_messages_of_legacy_nodes_are_written_and_read_to_the_byte(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["command"])
    command = Command(CommandId.TX, messages=(to_message(case),))
    assert encode_command(command) == payload
    assert decode_command(payload) == command


@pytest.mark.parametrize("case", [c for c in MESSAGES if c["kind"] == "multi"])
def test_several_messages_are_written_and_read_to_the_byte(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["command"])
    command = Command(CommandId[case["command_name"].upper()], messages=tuple(map(to_message, case["txs"])))
    assert encode_command(command) == payload
    assert decode_command(payload) == command


@pytest.mark.parametrize("case", [c for c in BLOCKS if "txs" in c], ids=lambda case: case["note"])
def test_blocks_of_legacy_nodes_are_written_and_read_to_the_byte(case: dict[str, Any]) -> None:
    payload = bytes.fromhex(case["command"])
    command = Command(CommandId.BLOCK, blocks=(to_block(case),))
    assert encode_command(command) == payload
    assert decode_command(payload) == command


def test_several_blocks_in_one_command_are_read_and_written_to_the_byte() -> None:
    case = next(c for c in BLOCKS if c["kind"] == "multi")
    payload = bytes.fromhex(case["command"])
    command = decode_command(payload)
    assert command == Command(CommandId.BLOCKSYNC, blocks=tuple(map(to_block, BLOCKS[1:4])))
    assert encode_command(command) == payload


def test_every_block_of_the_real_chain_survives_the_way_there_and_back() -> None:
    for case in load_cases("realchain.json"):
        payload = bytes.fromhex(case["command"])
        assert encode_command(decode_command(payload)) == payload


@pytest.mark.parametrize("case", [c for c in MESSAGES if c["kind"] == "unrepresentable"])
def test_values_that_the_schema_cannot_carry_are_refused(case: dict[str, Any]) -> None:
    fields: dict[str, Any] = {"value": 3, "params": "TEST:1", "recipient": MESSAGE.recipient}
    for name, value in case["input"].items():
        fields[name] = int(value) if name in ("value", "what", "timestamp") else value
    message = replace(MESSAGE, **fields)
    command = Command(CommandId.TX, messages=(message,))
    if case["to_proto"].startswith("raises"):
        with pytest.raises(Reject, match="2-wire: cannot be written"):
            encode_command(command)
    else:
        assert decode_command(encode_command(command)) == command


def test_what_this_project_added_survives_the_way_there_and_back() -> None:
    hello = Command(
        CommandId.HELLO,
        "posnet0002",
        features=3,
        nonce=b"n" * 32,
        pubkey=b"k" * 64,
        proof=b"s" * 64,
        version=1,
    )
    peers = Command(CommandId.PEERS, ips=(PeerIp("127.0.0.5", 6969), PeerIp("10.1.2.3")))
    height = Command(CommandId.HEIGHT, height=HEIGHT, height_forger=MESSAGE.sender)
    test = Command(CommandId.TEST, messages=(MESSAGE,), hashes=(b"pad", b""))
    for command in (hello, peers, height, test):
        assert decode_command(encode_command(command)) == command


def test_answers_of_legacy_nodes_have_no_features_and_no_forger() -> None:
    command = decode_command(encode_command(Command(CommandId.HEIGHT, height=HEIGHT)))
    assert command.features is None
    assert command.height_forger is None
    assert command.version is None


def test_unknown_fields_are_passed_over() -> None:
    payload = encode_command(Command(CommandId.STATUS)) + bytes.fromhex(
        "f80601fa06026869fd0600000000f9060000000000000000"
    )
    assert decode_command(payload) == Command(CommandId.STATUS)


def test_headers_keep_their_count_without_messages() -> None:
    header = replace(BLOCK, messages=())
    command = decode_command(encode_command(Command(CommandId.GETHEADERS, blocks=(header,))))
    assert command.blocks == (header,)


def test_two_values_are_not_written() -> None:
    with pytest.raises(Reject, match="two values"):
        encode_command(Command(CommandId.GETBLOCK, string="1", int32=1))


def test_a_juror_without_a_height_is_not_written() -> None:
    with pytest.raises(Reject, match="a juror without a height"):
        encode_command(Command(CommandId.HEIGHT, height_forger=MESSAGE.sender))


def test_text_that_is_no_text_is_not_written() -> None:
    with pytest.raises(Reject, match="cannot be written"):
        encode_command(Command(CommandId.KO, string="\ud800"))


def test_an_address_that_is_none_is_not_written() -> None:
    with pytest.raises(Reject, match="cannot be written"):
        encode_command(Command(CommandId.PEERS, ips=(PeerIp("localhost"),)))


_TX = encode_command(Command(CommandId.TX, messages=(MESSAGE,)))
REFUSED = {
    "a frame without a command": b"",
    "the command does not come first": b"\x12\x00\x08\x00",
    "unknown command": b"\x08\x63",
    "the command comes twice": b"\x08\x05\x08\x05",
    "field 2 comes twice": b"\x08\x05\x12\x00\x12\x00",
    "field 20 comes twice": b"\x08\x00\xa0\x01\x01\xa0\x01\x01",
    "two values where one belongs": b"\x08\x05\x12\x00\x18\x01",
    "field 3 is of another type": b"\x08\x0e\x1a\x01\x31",
    "field 5 is of another type": b"\x08\x06\x28\x01",
    "the payload ends within a field": _TX[:-1],
    "a field of an unknown type": b"\x08\x05\xfb\x06\xfc\x06",
    "a number that does not end": b"\x08\x0e\x18" + b"\xff" * 11,
    "a required field is missing": b"\x08\x0a\x22\x02\x08\x01",
    "text that is not UTF-8": b"\x08\x02\x12\x01\xff",
    "no valid payload": b"\x08\x05\x02\x00",
}


@pytest.mark.parametrize(("reason", "payload"), REFUSED.items(), ids=list(REFUSED))
def test_refused(reason: str, payload: bytes) -> None:
    with pytest.raises(Reject) as caught:
        decode_command(payload)
    assert (caught.value.rule, caught.value.reason) == (Rule.WIRE, reason)


def test_half_a_command_is_refused() -> None:
    with pytest.raises(Reject, match="a frame without a command"):
        decode_command(b"\x08")


def test_text_of_a_message_that_is_not_utf8_is_refused() -> None:
    payload = _TX.replace(b"TEST:1", b"TEST:\xff")
    with pytest.raises(Reject, match="not UTF-8"):
        decode_command(payload)


def test_a_message_cut_short_inside_a_block_is_refused() -> None:
    payload = encode_command(Command(CommandId.BLOCK, blocks=(BLOCK,)))
    place = payload.index(b"\x42\x06TEST:1")
    with pytest.raises(Reject, match="ends within a field"):
        decode_command(payload[: place + 1] + b"\x60" + payload[place + 2 :])
