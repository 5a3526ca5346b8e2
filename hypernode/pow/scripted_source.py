"""A PoW chain out of a script, in memory: for simulations.

A ``PowScript`` is the chain: a block every ``network.pow_block_s`` seconds from its first time on, and in
some of them rows of the registry.  Any number of ``ScriptedPowSource`` look at one script, each through a
companion of its own, which can be late or down.  Lists are derived by the same rules as from a ledger.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Collection, Iterable, Sequence

from hypernode.core.params.chain_params import ChainParams, FixedHypernode
from hypernode.core.registrations.colours import Colours, collect_colours
from hypernode.core.registrations.registry import (
    COIN,
    REGISTER,
    UNVOID,
    VOID,
    PowRow,
    RegistryState,
    RowResult,
    compute_balance,
    sort_rows,
)
from hypernode.core.registrations.registry_rules import apply_rows
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import PowHeight, Round
from hypernode.ports.registrations import PowNotReady, PowStatus, RegisteredList
from hypernode.pow.backdating import compute_first_time
from hypernode.pow.listing import is_recent, make_list

FUNDER = "f" * 56
FEE = COIN // 100


def script_registration(
    params: ChainParams, hypernode: tuple[str, str, int, int], height: PowHeight, timestamp: float
) -> list[PowRow]:
    """Two rows: the funding of a collateral, and its registration of (pos, ip, port, weight)."""
    pos, ip, port, weight = hypernode
    collateral = derive_collateral(pos)
    amount = weight * params.collateral_unit * COIN + COIN
    return [
        PowRow(height, timestamp, FUNDER, collateral, amount, FEE, 0, "", ""),
        PowRow(height, timestamp, collateral, collateral, 0, FEE, 0, REGISTER, f"{ip}:{port}:{pos}"),
    ]


def script_row(script: PowScript, operation: str, hypernode: FixedHypernode, height: PowHeight) -> PowRow:
    """One of the registry's operations on a hypernode: a void by the control address, all else by the
    hypernode's own."""
    is_control = operation in (VOID, UNVOID)
    sender = script.params.control_pow if is_control else derive_collateral(hypernode.pos)
    text = f"{hypernode.ip}:{hypernode.port}:{hypernode.pos}"
    time = script.timestamp_of(height)
    return PowRow(height, time, sender, sender, 0, FEE, 0, operation, text)


def derive_collateral(pos: str) -> str:
    """The PoW address that stands for a hypernode of a script."""
    return hashlib.sha224(pos.encode()).hexdigest()


class PowScript:
    """The chain.  ``rows`` may be given out of order; their ``block_hash`` is not looked at."""

    def __init__(self, params: ChainParams, rows: Iterable[PowRow] = (), start: float | None = None) -> None:
        self.params = params
        self.start = compute_first_time(params) if start is None else start
        self._rows = list(rows)
        self._forks: list[PowHeight] = []
        self.former: list[PowScript] = []
        """The chain as it was before each rollback that took rows of the registry away."""
        self._states: dict[PowHeight, RegistryState] = {}
        self._balances: dict[PowHeight, dict[str, int]] = {}

    @classmethod
    def of(cls, params: ChainParams, hypernodes: Sequence[tuple[str, str, int, int]]) -> PowScript:
        """With these hypernodes (pos, ip, port, weight) registered from the second block on."""
        script = cls(params)
        height = params.first_pow_height + 1
        for hypernode in hypernodes:
            script.add(script_registration(params, hypernode, height, script.timestamp_of(height)))
        return script

    @property
    def rows(self) -> tuple[PowRow, ...]:
        """All that are in blocks, those of one block in the ledger's order."""
        return tuple(self._rows)

    def add(self, rows: Iterable[PowRow]) -> None:
        """Put rows into their blocks, after what is in them; a height to come makes an event to come."""
        self._rows += rows
        self._forget()

    def fork(self, height: PowHeight, *, drop_rows: bool, last: PowHeight | None = None) -> None:
        """Other blocks from ``height`` on: a rollback, seen as soon as it is called.  With
        ``drop_rows`` their rows of the registry are gone (those up to ``last``, when it is given), else the
        new blocks have them too."""
        self._forks.append(height)
        if drop_rows:
            self.former.append(PowScript(self.params, self._rows, self.start))
            self._rows = [
                row for row in self._rows if row.height < height or (last is not None and row.height > last)
            ]
        self._forget()

    def _forget(self) -> None:
        """The chain is another one now: what followed from it is derived again."""
        self._states.clear()
        self._balances.clear()

    def timestamp_of(self, height: PowHeight) -> float:
        """Of a block."""
        return self.start + (height - self.params.first_pow_height) * self.params.pow_block_s

    def height_at(self, t: float) -> PowHeight:
        """The last block at time ``t``; below the first height when there is none yet."""
        return self.params.first_pow_height + math.floor((t - self.start) / self.params.pow_block_s)

    def hash_of(self, height: PowHeight) -> str:
        """56 characters, other ones after each fork at or below ``height``."""
        forks = sum(fork <= height for fork in self._forks)
        return hashlib.sha224(f"{self.params.name}:{height}:{forks}".encode()).hexdigest()

    def derive_state(self, height: PowHeight) -> RegistryState:
        """The registry right after a block."""
        if height not in self._states:
            self._states[height] = self._apply(height)[1]
        return self._states[height]

    def derive_feed(self, height: PowHeight) -> list[tuple[PowRow, RowResult]]:
        """What became of each row of the registry up to a block."""
        registry, _, results = self._apply(height)
        return list(zip(registry, results, strict=True))

    def compute_balance(self, address: str, height: PowHeight) -> int | None:
        """Balance (1e-8 BIS) at a height; None for an address that never received or never sent."""
        return compute_balance(self._rows, address, height)

    def find_balances(self, addresses: Collection[str], height: PowHeight) -> dict[str, int]:
        """Of collaterals, at a height; remembered, for each round asks for the same ones."""
        known = self._balances.setdefault(height, {})
        for address in addresses:
            if address not in known:
                known[address] = self.compute_balance(address, height) or 0
        return {address: known[address] for address in addresses}

    def _apply(self, height: PowHeight) -> tuple[list[PowRow], RegistryState, list[RowResult]]:
        rows = sort_rows(self.params, (row for row in self._rows if row.height <= height))
        registry = [row for row in rows if row.operation]
        state, results = apply_rows(self.params, RegistryState(), registry, self.compute_balance)
        return registry, state, results

    def derive_colours(self, height: PowHeight) -> Colours:
        """The coloured lists right after a block."""
        rows = sort_rows(self.params, (row for row in self._rows if row.height <= height))
        return collect_colours(self.params, rows)


