"""The companion over its TCP port, where its ledger file is not at hand (spec 5).

What it says is believed only where it can be: its list is cached by round number alone and inherits whatever
was wrong before, so the ledger source is the trustworthy one.  Voids are not in its lists, and the file of
its coloured lists is anybody's: 0.01 BIS sent *to* the control address writes it.  Where a ledger told both
before, that goes on holding; else filter lists come from that file, and ``rainbow`` and ``bootstrap`` from
nowhere."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.colours import BOOTSTRAP, MAX_COLOURS, RAINBOW, Colours
from hypernode.core.rules import UNCHECKED, Unchecked
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import Endpoint, PowHeight, Registration, Round
from hypernode.ports.connections import Connections
from hypernode.ports.registrations import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.companion_client import CompanionClient
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.listing import is_recent
from hypernode.pow.node_weights import NodeWeights

LIST_TIMEOUT_S: Final = 60.0
"""A list that it has not cached goes through its whole ledger."""
KEPT_S: Final = 20.0
"""A list is taken for good this long: a sync asks for the same ones block after block, and a look at the
companion, twice a minute, must see what it says then."""
HASH_CHARS: Final = 56
MAX_COLOURED_BYTES: Final = 1_000_000

_NO_VOIDS: Final = "voids cannot be asked for over the PoW node's port: POW_SOURCE=ledger reads them"
_NO_COLOURS: Final = (
    "coloured lists cannot be asked for over the PoW node's port: POW_SOURCE=ledger reads them"
)
_COLOURED_FILE: Final = (
    "filter lists are those of {path}, which anybody can change through the chain; rainbow and bootstrap are "
    "not taken from it: POW_SOURCE=ledger reads those of the control address"
)
_LAST_SEEN: Final = "voids and coloured lists are those that the PoW node's ledger told for round {round}"
_NEVER_OF_FILE: Final = frozenset({RAINBOW, BOOTSTRAP})
"""They tune a node and name archives to load: never by a stranger's word."""


