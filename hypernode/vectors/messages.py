"""``messages.json``: messages as fields, signed buffer and wire bytes; bad and unrepresentable ones.

A recorded check that said ok is that of a legacy mempool.  Ours must take such a message as one of a block
of the mixed network (M1 to M3); where our own mempool is stricter, the case differs as documented.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from hypernode.core.errors import Reject
from hypernode.core.message import encode_signed_buffer
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import UNCHECKED, Rule
from hypernode.core.types import ID_BYTES, Message
from hypernode.core.validate_message import find_message_violation
from hypernode.vectors.outcome import (
    Agree,
    Differs,
    DiffersAsDocumented,
    Json,
    Outcome,
    compare,
    compare_fields,
)
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, decode_command, encode_command

_OK = "ok"
_REFUSED = "refused"
_WRITTEN = "written"


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind tx, multi, bad or unrepresentable."""
    if case["kind"] == "multi":
        messages = tuple(parse_message(fields) for fields in case["txs"])
        return _judge_wire(CommandId[case["command_name"].upper()], messages, case["command"])
    if case["kind"] == "unrepresentable":
        return _judge_unrepresentable(case)
    m = parse_message(case)
    if case["kind"] == "bad" and case["check"] != _OK:
        return _expect_refusal(m, case["command"])
    outcome = _judge_wire(CommandId.TX, (m,), case["command"])
    if isinstance(outcome, Agree) and "raw" in case:
        outcome = compare(case["raw"], encode_signed_buffer(m).hex())
    return outcome if not isinstance(outcome, Agree) else _judge_check(m, case)


def parse_message(fields: Json) -> Message:
    """A message of JSON, whose bytes are hexadecimal text."""
    return Message(
        txid=bytes.fromhex(fields["txid"]),
        block_height=fields["block_height"],
        timestamp=fields["timestamp"],
        sender=fields["sender"],
        recipient=fields["recipient"],
        what=fields["what"],
        params=fields["params"],
        value=fields["value"],
        pubkey=bytes.fromhex(fields["pubkey"]),
    )


def _judge_wire(command_id: CommandId, messages: tuple[Message, ...], recorded: str) -> Outcome:
    """The bytes of a command that carries the messages, both ways."""
    expected = {"bytes": recorded, "messages": messages}
    got = {
        "bytes": encode_command(Command(command_id, messages=messages)).hex(),
        "messages": decode_command(bytes.fromhex(recorded)).messages,
    }
    return compare_fields(expected, got)


def _judge_check(m: Message, case: Json) -> Outcome:
    sealed = find_message_violation(mainnet(), m, sealed=True, registered=UNCHECKED)
    if case.get("check", _OK) != _OK or sealed is not None:
        got = _OK if sealed is None else str(sealed)
        return Agree() if got != _OK and case["check"] != _OK else Differs(case.get("check", _OK), got)
    offered = find_message_violation(mainnet(), m, sealed=False, registered=UNCHECKED)
    if offered is None:
        return Agree()
    rule = offered.rule if len(m.txid) == ID_BYTES else Rule.DATA
    return DiffersAsDocumented(rule, f"only our mempool: {offered.reason}", _OK, _REFUSED)


def _expect_refusal(m: Message, recorded: str) -> Outcome:
    """Whatever the words: neither as fields nor from the wire may it pass."""
    if find_message_violation(mainnet(), m, sealed=True, registered=UNCHECKED) is None:
        return Differs(_REFUSED, "its fields pass")
    try:
        received = decode_command(bytes.fromhex(recorded)).messages
    except Reject:
        return Agree()
    violations = [
        find_message_violation(mainnet(), one, sealed=True, registered=UNCHECKED) for one in received
    ]
    return Agree() if violations and None not in violations else Differs(_REFUSED, "its bytes pass")


def _judge_unrepresentable(case: Json) -> Outcome:
    """A message with one field out of range or not ASCII: it can be neither signed nor sealed."""
    proper = Message(bytes(ID_BYTES), 0, 1, "", "", 0, "", 0, bytes(ID_BYTES))
    numbers = ("block_height", "timestamp", "what", "value")
    fields: dict[str, Any] = {
        name: int(text) if name in numbers else text for name, text in case["input"].items()
    }
    m = replace(proper, **fields)
    got = {
        "to_raw": _try(lambda: encode_signed_buffer(m)),
        "to_proto": _try(lambda: encode_command(Command(CommandId.TX, messages=(m,)))),
    }
    recorded = {
        name: _REFUSED if case[name].startswith("raises") else _WRITTEN for name in got if name in case
    }
    return compare_fields(recorded, got)


def _try(encode: Callable[[], bytes]) -> str:
    try:
        encode()
    except Reject:
        return _REFUSED
    return _WRITTEN
