"""Registrations of peers."""

from __future__ import annotations

from hypernode.core.types import Registration


def entry(pos: str, ip: str = "10.0.0.1", port: str = "6969") -> Registration:
    return Registration(f"c{pos}", ip, port, pos, f"r{pos}", 1)
