"""Messages: the bytes that are signed, making a message, and normalising how its fields are divided (spec 1
and 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from hypernode.core.address import is_valid_address
from hypernode.core.errors import Reject
from hypernode.core.rules import Rule
from hypernode.core.types import ADDRESS_CHARS, UINT32_MAX, Message, Timestamp

_INT_BYTES = 4
_HEAD_CHARS = ADDRESS_CHARS + _INT_BYTES
PART_CHARS = 1024 * 1024
"""Of a long text that is encoded at a time."""


def encode_signed_buffer(m: Message) -> bytes:
    """timestamp, sender, recipient, what, params, value: the bytes that ``txid`` signs.

    Raises Reject(Rule.M1) when a number is no uint32 or a text is not ASCII."""
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
        raise Reject(Rule.M1, _find_unwritable(m)) from None


def generate_signed_buffer(m: Message) -> Iterator[bytes]:
    """The bytes of ``encode_signed_buffer`` in parts, so that no second copy of a long text is held.  The
    numbers are uint32 and the texts ASCII (M1)."""
    yield m.timestamp.to_bytes(_INT_BYTES, "big") + m.sender.encode("ascii")
    yield from _encode_parts(m.recipient)
    yield m.what.to_bytes(_INT_BYTES, "big")
    yield from _encode_parts(m.params)
    yield m.value.to_bytes(_INT_BYTES, "big")


def _encode_parts(text: str) -> Iterator[bytes]:
    return (text[start : start + PART_CHARS].encode("ascii") for start in range(0, len(text), PART_CHARS))


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
    """A message signed with ``sign``, ready for a mempool.  Raises Reject(Rule.M1) when unrepresentable."""
    unsigned = Message(b"", 0, timestamp, sender, recipient, what, params, value, pubkey)
    return replace(unsigned, txid=sign(encode_signed_buffer(unsigned)))


def normalise_cut(m: Message, address_byte: int) -> Message:
    """The same signed bytes, divided into fields as the spec divides them (spec 4, valid message).

    The buffer has no separators: one signature fits several cuts of recipient, what and params.  If the 34
    characters after the sender are a valid address of the network, the recipient ends there, whatever the
    peer sent.  A message that has no such cut, or cannot be signed at all, comes back as it is."""
    if is_valid_address(m.recipient, address_byte):
        return m
    if not (0 <= m.what <= UINT32_MAX and m.recipient.isascii() and m.params.isascii()):
        return m
    # a character for each byte; texts may be very long, so no more than is looked at is put together
    what_text = m.what.to_bytes(_INT_BYTES, "big").decode("latin-1")
    head = m.recipient[:_HEAD_CHARS] + what_text + m.params[:_HEAD_CHARS]
    recipient, cut_what = head[:ADDRESS_CHARS], head[ADDRESS_CHARS:_HEAD_CHARS]
    if len(head) < _HEAD_CHARS or not is_valid_address(recipient, address_byte):
        return m
    params = (m.recipient + what_text + m.params)[_HEAD_CHARS:]
    if not params.isascii():
        return m
    return replace(
        m, recipient=recipient, what=int.from_bytes(cut_what.encode("latin-1"), "big"), params=params
    )


def _find_unwritable(m: Message) -> str:
    """The name of a field that cannot be encoded; empty if all can."""
    for name in ("timestamp", "what", "value"):
        if not 0 <= getattr(m, name) <= UINT32_MAX:
            return f"{name} is not an unsigned number of 32 bits"
    for name in ("sender", "recipient", "params"):
        if not getattr(m, name).isascii():
            return f"{name} is not ASCII"
    return ""