class ScriptedPowSource:
    """``ports.registrations.PowSource`` over a script.  ``lag_s`` is how far this companion is behind; while
    ``is_down`` it answers nothing."""

    def __init__(self, script: PowScript, now: Callable[[], float]) -> None:
        self._script = script
        self._now = now
        self.lag_s = 0.0
        self.is_down = False
        self.told: PowHeight = 0
        """The highest block of which it told."""
        self.problems = 0
        """How often it had no answer, or was late."""

    async def get_status(self, now: float) -> PowStatus:
        """The last block; never raises."""
        params = self._script.params
        height = self._script.height_at(now - self.lag_s)
        if self.is_down or height < params.first_pow_height:
            self.problems += 1
            return PowStatus("script", 0, 0.0, "", "the scripted companion is down, or has no block yet")
        timestamp = self._script.timestamp_of(height)
        age = now - timestamp
        late = f"the last block is {age:.0f} s old, expected at most {params.pow_synced_s} s"
        problem = late if age > params.pow_synced_s else ""
        self.told = max(self.told, height)
        self.problems += bool(problem)
        return PowStatus("script", height, timestamp, self._script.hash_of(height), problem)

    async def get_registered(self, round_: Round) -> RegisteredList:
        """registered(R).  Raises PowNotReady while too few blocks follow the reference height."""
        script, params = self._script, self._script.params
        height = script.height_at(compute_reference_time(params, round_))
        tip = self._get_tip()
        if height < params.first_pow_height or tip - height <= params.pow_confirmations:
            self.problems += 1
            raise PowNotReady(f"the script is at block {tip}, too near to the reference height {height}")
        state = script.derive_state(height)
        colours = script.derive_colours(height)
        return make_list(
            *(params, round_, height, state, colours),
            find_balances=script.find_balances,
            is_recent=is_recent(params, height, tip),
        )

    async def get_block_hashes(self, heights: Sequence[PowHeight]) -> list[str]:
        """Raises PowNotReady for a block that is not there yet, or never was."""
        tip = self._get_tip()
        for height in heights:
            if not self._script.params.first_pow_height <= height <= tip:
                self.problems += 1
                raise PowNotReady(f"the script has no block {height}")
        return [self._script.hash_of(height) for height in heights]

    async def close(self) -> None:
        """Nothing is open."""

    def _get_tip(self) -> PowHeight:
        if self.is_down:
            self.problems += 1
            raise PowNotReady("the scripted companion is down")
        return self._script.height_at(self._now() - self.lag_s)
