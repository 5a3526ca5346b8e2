"""Blocks of a devnet's PoW chain: signed rows as a real PoW node writes them (spec 5, ledger schema).

Timestamps, keys and nonces follow from the network and a seed: the same devnet made twice has the same
ledger, byte for byte.  After a rollback the next ``fork`` number makes other blocks at the same heights.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.pow_signature import encode_pow_buffer
from hypernode.core.registrations.registry import COIN
from hypernode.core.types import PowHeight
from hypernode.devnet.pow_keys import PowKey, derive_pow_key, sign_pow
from hypernode.devnet.pow_ledger import LedgerRow, Tip, to_coins

BLOCK_REWARD: Final = 15 * COIN
PREMINE: Final = 10_000_000 * COIN
"""Reward of the first block, which pays for the collaterals: 333 hypernodes of weight 3."""
BASE_FEE: Final = COIN // 100
FEE_A_CHAR: Final = COIN // 100_000
MIRROR_BLOCKS: Final = 10
"""Every tenth block has mirror rows."""
DEVELOPMENT_ADDRESS: Final = "4edadac9093d9326ee4b17f869b14f1a2534f96f9c5d7b48dc9acaed"
MIRROR_AMOUNT: Final = 8 * COIN
DIFFICULTY: Final = "10.0000000000"
GENESIS_HASH: Final = "0" * 56


@dataclass(frozen=True, slots=True)
class Transaction:
    """What a key's owner wants in a block; ``amount`` in 1e-8 BIS."""

    key: PowKey
    recipient: str
    amount: int = 0
    operation: str = ""
    openfield: str = ""

    @property
    def fee(self) -> int:
        """In 1e-8 BIS: 0.01 and something for each character of the openfield."""
        return BASE_FEE + FEE_A_CHAR * len(self.openfield)


@dataclass(frozen=True, slots=True)
class PowMiner:
    """Makes blocks.  ``fork`` counts the rollbacks so far."""

    params: ChainParams
    seed: bytes
    fork: int = 0

    @property
    def key(self) -> PowKey:
        """Of the miner, who owns the premine."""
        return derive_pow_key(self.seed, "miner")

    def next_height(self, tip: Tip | None) -> PowHeight:
        """The first block is at the network's first PoW height, so that registrations count."""
        return self.params.first_pow_height if tip is None else tip.height + 1

    def build_block(
        self, tip: Tip | None, timestamp: float, transactions: Sequence[Transaction] = ()
    ) -> tuple[Tip, list[LedgerRow]]:
        """The block that follows ``tip``: its rows in the ledger's order (the miner's is the last of
        the block, mirror rows come after it) and the new tip."""
        height = self.next_height(tip)
        timestamp = round(timestamp, 2)
        nonce = hashlib.sha256(self.seed + f":{self.fork}:{height}".encode()).hexdigest()[:32]
        previous = GENESIS_HASH if tip is None else tip.block_hash
        block_hash = hashlib.sha224(f"{previous}:{height}:{timestamp:.2f}:{nonce}".encode()).hexdigest()
        key = self.key
        reward = PREMINE if tip is None else BLOCK_REWARD
        rows = [self._build_row(height, timestamp, t, block_hash, t.fee) for t in transactions]
        mined = Transaction(key, key.address, 0, "0", nonce)
        rows.append(self._build_row(height, timestamp, mined, block_hash, 0, reward))
        if height % MIRROR_BLOCKS == 0 and height <= self.params.mirror_end_height:
            rows += self._build_mirror_rows(height, timestamp)
        return Tip(height, timestamp, block_hash), rows

    @staticmethod
    def _build_row(
        height: PowHeight, timestamp: float, t: Transaction, block_hash: str, fee: int, reward: int = 0
    ) -> LedgerRow:
        buffer = encode_pow_buffer(timestamp, t.key.address, t.recipient, t.amount, t.operation, t.openfield)
        return LedgerRow(
            block_height=height,
            timestamp=timestamp,
            address=t.key.address,
            recipient=t.recipient,
            amount=to_coins(t.amount),
            signature=sign_pow(t.key, buffer),
            public_key=t.key.public_text,
            block_hash=block_hash,
            fee=to_coins(fee),
            reward=to_coins(reward),
            operation=t.operation,
            openfield=t.openfield,
        )

    def _build_mirror_rows(self, height: PowHeight, timestamp: float) -> list[LedgerRow]:
        mirror_hash = hashlib.sha224(f"mirror:{height}:{timestamp:.2f}".encode()).hexdigest()
        return [
            LedgerRow(
                block_height=-height,
                timestamp=timestamp,
                address=sender,
                recipient=recipient,
                amount=to_coins(MIRROR_AMOUNT),
                signature="0",
                public_key="0",
                block_hash=mirror_hash,
                fee=0,
                reward=0,
                operation="0",
                openfield="0",
            )
            for sender, recipient in (
                ("Development Reward", DEVELOPMENT_ADDRESS),
                ("Hypernode Payouts", self.params.reward_pot),
            )
        ]
