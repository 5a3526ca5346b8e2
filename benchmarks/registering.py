"""What a row of the registry costs, of every sort that anybody can write into the PoW chain for 0.01 BIS.

A list of 100,000 ordinary registrations is derived from a made ledger, and then one of as many rows of each
other sort: none may take over three times as long.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final

from benchmarks.chains import get_folder
from benchmarks.figures import Row, time_call
from hypernode.core.address import encode_address
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.registry import REGISTER, UNREGISTER, UNVOID, VOID
from hypernode.devnet.pow_ledger import LedgerRow, open_ledger
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions

NETWORK: Final = mainnet()
MAX_RATIO: Final = 3.0
ROWS_A_BLOCK: Final = 100
CONFIRMED_BLOCKS: Final = 30
"""After the last of them: a reference height has 20 behind it."""
_MINER: Final = "e" * 56
_FUNDER: Final = "f" * 56
_OWNER: Final = hashlib.sha224(b"the one").hexdigest()

Text = tuple[str, str, str]
"""Sender, operation and openfield of a row."""


def _sender(number: int) -> str:
    return hashlib.sha224(b"%d" % number).hexdigest()


def _ip(number: int) -> str:
    return f"9.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def _pos(number: int, params: ChainParams = NETWORK) -> str:
    return encode_address(hashlib.sha256(b"%d" % number).digest()[:20], params.address_byte)


def _place(number: int, port: str = "6969") -> str:
    return f"{_ip(number)}:{port}:{_pos(number)}"


def _churn(number: int) -> Text:
    """One after the other, one registers and leaves again."""
    return _OWNER, (REGISTER, UNREGISTER)[number % 2], _place(number // 2)


def _rejoin(number: int) -> Text:
    """Each comes, goes and comes back."""
    return _sender(number // 3), (REGISTER, UNREGISTER, REGISTER)[number % 3], _place(number // 3)


def _void(number: int) -> Text:
    """The control address voids what has registered before it."""
    if number % 2 == 0:
        return _sender(number // 2), REGISTER, _place(number // 2)
    return NETWORK.control_pow, VOID, _place(number // 2)


ORDINARY: Final = "registered"
KINDS: Final[Mapping[str, Callable[[int], Text]]] = {
    ORDINARY: lambda n: (_sender(n), REGISTER, _place(n)),
    "malformed": lambda n: (_sender(n), REGISTER, f"{_ip(n)}:6969"),
    "extra": lambda n: (_sender(n), REGISTER, f"{_place(n)},reward"),
    "no ip": lambda n: (_sender(n), REGISTER, f"{n}:6969:{_pos(n)}"),
    "no reward": lambda n: (_sender(n), REGISTER, f"{_place(n)},reward={n}"),
    "no pos": lambda n: (_sender(n), REGISTER, f"{_ip(n)}:6969:{_pos(n)[:-1]}z"),
    "same ip": lambda n: (_sender(n), REGISTER, f"9.9.9.9:6969:{_pos(n)}"),
    "same pos": lambda n: (_sender(n), REGISTER, f"{_ip(n)}:6969:{_pos(7)}"),
    "same sender": lambda n: (_OWNER, REGISTER, _place(n)),
    "churn": _churn,
    "rejoin": _rejoin,
    "unregistered by a stranger": lambda n: (_sender(n), UNREGISTER, _place(7)),
    "unregistered otherwise": lambda n: (_sender(n // 2), (REGISTER, UNREGISTER)[n % 2], _place(n)),
    "unregistered by control": lambda n: (NETWORK.control_pow, UNREGISTER, _place(n)),
    "void": _void,
    "voided by a stranger": lambda n: (_sender(n), VOID, _place(n)),
    "voided for nothing": lambda n: (NETWORK.control_pow, VOID, _place(n)),
    "no longer voided": lambda n: (NETWORK.control_pow, UNVOID, _place(n)),
}


def make_ledger(path: Path, kind: str, rows: int, *, is_funded: bool) -> float:
    """A whole chain with ``rows`` of a kind; returns the time of the last block that has some.  Funded or
    not, there are as many rows."""
    texts = [KINDS[kind](number) for number in range(rows)]
    with open_ledger(path, journal_mode="OFF") as ledger:
        ledger.append(_generate_rows(texts, is_funded=is_funded))
    return float(NETWORK.origin_of_time + _count_blocks(rows) * 60)


def _count_blocks(rows: int) -> int:
    return 2 * -(-rows // ROWS_A_BLOCK)


def _generate_rows(texts: list[Text], *, is_funded: bool) -> Iterator[LedgerRow]:
    blocks = _count_blocks(len(texts))
    for block in range(blocks + CONFIRMED_BLOCKS):
        height = NETWORK.first_pow_height + block
        time, block_hash = NETWORK.origin_of_time + block * 60, f"{height:056d}"

        def make(
            sender: str,
            recipient: str,
            amount: float,
            operation: str = "",
            openfield: str = "",
            fee: float = 0.01,
            reward: float = 0,
            place: tuple[int, float, str] = (height, time, block_hash),
        ) -> LedgerRow:
            values = (sender, recipient, amount, "s" * 96, "k" * 44, place[2], fee, reward)
            return LedgerRow(place[0], place[1], *values, operation, openfield)

        first = block % max(blocks // 2, 1) * ROWS_A_BLOCK
        for sender, operation, openfield in texts[first : first + ROWS_A_BLOCK] if block < blocks else ():
            if block >= blocks // 2:
                yield make(sender, sender, 0, operation, openfield)
            else:
                yield make(_FUNDER, sender if is_funded else _FUNDER, 10_001)
        yield make(_MINER, _MINER, 0, "0", "n" * 32, 0, 8.5)


def derive(path: Path, time: float) -> int:
    """How many are on the list, from the start."""
    registry = LedgerRegistry(LedgerFile(path), NETWORK, RegistryOptions())
    try:
        return len(registry.derive_at(time)[1].entries)
    finally:
        registry.close()


def measure(rows: int) -> list[Row]:
    """The time of each kind over that of the ordinary one."""
    times = {ORDINARY: _time(ORDINARY, rows, is_funded=True)}
    times |= {kind: _time(kind, rows, is_funded=False) for kind in KINDS if kind != ORDINARY}
    times["worthless"] = _time(ORDINARY, rows, is_funded=False)
    ordinary = times.pop(ORDINARY)
    slowest = max(times, key=lambda kind: times[kind])
    ratio = times[slowest] / ordinary
    return [
        Row(f"list of {rows:,} registrations", f"{ordinary:.1f} s", figures={"s": ordinary}),
        Row(
            f"list of {rows:,} rows of any other sort",
            f"at most {times[slowest]:.1f} s ({slowest})",
            f"{ordinary:.1f} s",
            f"≤ {MAX_RATIO:.0f} × that of registrations",
            ratio <= MAX_RATIO,
            {"ratio": ratio, **{f"{kind} s": seconds for kind, seconds in times.items()}},
        ),
    ]


def _time(kind: str, rows: int, *, is_funded: bool) -> float:
    with tempfile.TemporaryDirectory(dir=get_folder()) as folder:
        path = Path(folder) / "ledger.db"
        time = make_ledger(path, kind, rows, is_funded=is_funded)
        return time_call(lambda: derive(path, time))
