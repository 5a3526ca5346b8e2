"""Which implementations of the wire's libraries are installed: a slow one may be."""

from __future__ import annotations

import zstandard
from google.protobuf.internal import api_implementation

QUICK_PROTOBUF = "upb"
SLOW_ZSTANDARD = "cffi"


def list_backends() -> tuple[tuple[str, str, bool], ...]:
    """Library, backend, and whether it is the quick one."""
    protobuf = str(api_implementation.Type())
    return (
        ("protobuf", protobuf, protobuf == QUICK_PROTOBUF),
        ("zstandard", zstandard.backend, zstandard.backend != SLOW_ZSTANDARD),
    )