class NodePowSource:
    """``ports.registrations.PowSource`` over the companion's TCP port.  ``coloured_path``: its
    ``colored.json``."""

    def __init__(
        self,
        params: ChainParams,
        connections: Connections,
        endpoint: Endpoint,
        monotonic: Callable[[], float],
        coloured_path: Path | None = None,
        last_seen: LastSeen | None = None,
    ) -> None:
        self._last_seen = last_seen or LastSeen(None)
        self._params = params
        self._client = CompanionClient(connections, endpoint, monotonic)
        self._weights = NodeWeights(params, self._client)
        self._highest = 0
        """The last block that it told of."""
        self._monotonic = monotonic
        self._coloured_path = coloured_path
        self._lists: dict[Round, tuple[float, RegisteredList]] = {}
        """With the moment when each was asked for."""
        self._stale: dict[Round, str] = {}
        """Remark on the list of a round that was checked; empty for a good one."""

    async def get_status(self, now: float) -> PowStatus:
        """The last block and its age; never raises."""
        try:
            status = await self._read_status()
        except PowNotReady as error:
            return PowStatus(self._client.name, 0, 0.0, "", str(error))
        age, allowed = now - status.timestamp, self._params.pow_synced_s
        if age <= allowed:
            return status
        problem = (
            f"{self._client.name}: the last block ({status.height}) is {age:.0f} s old, expected at most "
            f"{allowed} s: the PoW node is catching up or stands still; look at it, and at its connections"
        )
        return replace(status, problem=problem)

    async def _read_status(self) -> PowStatus:
        timestamp = _to_number(await self._client.ask("HN_last_block_ts"))
        if timestamp is None or timestamp < 0:
            raise self._wrong("HN_last_block_ts", "the time of its last block: it cannot read its own ledger")
        if timestamp == 0:
            raise PowNotReady(f"{self._client.name}: the PoW node's ledger has no block yet")
        info = await self._client.ask("statusjson")
        height = info.get("blocks") if isinstance(info, dict) else None
        if type(height) is not int or height <= 0:
            raise self._wrong("statusjson", "the height of its last block")
        self._highest = height
        remarks = (*self._describe_sources(), *filter(None, self._stale.values()))
        block_hash = await self._get_block_hash(height)
        return PowStatus(self._client.name, height, timestamp, block_hash, "", remarks)

    async def get_registered(self, round_: Round) -> RegisteredList:
        """registered(R) of spec 3, in the companion's order; asked again after ``KEPT_S``.  Raises
        PowNotReady when it has no list (yet), or one of another moment."""
        now = self._monotonic()
        self._lists = {known: kept for known, kept in self._lists.items() if now - kept[0] < KEPT_S}
        if round_ not in self._lists:
            self._lists[round_] = (now, await self._ask_registered(round_))
        return self._lists[round_][1]

    async def _ask_registered(self, round_: Round) -> RegisteredList:
        time = compute_reference_time(self._params, round_)
        command = f"HN_reg_round {round_} {time} 0 False"
        answer = await self._client.ask(command, timeout_s=LIST_TIMEOUT_S)
        if answer is False:
            raise PowNotReady(
                f"{self._client.name}: the PoW node has no list for round {round_} yet: fewer than "
                f"{self._params.pow_confirmations + 1} blocks follow the one before {time}, or it failed; "
                "look into its log"
            )
        params, regs = _get_parts(answer)
        height = params.get("ref_height")
        if type(height) is not int or height <= 0 or not isinstance(regs, dict):
            raise self._wrong("HN_reg_round", "a list with its reference height")
        if (params.get("pos_round"), _to_number(params.get("ref_timestamp"))) != (round_, float(time)):
            raise self._wrong("HN_reg_round", f"the list of round {round_} at {time}: its cache is another's")
        entries = tuple(self._to_entry(collateral, fields) for collateral, fields in regs.items())
        await self._check_height(round_, time, height)
        weights: tuple[int, ...] | Unchecked = UNCHECKED
        if is_recent(self._params, height, self._highest):
            told = await self._weights.find(time, entries)
            weights = UNCHECKED if told is None else told
        listed = RegisteredList(round_, height, entries, colours=self._read_colours(), weights=weights)
        return self._last_seen.apply(listed)

    def _to_entry(self, collateral: str, fields: Any) -> Registration:
        texts = [fields.get(name) for name in ("ip", "port", "pos", "reward")] if _is_object(fields) else []
        weight = fields.get("weight") if texts else None
        timestamp = _to_number(fields.get("timestamp")) if texts else None
        if not all(isinstance(text, str) for text in texts) or type(weight) is not int or timestamp is None:
            raise self._wrong("HN_reg_round", "registrations of ip, port, pos, reward, weight and timestamp")
        ip, port, pos, reward = texts
        return Registration(collateral, ip, port, pos, reward, weight, timestamp)

    async def _check_height(self, round_: Round, time: int, height: PowHeight) -> None:
        """Each time that it is asked: a list that was cached before a rollback stands at another height than
        now."""
        before = await self._client.ask(f"HN_block_before_ts {time}")
        is_known = type(before) is int and before > 0
        self._stale.pop(round_, None)
        self._stale = dict(list(self._stale.items())[-3:])
        self._stale[round_] = (
            f"the PoW node derived the list of round {round_} at block {height}, where it now says {before}: "
            "it was cached before a rollback"
            if is_known and before != height
            else ""
        )

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """Block hashes, in order.  Raises PowNotReady when one is not there."""
        return [await self._get_block_hash(height) for height in heights]

    async def _get_block_hash(self, height: PowHeight) -> str:
        rows = await self._client.ask("blockgetjson", height)
        last = rows[-1] if isinstance(rows, list) and rows else None
        block_hash = last.get("block_hash") if isinstance(last, dict) else None
        if not isinstance(block_hash, str) or len(block_hash) != HASH_CHARS:
            raise self._wrong("blockgetjson", f"the rows of block {height}")
        return block_hash

    async def close(self) -> None:
        """Close the line."""
        await self._client.close()

    def _describe_sources(self) -> tuple[str, ...]:
        if self._last_seen.seen is not None:
            return (_LAST_SEEN.format(round=self._last_seen.seen.round),)
        path = self._coloured_path
        try:
            is_there = path is not None and path.exists()
        except (OSError, ValueError):
            is_there = False
        return _NO_VOIDS, _COLOURED_FILE.format(path=path) if is_there else _NO_COLOURS

    def _read_colours(self) -> Colours:
        """The filter lists of the companion's file; none where there is no such file, or it is being
        written."""
        path = self._coloured_path
        try:
            if path is None or not path.is_file() or path.stat().st_size > MAX_COLOURED_BYTES:
                return ()
            parsed = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError, RecursionError):
            return ()
        lists = parsed.items() if isinstance(parsed, dict) else ()
        found = [
            (name, text)
            for name, items in lists
            if name.strip().lower() not in _NEVER_OF_FILE and (text := _join(items)) is not None
        ]
        return tuple(sorted(found)[:MAX_COLOURS])

    def _wrong(self, command: str, expected: str) -> PowNotReady:
        return PowNotReady(
            f"{self._client.name}: an answer to {command} that is of no use; expected {expected}"
        )


def _get_parts(answer: Any) -> tuple[Mapping[str, Any], Any]:
    params = answer.get("params") if isinstance(answer, dict) else None
    return (params, answer.get("regs")) if isinstance(params, dict) else ({}, None)


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _to_number(value: object) -> float | None:
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    try:
        return value if math.isfinite(value) else None
    except OverflowError:  # an integer of hundreds of digits
        return None


def _join(items: object) -> str | None:
    """A list as its openfield has it: the file holds it as text, or cut."""
    if isinstance(items, str):
        return items
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return ",".join(items)
    return None
