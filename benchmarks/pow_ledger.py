"""A companion's ledger of millions of rows, and what it costs to derive the lists of rounds from it.

``python -m benchmarks.pow_ledger FILE`` only makes such a ledger.  The bound is plain SQLite going through
the same table once, as a first derivation does, and doing nothing with it.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any, Final

from benchmarks.chains import get_folder
from benchmarks.figures import Row, time_call
from hypernode.core.address import encode_address
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import REGISTER, UNREGISTER
from hypernode.core.timeline import compute_reference_time
from hypernode.core.types import Round
from hypernode.devnet.pow_ledger import LedgerRow, open_ledger
from hypernode.ports.registrations import RegisteredList
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.reader import LedgerReader
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions

VERSION: Final = 1
"""Of what the generator makes: a kept ledger of another version is made again."""
FIRST_TARGET: Final = 6.0
ROUND_TARGET: Final = 0.1
"""Times a bare scan of the whole ledger, both of them."""
QUERY_MS: Final = 100.0
"""For so long a query may hold the companion's file."""
BLOCK_S: Final = 60
ROWS_A_BLOCK: Final = 3
"""Its miner's and two payments, on an average."""
MIRROR_BLOCKS: Final = 10
INDEXED: Final = ("block_height", "timestamp", "address", "recipient", "amount", "operation", "openfield")
MINERS: Final = 40
SETTLE_BLOCKS: Final = 200
"""Blocks at the end without registrations: a reference height lies up to two hours back."""


@dataclass(frozen=True, slots=True)
class Shape:
    """Of a made ledger.  ``signature_chars``: 96 for the curve, 684 and keys of 1,068 for RSA as on main."""

    rows: int = 5_000_000
    addresses: int = 100_000
    registrants: int = 500
    signature_chars: int = 96
    has_indices: bool = False
    seed: int = 1


