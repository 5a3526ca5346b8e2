"""``bis://`` URLs: a PoW transaction to paste in a wallet (spec 5, last paragraph)."""

from __future__ import annotations

import base64
import hashlib


def encode_bis_url(recipient: str, amount: str, operation: str, openfield: str) -> str:
    """``bis://pay/<recipient>/<amount>/<operation>/<openfield>/<checksum>``: operation and openfield in
    base-85, the checksum the base-85 of the MD5 of all before it.  ``amount`` is text, in BIS."""
    body = f"bis://pay/{recipient}/{amount}/{_encode(operation.encode())}/{_encode(openfield.encode())}/"
    return body + _encode(hashlib.md5(body.encode(), usedforsecurity=False).digest())


def _encode(raw: bytes) -> str:
    return base64.b85encode(raw).decode("ascii")
