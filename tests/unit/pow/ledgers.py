"""Small ledger files for tests: a block a minute, rows where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from hypernode.core.address import encode_address
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import REGISTER
from hypernode.devnet.pow_ledger import LedgerRow, open_ledger
from hypernode.pow.ledger.registry import LedgerRegistry

FIRST = 800_001
NETWORK = replace(mainnet(), first_pow_height=FIRST)
START = 1_535_717_485
STEP = 60
MINER = "e" * 56
FUNDER = "f" * 56


def pos(number: int) -> str:
    return encode_address(bytes([number]) * 20, NETWORK.address_byte)


def collateral(number: int) -> str:
    return f"{number:056x}"


def text_of(number: int) -> str:
    return f"10.0.0.{number}:6969:{pos(number)}"


def time_of(height: int) -> float:
    return START + STEP * (height - FIRST)


def hash_of(height: int, fork: int) -> str:
    return f"{fork:06d}{height:050d}"


def row(
    height: int,
    sender: str,
    recipient: str,
    amount: float = 0,
    operation: str = "",
    openfield: str = "",
    *,
    fee: float = 0.01,
    reward: float = 0,
    fork: int = 0,
) -> LedgerRow:
    block_hash = hash_of(height, fork)
    return LedgerRow(
        height,
        time_of(height),
        sender,
        recipient,
        amount,
        "",
        "",
        block_hash,
        fee,
        reward,
        operation,
        openfield,
    )


def funding(height: int, number: int, amount: float = 15_000) -> LedgerRow:
    return row(height, FUNDER, collateral(number), amount)


def registering(height: int, number: int, fork: int = 0) -> LedgerRow:
    own = collateral(number)
    return row(height, own, own, 0, REGISTER, text_of(number), fork=fork)


def blocks(first: int, last: int, rows: Sequence[LedgerRow] = (), *, fork: int = 0) -> list[LedgerRow]:
    """Each block's rows of ``rows``, then its miner's."""
    made = []
    for height in range(first, last + 1):
        made += [r for r in rows if r.block_height == height]
        made.append(row(height, MINER, MINER, 0, "0", "nonce", fee=0, reward=15, fork=fork))
    return made


def write(path: Path, rows: Sequence[LedgerRow], *, journal_mode: str = "DELETE") -> None:
    with open_ledger(path, journal_mode=journal_mode) as ledger:
        ledger.append(rows)


POW_GENESIS = replace(row(1, MINER, MINER, 0, "genesis", "", fee=0, reward=1), timestamp=START - STEP)
"""Makes a chain whole on mainnet, where one that begins in the middle is refused."""


def roll_back_to(path: Path, height: int) -> None:
    with open_ledger(path) as ledger:
        ledger.rollback_to(height)


def count_queries(registry: LedgerRegistry, seen: list[str], work: Callable[[], object]) -> int:
    """How often a registry was asked whether to stop, which it is before each query."""
    asked = 0

    def ask() -> bool:
        nonlocal asked
        asked += 1
        return False

    registry._is_stopped = ask
    work()
    return asked
