"""One line for each session that came in, at its end (spec 10, 9): who, what was asked, why it ended.

At most ten lines a second, and of strangers one for long: who opens sessions by the thousand fills no disk,
and is counted.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from hypernode.core.printable import printable
from hypernode.net.caller import Caller, SessionEnd
from hypernode.net.standing import Standing
from hypernode.net.token_bucket import TokenBucket
from hypernode.node.peers.identities import KeyProof

MAX_LINES_A_SECOND: Final = 10
STRANGERS_AT_ONCE: Final = 60
"""Lines about strangers, and then one a second: a client's questions are all there, and a flood of a day is
10 MB instead of 100."""
_ADDRESS_CHARS: Final = 40
"""Of what a hello says for its address: longer ones are none."""


class AccessLog:
    """``write`` takes the lines; ``now`` gives monotonic seconds."""

    def __init__(self, write: Callable[[str], None], now: Callable[[], float]) -> None:
        self._write = write
        self._now = now
        self._second = float("-inf")
        self._lines = 0
        self._untold = 0
        self._of_strangers = TokenBucket(STRANGERS_AT_ONCE, 1.0, now())

    def note(self, caller: Caller, end: SessionEnd) -> None:
        """A session ended."""
        now = self._now()
        if now - self._second >= 1:
            self._second, self._lines = now, 0
        is_stranger = caller.standing in (Standing.STRANGER, Standing.REGISTERED)
        if self._lines >= MAX_LINES_A_SECOND or (is_stranger and self._of_strangers.get_tokens(now) < 1):
            self._untold += 1
            return
        if is_stranger:
            self._of_strangers.take(1, now)
        self._lines += 1
        line = describe_session(caller, end, now - caller.connected_at)
        if self._untold:
            line += f" ({self._untold} sessions before it are not told)"
            self._untold = 0
        self._write(line)


def describe_session(caller: Caller, end: SessionEnd, seconds: float) -> str:
    """The line."""
    asked = ", ".join(f"{command.name.lower()} {count}" for command, count in caller.commands.items())
    held = f", on hold for {end.held_s:.0f} s" if end.held_s else ""
    return (
        f"{caller.name} {_describe_identity(caller)}: {asked or 'nothing asked'}; "
        f"{caller.bytes_received} bytes in, {caller.bytes_sent} out; {seconds:.1f} s; "
        f"{printable(end.reason)}{held}"
    )


def _describe_identity(caller: Caller) -> str:
    if caller.proved_address is not None:
        return f"{caller.proved_address} {KeyProof.PROVED.value}"
    if caller.hello is not None:
        return f"{printable(caller.hello.address, _ADDRESS_CHARS)} {KeyProof.CLAIMED.value}"
    return "without a hello"
