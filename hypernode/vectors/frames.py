"""``frames.json``: commands as exact bytes of legacy frames, both ways (spec 2)."""

from __future__ import annotations

from dataclasses import asdict

from hypernode.core.params.networks import mainnet
from hypernode.vectors.heights import parse_height
from hypernode.vectors.outcome import Agree, Differs, Json, Outcome, compare, compare_fields
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import format_hello, parse_hello

_PARAMS = ("string_value", "int32_value", "height_value")
_MAX_PAYLOAD_BYTES = 1 << 25
"""No recorded frame is that long; which limits hold for whom is another matter."""


def run_case(document: Json, case: Json) -> Outcome:
    """The frame says what is recorded, and what is recorded makes the frame again."""
    stream = Framing(mainnet().magic, lambda command_id, is_first: _MAX_PAYLOAD_BYTES)
    stream.receive_data(bytes.fromhex(case["frame"]))
    payload = stream.next_frame()
    if payload is None or stream.is_in_frame or stream.mode is not Mode.LEGACY:
        return Differs("one legacy frame", "none, or bytes beyond it")
    received = decode_command(payload)
    got = _observe(received)
    outcome = compare_fields({name: case[name] for name in got if name in case}, got)
    if isinstance(outcome, Agree):
        again = stream.encode_frame(encode_command(_rebuild(case, received)))
        outcome = compare(case["frame"], again.hex())
    return _judge_hello(case) if isinstance(outcome, Agree) and "parsed" in case else outcome


def _observe(command: Command) -> dict[str, object]:
    """A command under the names of the file."""
    values = (command.string, command.int32, command.height)
    which = next((name for name, value in zip(_PARAMS, values, strict=True) if value is not None), None)
    fields: dict[str, object] = {
        "command_id": int(command.id),
        "command_name": command.id.name.lower(),
        "which_param": which,
    }
    if command.string is not None:
        fields["string_value"] = command.string
    if command.int32 is not None:
        fields["int32_value"] = command.int32
    if command.height is not None:
        fields["height"] = {**asdict(command.height), "block_hash": command.height.block_hash.hex()}
    return fields


def _rebuild(case: Json, received: Command) -> Command:
    """The command of what is recorded; messages are recorded as bytes only, so these come from there."""
    return Command(
        CommandId(case["command_id"]),
        string=case.get("string_value"),
        int32=case.get("int32_value"),
        height=parse_height(case["height"]) if "height" in case else None,
        messages=received.messages,
        blocks=received.blocks,
        hashes=received.hashes,
    )


def _judge_hello(case: Json) -> Outcome:
    hello = parse_hello(case["string_value"])
    outcome = compare_fields(case["parsed"], asdict(hello))
    return outcome if not isinstance(outcome, Agree) else compare(case["string_value"], format_hello(hello))
