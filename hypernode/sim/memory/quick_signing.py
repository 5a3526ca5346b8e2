"""Signatures that cost only a hash: for runs that do not look at the curve's arithmetic.

Inside ``quick_signing`` everything of this process signs and verifies so.  A signature follows from key and
buffer alone and, as on the curve, its twin is as good.  But anybody can make one of anybody: a run says
nothing of forgeries.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Final

from hypernode.core import numeric_params, signing, validate_block, validate_message
from hypernode.sim.memory import adapters
from hypernode.wire import auth

REPLACED: Final[tuple[tuple[ModuleType, str], ...]] = (
    (adapters, "sign"),
    (adapters, "is_valid_signature"),
    (auth, "is_valid_signature"),
    (numeric_params, "is_valid_signature"),
    (validate_block, "is_valid_signature"),
    (validate_block, "generate_pubkeys"),
    (validate_message, "is_valid_signature"),
)
"""Where the functions of ``signing`` are known under their names."""
_HALF_BYTES: Final = 32


@contextmanager
def quick_signing() -> Iterator[None]:
    """Until it is left; at its end real signatures are back."""
    for module, name in REPLACED:
        vars(module)[name] = globals()[name]
    try:
        yield
    finally:
        for module, name in REPLACED:
            vars(module)[name] = getattr(signing, name)
        _PUBKEYS.clear()


_PUBKEYS: Final[dict[bytes, bytes]] = {}
"""By private key, of those that signed: computing one is as dear as signing, and a key cannot be recovered
from a hash."""


def sign(privkey: bytes, buffer: bytes) -> bytes:
    """As ``signing.sign``."""
    pubkey = _PUBKEYS.get(privkey)
    if pubkey is None:
        pubkey = _PUBKEYS[privkey] = signing.compute_pubkey(privkey)
    return _make(pubkey, buffer)


def is_valid_signature(
    pubkey: bytes, signature: bytes, buffer: bytes | Iterable[bytes], *, allow_long_ids: bool = False
) -> bool:
    """As ``signing.is_valid_signature``, but that there are no long ids."""
    made = _make(pubkey, buffer if isinstance(buffer, bytes) else b"".join(buffer))
    return signature in (made, signing.compute_twin(made))


def generate_pubkeys(signature: bytes, buffer: bytes) -> Iterator[bytes]:
    """As ``signing.generate_pubkeys``, of keys that signed something."""
    for pubkey in _PUBKEYS.values():
        if is_valid_signature(pubkey, signature, buffer):
            yield pubkey


def _make(pubkey: bytes, buffer: bytes) -> bytes:
    """Halves of 31 bytes: both are below the order of the curve, and s is a low one."""
    digest = hashlib.sha512(pubkey + buffer).digest()
    halves = (digest[:_HALF_BYTES], digest[_HALF_BYTES:])
    return b"".join(b"\0" + half[1:] for half in halves)
