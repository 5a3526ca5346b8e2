"""Files of the data folder."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Protocol

from hypernode.wire.spool import Spool


class Files(Protocol):
    """Files of the data folder beside the ledger: small ones (the saved mempool), and what was cut off the
    chain."""

    def read(self, name: str) -> bytes | None: ...

    def write(self, name: str, content: bytes) -> None:
        """Whole or not at all.  Raises OSError."""
        ...

    async def write_parts(self, name: str, parts: AsyncIterator[bytes]) -> None:
        """The parts one after another, for what is too large to be held; whole or not at all.  Raises
        OSError."""
        ...

    def remove(self, name: str) -> None:
        """Also when there is none.  Raises OSError."""
        ...

    def make_spool(self) -> Spool:
        """A file without a name, for what is too large to be held; it goes with the last who holds it.
        Raises OSError."""
        ...
