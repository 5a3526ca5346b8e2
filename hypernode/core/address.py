"""PoS addresses (spec 1, address): base58 of network byte, H20 of the public key and a checksum."""

from __future__ import annotations

from functools import lru_cache

import base58

from hypernode.core.errors import Reject
from hypernode.core.hashing import CHECKSUM_BYTES, h4, h20
from hypernode.core.rules import Rule, Violation
from hypernode.core.types import ADDRESS_CHARS, HASH_BYTES

ADDRESS_BYTES = 1 + HASH_BYTES + CHECKSUM_BYTES

_DIGITS = base58.BITCOIN_ALPHABET.decode("ascii")
_ZERO = _DIGITS[0]
_DIGIT_PAIRS = tuple(high + low for high in _DIGITS for low in _DIGITS)

CACHED_ADDRESSES = 4_096
"""A network has some hundred senders, and base58 is the dearest part of a message after its signature."""


@lru_cache(maxsize=CACHED_ADDRESSES)
def compute_address(pubkey: bytes, address_byte: int) -> str:
    """The address of a public key (64 bytes; any length hashes) on the network of ``address_byte``."""
    return encode_address(h20(pubkey), address_byte)


def encode_address(payload: bytes, address_byte: int) -> str:
    """The address with ``payload`` (20 bytes, a hash of a key)."""
    body = bytes([address_byte]) + payload
    return _encode_base58(body + h4(body))


def _encode_base58(data: bytes) -> str:
    """As the library, but two digits at a time, which takes a third of the time: of what a message costs,
    only a new sender's address is dearer than a microsecond beside the signature."""
    number, pairs = int.from_bytes(data, "big"), []
    while number:
        number, pair = divmod(number, len(_DIGIT_PAIRS))
        pairs.append(_DIGIT_PAIRS[pair])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _ZERO * zeros + "".join(reversed(pairs)).lstrip(_ZERO)


def validate_address(address: str, address_byte: int) -> bytes:
    """The 20 bytes that a valid address holds.  Raises Reject(Rule.DATA) and says which part is wrong."""
    broken = find_address_violation(address, address_byte)
    if broken is not None:
        raise Reject.of(broken)
    return base58.b58decode(address)[1 : 1 + HASH_BYTES]


def is_valid_address(address: str, address_byte: int) -> bool:
    """Strict: 34 characters, 25 bytes, checksum, and the network's byte."""
    # Before the cache: a peer's text may be megabytes, and would be held there.
    return len(address) == ADDRESS_CHARS and _is_valid_address(address, address_byte)


@lru_cache(maxsize=CACHED_ADDRESSES)
def _is_valid_address(address: str, address_byte: int) -> bool:
    return find_address_violation(address, address_byte) is None


def is_address_byte(address_byte: int) -> bool:
    """Whether every address of a network with this byte has 34 characters."""
    unit: int = 256 ** (ADDRESS_BYTES - 1)
    shortest: int = 58 ** (ADDRESS_CHARS - 1)
    return shortest <= address_byte * unit and (address_byte + 1) * unit <= shortest * 58


def find_address_violation(address: str, address_byte: int | None = None) -> Violation | None:
    """What is wrong with the address, or None.  Without a byte: of any network."""
    if len(address) != ADDRESS_CHARS or not address.isascii() or not address.isalnum():
        # the decoder of base58 would strip white space: nothing but letters and digits gets there
        return Violation(Rule.DATA, f"an address has {ADDRESS_CHARS} letters and digits")
    try:
        decoded = base58.b58decode(address)
    except ValueError:
        return Violation(Rule.DATA, "a character of the address is not of base58")
    if len(decoded) != ADDRESS_BYTES:
        return Violation(Rule.DATA, f"the address decodes to {len(decoded)} bytes, not {ADDRESS_BYTES}")
    if h4(decoded[:-CHECKSUM_BYTES]) != decoded[-CHECKSUM_BYTES:]:
        return Violation(Rule.DATA, "the checksum of the address is wrong")
    if address_byte is not None and decoded[0] != address_byte:
        return Violation(Rule.DATA, f"the address is of network 0x{decoded[0]:02x}, not 0x{address_byte:02x}")
    return None
