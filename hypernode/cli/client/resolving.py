"""Resolves a host's name within a time limit: the resolver itself may take minutes and cannot be stopped."""

from __future__ import annotations

import socket
import threading

from hypernode.ports.connections import TransportClosed


def resolve(host: str, timeout_s: float) -> str:
    """The IPv4 address of ``host``; an address is its own.  Raises TransportClosed for a name that nobody
    knows, TimeoutError."""
    try:
        socket.inet_pton(socket.AF_INET, host)
    except OSError:
        return _look_up(host, timeout_s)
    return host


def _look_up(host: str, timeout_s: float) -> str:
    found: list[str] = []
    problems: list[OSError] = []

    def ask_resolver() -> None:
        try:
            found.append(socket.gethostbyname(host))
        except OSError as error:
            problems.append(error)
        except UnicodeError as error:
            problems.append(OSError(str(error)))

    # a daemon thread: the process ends without waiting for it
    thread = threading.Thread(target=ask_resolver, name="resolver", daemon=True)
    thread.start()
    thread.join(timeout_s)
    if problems:
        raise TransportClosed(f"{host!a}: {problems[0]}")
    if not found:
        raise TimeoutError(f"{host!a} was not resolved in time")
    return found[0]
