"""Which implementations are at work, and whether the slow ones are told."""

from __future__ import annotations

import pytest
import zstandard
from google.protobuf.internal import api_implementation

from hypernode.wire.backends import list_backends


def test_here_both_are_the_quick_ones() -> None:
    assert [(name, is_quick) for name, _, is_quick in list_backends()] == [
        ("protobuf", True),
        ("zstandard", True),
    ]


@pytest.mark.parametrize(("protobuf", "zstd"), [("python", "cffi"), ("cpp", "cffi")])
def test_slow_ones_are_told_by_name(monkeypatch: pytest.MonkeyPatch, protobuf: str, zstd: str) -> None:
    monkeypatch.setattr(api_implementation, "Type", lambda: protobuf)
    monkeypatch.setattr(zstandard, "backend", zstd)
    assert list_backends() == (("protobuf", protobuf, False), ("zstandard", zstd, False))
