"""The formats of vector files, recognised by their content; the name of a file says nothing.

A format is known by its kinds of cases and the keys that a case of each kind has.  Two formats have a
kind ``multi`` and two a kind ``round``: the keys tell them apart.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from hypernode.vectors.outcome import Json, Outcome

PLAIN: Final = "case"
"""How a case without a ``kind`` is called in the counts."""


@dataclass(frozen=True, slots=True)
class Format:
    """``name`` is the module of this package that judges it; ``kinds`` maps each kind of its cases to
    keys that such a case has; ``marks`` are keys that the document itself has."""

    name: str
    kinds: dict[str, frozenset[str]]
    marks: frozenset[str] = frozenset()

    def has(self, case: object) -> bool:
        """Whether ``case`` is of a kind of this format, with that kind's keys."""
        if not isinstance(case, dict):
            return False
        keys = self.kinds.get(kind_of(case))
        return keys is not None and keys <= case.keys()


def _keys(names: str) -> frozenset[str]:
    return frozenset(names.split())


FORMATS: Final[tuple[Format, ...]] = (
    Format(
        "addresses",
        {
            "valid": _keys("privkey pubkey"),
            "validate": _keys("address network result"),
            "ascii_pubkey_test": _keys("input_ascii"),
        },
    ),
    Format(
        "blocks",
        {
            "genesis": _keys("block_hash forger"),
            "block": _keys("height txs raw"),
            "multi": _keys("command_name command note"),
        },
    ),
    Format("chain", {"chain": _keys("blocks"), "digest": _keys("command digest_block")}),
    Format("frames", {PLAIN: _keys("command_id command_name frame")}),
    Format("heights", {PLAIN: _keys("a b same_height")}),
    Format(
        "jurors", {"round": _keys("full_hn_list reference_hash slots"), "mt19937": _keys("seed seed_type")}
    ),
    Format(
        "mempool",
        {
            "age": _keys("timestamp_minus_now digest_tx"),
            "sequence": _keys("results"),
            "since": _keys("since values"),
        },
        _keys("now"),
    ),
    Format(
        "messages",
        {
            "tx": _keys("txid raw"),
            "multi": _keys("command_name command txs"),
            "bad": _keys("txid check"),
            "unrepresentable": _keys("input to_raw"),
        },
    ),
    Format("realchain", {PLAIN: _keys("height round sir command")}, _keys("hns rounds")),
    Format(
        "registrations",
        {
            "feed": _keys("ledger regs"),
            "pow_address_format": _keys("address valid"),
            "reg_extract": _keys("address openfield"),
            "block_before_ts": _keys("timestamp height"),
            "incremental": _keys("ledger requests"),
        },
    ),
    Format(
        "rounds",
        {
            "timestamp_to_round_slot": _keys("timestamp round slot"),
            "round": _keys("round round_to_timestamp"),
        },
    ),
    Format("scores", {PLAIN: _keys("detail weight score")}),
    Format("signatures", {PLAIN: _keys("pubkey message signature valid")}),
)


def kind_of(case: Json) -> str:
    """The case's kind, or ``case`` where the format has only one."""
    return str(case.get("kind", PLAIN))


def recognise_format(document: Json) -> Format | None:
    """The format that most cases of the document fit; None when no case fits any.

    A document without cases is told by its top-level keys, if those are enough."""
    cases = document["cases"]
    fitting = [f for f in FORMATS if f.marks <= document.keys()]
    best = max(fitting, key=lambda f: (sum(f.has(case) for case in cases), len(f.marks)))
    if any(best.has(case) for case in cases) or (best.marks and not cases):
        return best
    return None


def load_run_case(name: str) -> Callable[[Json, Json], Outcome]:
    """``run_case`` of the format's module."""
    module = importlib.import_module(f"hypernode.vectors.{name}")
    return cast(Callable[[Json, Json], Outcome], module.run_case)


def list_extra_cases(name: str, document: Json) -> list[Json]:
    """What the format's module finds to judge outside ``cases``; empty for most."""
    module = importlib.import_module(f"hypernode.vectors.{name}")
    extra = getattr(module, "extra_cases", None)
    return [] if extra is None else cast(list[Json], extra(document))
