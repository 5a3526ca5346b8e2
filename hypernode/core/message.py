"""Messages: the buffer that is signed, making one, and the one true cut of its fields (spec 1 and 4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from hypernode.core.address import is_valid_address
from hypernode.core.errors import Reject
from hypernode.core.types import ADDRESS_CHARS, UINT32_MAX, Message, Timestamp

_INT_BYTES = 4


def encode_signed_buffer(m: Message) -> bytes:
    """timestamp, sender, recipient, what, params, value: what ``txid`` is a signature of.

    Raises Reject("M1") when a number is no uint32 or a text is not ASCII."""
    try:
        return (
            m.timestamp.to_bytes(_INT_BYTES, "big")
            + m.sender.encode("ascii")
            + m.recipient.encode("ascii")
            + m.what.to_bytes(_INT_BYTES, "big")
            + m.params.encode("ascii")
            + m.value.to_bytes(_INT_BYTES, "big")
        )
    except (UnicodeEncodeError, OverflowError):
        raise Reject("M1", _find_unwritable(m)) from None


def create_message(
    sign: Callable[[bytes], bytes],
    pubkey: bytes,
    *,
    timestamp: Timestamp,
    sender: str,
    recipient: str,
    what: int,
    params: str = "",
    value: int = 0,
) -> Message:
    """A message signed with ``sign``, ready for a mempool.  Raises Reject("M1") when unrepresentable."""
    unsigned = Message(b"", 0, timestamp, sender, recipient, what, params, value, pubkey)
    return replace(unsigned, txid=sign(encode_signed_buffer(unsigned)))


def normalise_cut(m: Message, address_byte: int) -> Message:
    """The same signed bytes, cut where the spec cuts them (spec 4, valid message).

    The buffer has no separators: one signature fits several cuts of recipient, what and params.  If the 34
    characters after the sender are a valid address of the network, the recipient ends there, whatever the
    peer sent.  A message that has no such cut, or cannot be signed at all, comes back as it is."""
    if is_valid_address(m.recipient, address_byte):
        return m
    try:
        middle = (
            _encode_text("recipient", m.recipient)
            + _encode_int("what", m.what)
            + _encode_text("params", m.params)
        )
        recipient = middle[:ADDRESS_CHARS].decode("ascii")
        params = middle[ADDRESS_CHARS + _INT_BYTES :].decode("ascii")
    except (Reject, UnicodeDecodeError):
        return m
    if len(middle) < ADDRESS_CHARS + _INT_BYTES or not is_valid_address(recipient, address_byte):
        return m
    what = int.from_bytes(middle[ADDRESS_CHARS : ADDRESS_CHARS + _INT_BYTES], "big")
    return replace(m, recipient=recipient, what=what, params=params)


def _find_unwritable(m: Message) -> str:
    """Which field cannot be written down; empty when all can."""
    for name in ("timestamp", "what", "value"):
        if not 0 <= getattr(m, name) <= UINT32_MAX:
            return f"{name} is not an unsigned number of 32 bits"
    for name in ("sender", "recipient", "params"):
        if not getattr(m, name).isascii():
            return f"{name} is not ASCII"
    return ""


def _encode_int(name: str, number: int) -> bytes:
    if not 0 <= number <= UINT32_MAX:
        raise Reject("M1", f"{name} is not an unsigned number of 32 bits")
    return number.to_bytes(_INT_BYTES, "big")


def _encode_text(name: str, text: str) -> bytes:
    if not text.isascii():
        raise Reject("M1", f"{name} is not ASCII")
    return text.encode("ascii")
