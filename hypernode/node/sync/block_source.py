"""What a download takes its blocks from: one holder's answer with a round, or batches of several holders."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from hypernode.core.types import Block, Height
from hypernode.machine.peers import PeerView
from hypernode.net.client_session import ClientSession
from hypernode.ports.connections import TransportClosed

Borrow: TypeAlias = Callable[[str], AbstractAsyncContextManager[ClientSession]]
"""A session with the holder of a PoS address, for as long as the block of ``async with`` lasts."""
OnFailure: TypeAlias = Callable[[PeerView, Exception], Awaitable[None]]
"""Told which holder failed or lied, and how."""


class NoHolderLeft(TransportClosed):
    """Everybody who could give the next blocks failed, lied, or is not asked any more."""


class BlockSource(Protocol):
    """The blocks above a common one, in order, and who gave which."""

    def parts(self) -> AsyncGenerator[list[Block], None]:
        """The blocks from where it was left, or from where ``reject`` went back to; no part is empty.  Raises
        NoHolderLeft."""
        ...

    def get_giver(self, height: Height) -> PeerView | None:
        """Who gave a block; None for one that nobody gave, or that is forgotten."""
        ...

    def forget(self, height: Height) -> None:
        """Who gave the blocks below this one is not asked any more."""
        ...

    def reject(self, height: Height, giver: PeerView) -> None:
        """A block is bad: leave its giver out, and give all from this height on again."""
        ...

    def list_sessions(self) -> list[tuple[PeerView, ClientSession]]:
        """Who is in use, to be asked other things."""
        ...
