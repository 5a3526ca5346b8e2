"""Which implementations do the work of the wire's libraries: an operator may have got the slow ones."""

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
