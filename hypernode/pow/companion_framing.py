"""Frames of the companion's TCP port, as bytes to values and back, without a socket (spec 5, TCP protocol).

A frame is the length of its body as ten ASCII digits, zero padded, then the body: JSON in ASCII.
"""

from __future__ import annotations

import json
from typing import Any, Final, NoReturn

HEADER_BYTES: Final = 10
MAX_BODY_BYTES: Final = 16 * 1024 * 1024
"""A list of 1,000 hypernodes is 0.4 MB, a full block 5 MB."""


class CompanionBroken(ValueError):
    """The bytes are no frame: the stream cannot be used any more."""


def encode_frame(value: object) -> bytes:
    """Header and body in one piece: the companion reads its ten header bytes at once or not at all."""
    body = json.dumps(value).encode("ascii")
    return b"%0*d%b" % (HEADER_BYTES, len(body), body)


class CompanionFraming:
    """Takes the bytes that came, gives the values in them."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def is_empty(self) -> bool:
        """Nothing came that was not taken."""
        return not self._buffer

    def receive_data(self, data: bytes) -> None:
        """More bytes, in whatever pieces."""
        self._buffer += data

    def take_value(self) -> tuple[Any] | None:
        """The value of the next frame, alone in a tuple (it may be ``null``); None while it is not whole.
        Raises CompanionBroken."""
        header = bytes(self._buffer[:HEADER_BYTES])
        if header and not header.isdigit():
            raise CompanionBroken(f"expected {HEADER_BYTES} digits before a frame, got {header!r}")
        if len(header) < HEADER_BYTES:
            return None
        length = int(header)
        if length > MAX_BODY_BYTES:
            raise CompanionBroken(f"a frame of {length} bytes, expected at most {MAX_BODY_BYTES}")
        end = HEADER_BYTES + length
        if len(self._buffer) < end:
            return None
        body = bytes(self._buffer[HEADER_BYTES:end])
        del self._buffer[:end]
        try:
            return (json.loads(body.decode("ascii"), parse_constant=_refuse),)
        except (ValueError, RecursionError) as error:
            raise CompanionBroken(f"a frame that is not JSON in ASCII: {error}") from None


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")
