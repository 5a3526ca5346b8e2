"""The embedded ledger of a devnet, from its first block to this moment, and on.

It is backdated: collaterals are funded and hypernodes registered well before the reference time of the
round before the first, so that every round from 0 on has its whole list at once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.registry import COIN, REGISTER
from hypernode.core.types import PowHeight
from hypernode.devnet.pow_blocks import DIFFICULTY, PowMiner, Transaction
from hypernode.devnet.pow_keys import PowKey, derive_pow_key
from hypernode.devnet.pow_ledger import LedgerRow, LedgerWriter, Tip, open_ledger
from hypernode.pow.backdating import compute_first_time

Hypernode = tuple[str, str, int, int]
"""PoS address, IP address, port and weight (0 to 3) of a hypernode to register."""

SETUP_BLOCKS: Final = 3
"""Premine, funding, registrations."""
BATCH_BLOCKS: Final = 500
"""Blocks a transaction when catching up: a second's work."""
FEE_RESERVE: Final = COIN
"""What a collateral gets on top, for the fees of its registrations."""
CONTROL_FUNDS: Final = 1_000 * COIN
DEFAULT_SEED: Final = b"devnet"


def prepare_ledger(
    path: Path,
    params: ChainParams,
    hypernodes: Sequence[Hypernode],
    control_key: PowKey,
    now: float,
    *,
    seed: bytes = DEFAULT_SEED,
) -> Tip:
    """Make the ledger, or go on with the one that is there, up to ``now`` (unix s); returns its last
    block.  Raises ValueError when the control key is not the network's, when the devnet begins too
    late for ``now``, or when the ledger that is there registers other hypernodes."""
    if control_key.address != params.control_pow:
        raise ValueError(f"the control key is of {control_key.address}, expected {params.control_pow}")
    miner = PowMiner(params, seed)
    with open_ledger(path) as ledger:
        expected = [_format_openfield(hypernode) for hypernode in hypernodes]
        if ledger.get_tip() is None:
            _write_setup(ledger, miner, hypernodes, control_key, now)
        elif ledger.list_openfields(REGISTER)[: len(expected)] != expected:
            raise ValueError(f"{path}: a ledger with other hypernodes; expected none, or these: {expected}")
        return _append_until(ledger, miner, now)


def append_block(
    path: Path,
    params: ChainParams,
    timestamp: float,
    transactions: Sequence[Transaction] = (),
    *,
    seed: bytes = DEFAULT_SEED,
    fork: int = 0,
) -> Tip:
    """Append one block with ``transactions`` in their order."""
    with open_ledger(path) as ledger:
        tip, rows = PowMiner(params, seed, fork).build_block(ledger.get_tip(), timestamp, transactions)
        ledger.append(rows, [(tip.height, DIFFICULTY)])
        return tip


def append_until(
    path: Path, params: ChainParams, now: float, *, seed: bytes = DEFAULT_SEED, fork: int = 0
) -> Tip:
    """Append the blocks that are due up to ``now``, one every ``network.pow_block_s``."""
    with open_ledger(path) as ledger:
        return _append_until(ledger, PowMiner(params, seed, fork), now)


def rollback(path: Path, blocks: int) -> PowHeight:
    """Drop the last ``blocks`` blocks and return the height that is left.  Raises ValueError when that
    would take the registrations of the setup."""
    with open_ledger(path) as ledger:
        tip, first = ledger.get_tip(), ledger.get_first_height()
        if tip is None or first is None or tip.height - blocks < first + SETUP_BLOCKS - 1:
            raise ValueError(f"{path}: {blocks} blocks are too many to roll back; the setup would go")
        ledger.rollback_to(tip.height - blocks)
        return tip.height - blocks


def register_transaction(key: PowKey, hypernode: Hypernode) -> Transaction:
    """The registration of a hypernode by its collateral."""
    return Transaction(key, key.address, operation=REGISTER, openfield=_format_openfield(hypernode))


def collateral_key(seed: bytes, pos: str, index: int) -> PowKey:
    """Of the hypernode at ``index``: both kinds of keys take turns."""
    return derive_pow_key(seed, f"collateral:{pos}", "ed25519" if index % 2 else "secp256k1")


def _format_openfield(hypernode: Hypernode) -> str:
    pos, ip, port, _ = hypernode
    return f"{ip}:{port}:{pos}"


def _write_setup(
    ledger: LedgerWriter,
    miner: PowMiner,
    hypernodes: Sequence[Hypernode],
    control_key: PowKey,
    now: float,
) -> None:
    params, start = miner.params, compute_first_time(miner.params)
    last = start + (SETUP_BLOCKS - 1) * params.pow_block_s
    if last > now:
        raise ValueError(
            f"origin_of_time {params.origin_of_time} is too late: the first registrations are due at "
            f"{last:.0f}, expected at most {now:.0f}"
        )
    keys = [collateral_key(miner.seed, hypernode[0], index) for index, hypernode in enumerate(hypernodes)]
    unit = params.collateral_unit * COIN
    funding = [Transaction(miner.key, control_key.address, CONTROL_FUNDS)]
    funding += [
        Transaction(miner.key, key.address, hypernode[3] * unit + FEE_RESERVE)
        for key, hypernode in zip(keys, hypernodes, strict=True)
    ]
    registering = [register_transaction(key, h) for key, h in zip(keys, hypernodes, strict=True)]
    tip: Tip | None = None
    setup: list[LedgerRow] = []
    misc = []
    for number, transactions in enumerate(([], funding, registering)):
        tip, rows = miner.build_block(tip, start + number * params.pow_block_s, transactions)
        setup += rows
        misc.append((tip.height, DIFFICULTY))
    ledger.append(setup, misc)


def _append_until(ledger: LedgerWriter, miner: PowMiner, now: float) -> Tip:
    tip = ledger.get_tip()
    if tip is None:
        raise ValueError("the ledger has no block; prepare it first")
    # every height has its time, however often the companion was stopped and rolled back
    step, start = miner.params.pow_block_s, compute_first_time(miner.params)
    first = miner.params.first_pow_height
    last = first + math.floor((now - start) / step)
    while tip.height < last:
        batch: list[LedgerRow] = []
        misc = []
        for height in range(tip.height + 1, min(tip.height + BATCH_BLOCKS, last) + 1):
            tip, rows = miner.build_block(tip, start + (height - first) * step)
            batch += rows
            misc.append((height, DIFFICULTY))
        ledger.append(batch, misc)
    return tip
