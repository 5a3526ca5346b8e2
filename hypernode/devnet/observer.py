"""Asks a node of a devnet over the wire what it does, as anybody could from outside.

One session a node, as a client (hello port 00101), asked about once a second and opened again when it
breaks.  What it learns is in ``NodeReport``; jurors of rounds go where the verdict is made.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from hypernode.core.address import compute_address
from hypernode.core.errors import Verdict
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.signing import compute_pubkey
from hypernode.core.types import Block, Endpoint, Height, Round
from hypernode.devnet.verdict import SlotKey
from hypernode.net.client_session import ClientSession, HelloRefused, open_session
from hypernode.ports.clock import Clock
from hypernode.ports.connections import Connections, TransportClosed
from hypernode.wire.catalogue import CommandId, Limits
from hypernode.wire.codec import Command
from hypernode.wire.hello import ANNOUNCED_FEATURES, CLIENT_PORT, Hello

TIMEOUT_S: Final = 4.0
"""A node of a devnet answers in milliseconds unless the host is very busy."""
HEADERS_A_PAGE: Final = 500
NOT_STARTED: Final = frozenset({"", "START", "POW_NOT_SYNC", "NEWROUND"})
"""States in which a node that has just come up has not found its peers yet."""

TROUBLE: Final = (TransportClosed, TimeoutError, HelloRefused, Verdict, OSError, ValueError)
"""What asking may raise: a node that is not there, or is busy, or answers strangely."""


@dataclass(frozen=True, slots=True)
class NodeReport:
    """What a status says, as far as it is shown or judged.  ``block_hash`` is hex."""

    state: str = ""
    reason: str = ""
    round: int = 0
    sir: int = 0
    height: int = 0
    block_hash: str = ""
    peers: int = 0
    mempool: int = 0
    forged: int = 0
    uncounted: int = 0
    """Registered hypernodes that do not count by this node's list (spec 3)."""
    uncounted_why: str = ""
    own_uncounted: str = ""
    """Why it does not count itself; empty where it does."""

    @property
    def has_started(self) -> bool:
        return self.state not in NOT_STARTED


def read_status(text: str) -> NodeReport:
    """The report out of a status.  Raises ValueError when it is none."""
    try:
        status: Mapping[str, Any] = json.loads(text)
        state, chain = status["state"], status["chain"]
        return NodeReport(
            state=str(state["state"]),
            reason=str(state.get("reason") or ""),
            round=int(state["round"]),
            sir=int(state["sir"]),
            height=int(chain["height"]),
            block_hash=str(chain["block_hash"]),
            peers=int(status["peers"]["connected_count"]),
            mempool=int(status["mempool"]["NB"]),
            forged=int(status["extra"]["forged_count"]),
            own_uncounted=str(state.get("uncounted") or ""),
            **_read_uncounted(status.get("meta")),
        )
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no status: {error!r}") from error


def _read_uncounted(meta: object) -> dict[str, Any]:
    """Out of ``meta``; nothing where the node does not say."""
    if not isinstance(meta, dict):
        return {}
    why = meta.get("uncounted_why")
    parts = [f"{count} {reason}" for reason, count in why.items()] if isinstance(why, dict) else []
    return {
        "uncounted": int(meta.get("uncounted_hns_count") or 0),
        "uncounted_why": ", ".join(parts),
    }


def read_jurors(text: str) -> tuple[Round, tuple[str, ...]]:
    """Round and jurors by slot out of a getround.  Raises ValueError when it is none, or empty yet."""
    try:
        answer: Mapping[str, Any] = json.loads(text)
        return int(answer["previous"]), tuple(str(slot[0]) for slot in answer["slots"])
    except (KeyError, TypeError, IndexError) as error:
        raise ValueError(f"no round: {error!r}") from error


class Observer:
    """Asks one node.  Not for several tasks at once."""

    def __init__(
        self, params: ChainParams, node: Endpoint, connections: Connections, clock: Clock, limits: Limits
    ) -> None:
        self._params = params
        self._node = node
        self._connections = connections
        self._clock = clock
        self._limits = limits
        self._session: ClientSession | None = None
        address = compute_address(compute_pubkey(bytes(31) + b"\x01"), params.address_byte)
        self._hello = Hello(params.posnet, CLIENT_PORT, address)

    async def ask_status(self) -> NodeReport:
        """Raises one of TROUBLE."""
        return read_status((await self._ask(Command(CommandId.STATUS))).string or "")

    async def ask_jurors(self) -> tuple[Round, tuple[str, ...]]:
        """Raises one of TROUBLE."""
        return read_jurors((await self._ask(Command(CommandId.GETROUND))).string or "")

    async def ask_slots(self, height: Height) -> list[SlotKey]:
        """Slots that have a block, from height 1 up to ``height``.  Raises one of TROUBLE."""
        slots: list[SlotKey] = []
        while len(slots) < height:
            count = min(HEADERS_A_PAGE, height - len(slots))
            query = f"{len(slots) + 1},{count}"
            page: tuple[Block, ...] = (await self._ask(Command(CommandId.GETHEADERS, string=query))).blocks
            if not page:
                break
            slots.extend((block.round, block.sir) for block in page)
        return slots

    def close(self) -> None:
        if self._session is not None:
            self._session.close()
            self._session = None

    async def _ask(self, question: Command) -> Command:
        session = self._session
        if session is None or session.is_closed:
            session = self._session = await open_session(
                self._connections,
                self._node,
                params=self._params,
                limits=self._limits,
                hello=self._hello,
                features=ANNOUNCED_FEATURES,
                clock=self._clock,
                connect_timeout_s=TIMEOUT_S,
                hello_timeout_s=TIMEOUT_S,
            )
        answer = await session.request(question, TIMEOUT_S)
        if answer.id is not question.id:
            raise ValueError(f"{question.id.name.lower()} answered with {answer.id.name.lower()}")
        return answer