def make_pow_ledger(path: Path, shape: Shape, params: ChainParams) -> None:
    """Write a ledger of the real schema: a block a minute, payments between addresses of which few are busy,
    mirror rows, and registrations all along, some of them undone."""
    with open_ledger(path, journal_mode="OFF"):
        """Only its tables."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = OFF").fetchall()
        connection.execute("PRAGMA synchronous = OFF").fetchall()
        connection.execute("BEGIN")
        rows = islice(_generate_rows(shape, params), shape.rows)
        connection.executemany("INSERT INTO transactions VALUES (?,?,?,?,?,?,?,?,?,?,?,?)", rows)
        connection.execute("COMMIT")
        for column in INDEXED if shape.has_indices else ():
            connection.execute(f"CREATE INDEX by_{column} ON transactions({column})")
        connection.execute("PRAGMA journal_mode = DELETE").fetchall()


def _generate_rows(shape: Shape, params: ChainParams) -> Iterator[tuple[object, ...]]:
    """Without end; the caller takes as many as he wants."""
    chance = random.Random(shape.seed)
    addresses = [hashlib.sha224(b"%d" % n).hexdigest() for n in range(shape.addresses)]
    signature = "s" * shape.signature_chars
    key = "k" * (1_068 if shape.signature_chars > 100 else 44)
    blocks = shape.rows // ROWS_A_BLOCK
    step = max(2, (blocks - SETTLE_BLOCKS) // max(shape.registrants, 1))
    height, registered = params.first_pow_height, 0
    while True:
        timestamp = params.origin_of_time + (height - params.first_pow_height) * BLOCK_S
        block_hash = hashlib.sha224(b"block %d" % height).hexdigest()

        def make(
            sender: str,
            recipient: str,
            amount: float,
            operation: str = "",
            openfield: str = "",
            fee: float = 0.01,
            reward: float = 0,
            sign: int = 1,
            height: int = height,
            timestamp: float = timestamp,
            block_hash: str = block_hash,
        ) -> tuple[object, ...]:
            values = (sign * height, timestamp, sender, recipient, amount, signature, key, block_hash)
            return (*values, fee, reward, operation, openfield)

        for _ in range(chance.choice((1, 2, 3))):
            sender = addresses[int(chance.random() ** 3 * shape.addresses)]
            recipient = addresses[int(chance.random() ** 3 * shape.addresses)]
            yield make(sender, recipient, round(chance.random() * 100, 8), fee=0.01 + chance.random() / 1e5)
        if registered < shape.registrants and (height - params.first_pow_height) % step == 1:
            yield from _register(make, registered, params)
            registered += 1
        miner = addresses[int(chance.random() * MINERS)]
        yield make(miner, miner, 0, "0", "n" * 32, 0, round(8 + chance.random(), 8))
        if height % MIRROR_BLOCKS == 0:
            yield make("Development Reward", addresses[0], 1.5, "0", "0", 0, sign=-1)
            yield make("Hypernode Payouts", params.reward_pot, 24.0, "0", "0", 0, sign=-1)
        height += 1


def _register(
    make: Callable[..., tuple[Any, ...]], number: int, params: ChainParams
) -> Iterator[tuple[Any, ...]]:
    """A collateral is funded and registers; every fourth one before it gives up."""
    collateral = make_collateral(number)
    yield make("f" * 56, collateral, 10_000 * (1 + number % 3) + 1.23456789)
    yield make(collateral, collateral, 0, REGISTER, make_openfield(number, params))
    if number % 4 == 0 and number >= 4:
        gone = make_collateral(number - 1)
        yield make(gone, gone, 0, UNREGISTER, make_openfield(number - 1, params))


def make_collateral(number: int) -> str:
    return hashlib.sha224(b"collateral %d" % number).hexdigest()


def make_openfield(number: int, params: ChainParams) -> str:
    pos = encode_address(hashlib.sha256(b"pos %d" % number).digest()[:20], params.address_byte)
    return f"10.{number // 62_500}.{number // 250 % 250}.{1 + number % 250}:6969:{pos}"


def load_pow_ledger(shape: Shape, params: ChainParams) -> Path:
    """The ledger of that shape, from the temporary folder if it was made before.  Copy it to change it."""
    numbers = "-".join(map(str, (shape.rows, shape.addresses, shape.registrants, shape.signature_chars)))
    path = get_folder() / f"pow-{VERSION}-{numbers}-{int(shape.has_indices)}-{shape.seed}.db"
    if not path.exists():
        beside = path.with_suffix(f".{os.getpid()}")
        make_pow_ledger(beside, shape, params)
        beside.replace(path)
    return path


def append_registration(path: Path, number: int, params: ChainParams, blocks: int = 60) -> None:
    """An hour more of blocks, with one more registration at its start."""
    with open_ledger(path) as ledger:
        tip = ledger.get_tip()
        assert tip is not None
        rows: list[LedgerRow] = []

        def make(
            sender: str, recipient: str, amount: float, operation: str = "", openfield: str = ""
        ) -> tuple[Any, ...]:
            tail = (0.01, 0.0, operation, openfield)
            return (height, at, sender, recipient, amount, "s", "k", f"{height:056d}", *tail)

        for height in range(tip.height + 1, tip.height + blocks + 1):
            at = tip.timestamp + (height - tip.height) * BLOCK_S
            if height == tip.height + 1:
                rows += (LedgerRow(*row) for row in _register(make, number, params))
            miner = "e" * 56
            mined = LedgerRow(height, at, miner, miner, 0, "s", "k", f"{height:056d}", 0, 8.5, "0", "")
            rows.append(mined)
        ledger.append(rows)


@contextmanager
def timed_queries() -> Iterator[list[float]]:
    """How long each query holds the ledger, in seconds."""
    original, times = LedgerReader.query, []

    def query(self: LedgerReader, sql: str, parameters: Sequence[object] = ()) -> list[Any]:
        start = time.perf_counter()
        try:
            return original(self, sql, parameters)
        finally:
            times.append(time.perf_counter() - start)

    LedgerReader.query = query  # type: ignore[method-assign]
    try:
        yield times
    finally:
        LedgerReader.query = original  # type: ignore[method-assign]


def measure(shape: Shape) -> list[Row]:
    """First derivation, a further round with a new registration, and a restart."""
    params = mainnet()
    source = load_pow_ledger(shape, params)
    with tempfile.TemporaryDirectory(dir=get_folder()) as name:
        path, kept = Path(name) / "ledger.db", Path(name) / "registrations.db"
        os.link(source, path)
        bound = time_call(lambda: _scan(path))
        round_ = _find_last_round(path, params)
        with timed_queries() as first_queries:
            registry = _open(path, kept, params)
            first = time_call(lambda: registry.derive_round(round_))
        return [
            _describe_first(shape, first, bound, max(first_queries)),
            *_measure_next(path, kept, registry, params, round_, bound),
        ]


def _describe_first(shape: Shape, first: float, bound: float, longest: float) -> Row:
    kind = "with" if shape.has_indices else "without"
    return Row(
        f"list of a round, first time, {shape.rows:,} rows {kind} indices",
        f"{first:.1f} s, {first / bound:.1f} × the bound, longest query {longest * 1000:.0f} ms",
        f"{bound:.2f} s for a bare scan",
        f"≤ {FIRST_TARGET:.0f} × the bound, no query over {QUERY_MS:.0f} ms",
        first / bound <= FIRST_TARGET and longest * 1000 <= QUERY_MS,
        {"ratio": first / bound, "s": first, "bound_s": bound, "longest_query_ms": longest * 1000},
    )


def _measure_next(
    path: Path, kept: Path, registry: LedgerRegistry, params: ChainParams, round_: Round, bound: float
) -> list[Row]:
    # from here on the ledger is changed: no longer the kept one
    copy = path.with_name("growing.db")
    _copy(path, copy)
    registry.close()
    registry = _open(copy, kept, params)
    registry.derive_round(round_)
    times = []
    with timed_queries() as queries:
        for number in range(5):
            append_registration(copy, 60_000 + number, params)
            times.append(time_call(lambda n=number: registry.derive_round(round_ + 1 + n)))  # type: ignore[misc]
    last = registry.derive_round(round_ + 5)
    registry.close()
    again = _open(copy, kept, params)
    restart = time_call(lambda: _require_equal(again.derive_round(round_ + 5), last))
    again.close()
    usual, longest = median(times), max(queries) * 1000
    return [
        Row(
            "list of a further round, with a new registration",
            f"{usual * 1000:.0f} ms, {usual / bound:.3f} × the bound, longest query {longest:.0f} ms",
            f"{bound:.2f} s for a bare scan",
            f"≤ {ROUND_TARGET} × the bound",
            usual / bound <= ROUND_TARGET,
            {"ratio": usual / bound, "ms": usual * 1000},
        ),
        Row("list after a restart", f"{restart * 1000:.0f} ms", figures={"ms": restart * 1000}),
    ]


def _require_equal(listed: RegisteredList, expected: RegisteredList) -> None:
    if listed != expected:
        raise RuntimeError("a restart changed the list")


def _open(path: Path, kept: Path, params: ChainParams) -> LedgerRegistry:
    return LedgerRegistry(LedgerFile(path), params, RegistryOptions(cache_path=kept))


def _find_last_round(path: Path, params: ChainParams) -> Round:
    """The last one whose reference height is well confirmed."""
    with open_ledger(path) as ledger:
        tip = ledger.get_tip()
    assert tip is not None
    latest = tip.timestamp - (params.pow_confirmations + 2) * BLOCK_S
    round_ = int((latest - params.origin_of_time) // params.round_s) + 1
    return round_ if compute_reference_time(params, round_) <= latest else round_ - 1


def _scan(path: Path) -> None:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        connection.execute(
            "SELECT count(operation), sum(+amount), max(+address), max(+recipient) FROM transactions"
        ).fetchall()


def _copy(source: Path, target: Path) -> None:
    with closing(sqlite3.connect(source)) as one, closing(sqlite3.connect(target)) as other:
        one.backup(other)


def main(argv: Sequence[str] | None = None) -> int:
    """Make a ledger file."""
    shape = Shape()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pow_ledger", description=main.__doc__)
    parser.add_argument("path", type=Path, help="the file to make; it must not exist")
    parser.add_argument("--rows", type=int, default=shape.rows)
    parser.add_argument("--addresses", type=int, default=shape.addresses)
    parser.add_argument("--registrants", type=int, default=shape.registrants)
    parser.add_argument("--rsa", action="store_true", help="signatures and keys as long as RSA's")
    parser.add_argument(
        "--indices", action="store_true", help="an index on each column, as main's snapshots have"
    )
    parser.add_argument("--seed", type=int, default=shape.seed)
    args = parser.parse_args(argv)
    if args.path.exists():
        parser.error(f"{args.path} exists")
    shape = Shape(
        rows=args.rows,
        addresses=args.addresses,
        registrants=args.registrants,
        signature_chars=684 if args.rsa else shape.signature_chars,
        has_indices=args.indices,
        seed=args.seed,
    )
    make_pow_ledger(args.path, shape, mainnet())
    return 0


if __name__ == "__main__":
    sys.exit(main())
