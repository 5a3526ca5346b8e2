"""Judges vectors of the PoW list: rows taken or not, the final list in order, formats of addresses.

A case's ledger is written into a real ledger file, and the reader that the daemon uses reads it.  Words
(reasons, statuses) are not compared (spec, README).
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import mainnet
from hypernode.core.registrations.pow_address import is_valid_pow_address
from hypernode.core.registrations.registration_text import parse_extras, parse_registration
from hypernode.core.types import Registration
from hypernode.devnet.pow_ledger import LedgerRow, open_ledger
from hypernode.ports.registrations import PowNotReady
from hypernode.pow.ledger.file import LedgerFile
from hypernode.pow.ledger.registry import LedgerRegistry, RegistryOptions
from hypernode.vectors.outcome import Agree, Differs, Json, Outcome, compare, compare_fields

_BLOCKS_NOTE: Final = re.compile(r"blocks (\d+)\.\.(\d+), ts = (\d+(?:\.\d+)?) ?\+ ?(\d+(?:\.\d+)?) ?\* ?i")
_CONFIRMATIONS_NOTE: Final = re.compile(r"(\d+) blocks or less")
OPTIONS: Final = RegistryOptions(is_fragment=True)
"""The ledgers of the vectors begin in the middle of the chain."""
_MINER: Final = "m" * 56


def run_case(document: Json, case: Json) -> Outcome:
    """The outcome of one case; ``document`` holds nothing that a case needs."""
    return _JUDGES[case["kind"]](case)


def _judge_feed(case: Json) -> Outcome:
    with _open_registry(mainnet(), _to_rows(case["ledger"])) as registry:
        state, results = registry.derive_feed(case["ref_height"])
    got_rows = [
        [[row.height, row.address, row.operation, row.openfield, row.timestamp], result.ok]
        for row, result in results
    ]
    outcome = compare([[row["row"], row["ok"]] for row in case["rows"]], got_rows)
    return outcome if isinstance(outcome, Differs) else compare(case["regs"], _to_regs(state.entries))


def _judge_incremental(case: Json) -> Outcome:
    with _open_registry(mainnet(), _to_rows(case["ledger"])) as registry:
        for request in case["requests"]:
            try:
                height, state = registry.derive_at(request["ref_timestamp"])
            except PowNotReady:
                got: object = False
            else:
                got = [height, _to_regs(state.entries)]
            answer = request["answer"]
            expected = answer and [answer["params"]["ref_height"], answer["regs"]]
            if expected != got:
                return Differs(expected, got)
    return Agree()


def _judge_block_before_ts(case: Json) -> Outcome:
    blocks = _BLOCKS_NOTE.search(case["note"])
    if blocks is None:
        return Differs("a ledger that can be made", f"a note that describes none: {case['note']!r}")
    first, last, start, step = int(blocks[1]), int(blocks[2]), float(blocks[3]), float(blocks[4])
    rows = [_to_reward_row(height, start + step * (height - first)) for height in range(first, last + 1)]
    confirmations = _CONFIRMATIONS_NOTE.search(case["note"])
    params = mainnet()
    if confirmations is not None:
        params = replace(params, pow_confirmations=int(confirmations[1]))
    with _open_registry(params, rows) as registry:
        got = {"height": registry.find_height(case["timestamp"])}
        if "no_check_after" in case:
            got["no_check_after"] = registry.find_height(case["timestamp"], confirmed=False)
    return compare_fields({name: case[name] for name in got}, got)


def _judge_pow_address(case: Json) -> Outcome:
    return compare(case["valid"], is_valid_pow_address(case["address"]))


def _judge_extract(case: Json) -> Outcome:
    expected = case.get("result", "refused")
    try:
        text = parse_registration(case["openfield"], case["address"])
    except Reject:
        return compare(expected, "refused")
    outcome = compare(expected, [text.ip, text.port, text.pos, text.reward])
    if isinstance(outcome, Differs) or "extract_reason" not in case:
        return outcome
    return compare(case["extract_reason"], parse_extras(case["openfield"]).get("reason", ""))


_JUDGES: Final[dict[str, Callable[[Json], Outcome]]] = {
    "feed": _judge_feed,
    "incremental": _judge_incremental,
    "block_before_ts": _judge_block_before_ts,
    "pow_address_format": _judge_pow_address,
    "reg_extract": _judge_extract,
}


@contextmanager
def _open_registry(params: ChainParams, rows: Iterable[LedgerRow]) -> Iterator[LedgerRegistry]:
    with tempfile.TemporaryDirectory(prefix="hypernode-vectors-") as folder:
        path = Path(folder) / "ledger.db"
        with open_ledger(path) as ledger:
            ledger.append(rows)
        registry = LedgerRegistry(LedgerFile(path), params, OPTIONS)
        try:
            yield registry
        finally:
            registry.close()


def _to_rows(ledger: Iterable[Any]) -> Iterator[LedgerRow]:
    for height, timestamp, address, recipient, amount, *rest in ledger:
        fee, reward, operation, openfield = rest
        block_hash = f"{abs(height):056d}"
        keys = ("", "", block_hash)
        yield LedgerRow(
            height, timestamp, address, recipient, amount, *keys, fee, reward, operation, openfield
        )


def _to_reward_row(height: int, timestamp: float) -> LedgerRow:
    return LedgerRow(height, timestamp, _MINER, _MINER, 0, "", "", f"{height:056d}", 0, 15, "", "")


def _to_regs(entries: Iterable[Registration]) -> list[list[object]]:
    return [
        [
            entry.collateral,
            {
                "ip": entry.ip,
                "port": entry.port,
                "pos": entry.pos,
                "reward": entry.reward,
                "weight": entry.weight,
                "timestamp": entry.timestamp,
                "active": True,
            },
        ]
        for entry in entries
    ]
