"""Types of arguments.  An impossible value is a usage error that says what was expected.

Nothing is what a shell makes of a variable that is not set: it is never this folder, or this host.
"""

from __future__ import annotations

import argparse
import ipaddress
from pathlib import Path
from typing import Final

from hypernode.core.types import MAX_PORT

_UNSET: Final = "not nothing (is a variable unset?)"


def parse_path(text: str) -> Path:
    """A file or folder."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"expected a path, {_UNSET}")
    return Path(text)


def parse_host(text: str) -> str:
    """An address or a name."""
    if not text.strip():
        raise argparse.ArgumentTypeError(f"expected an IP address, {_UNSET}")
    return text.strip()


def parse_ipv4(text: str) -> str:
    """An address as registrations have it."""
    try:
        return str(ipaddress.IPv4Address(text.strip()))
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected an IPv4 address like 203.0.113.7, not {text!a}") from None


def parse_listen_ip(text: str) -> str:
    """What ``hn_instance.py`` listens on."""
    return text if text.upper() == "ALL" else parse_ipv4(text)


def parse_port(text: str) -> int:
    """A TCP port."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 5 and 1 <= int(text) <= MAX_PORT):
        raise argparse.ArgumentTypeError(f"expected a port from 1 to {MAX_PORT}, not {text!a}")
    return int(text)


def parse_pow_address(text: str) -> str:
    """An address of the PoW chain."""
    from hypernode.core.registrations.pow_address import is_valid_pow_address

    if not is_valid_pow_address(text.strip()):
        raise argparse.ArgumentTypeError(
            f"expected a Bismuth address (56 hexadecimal digits, or Bis1…), not {text!a}"
        )
    return text.strip()
