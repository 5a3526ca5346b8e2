"""``heights.json``: the three comparisons of heights (spec 4, which chain is better)."""

from __future__ import annotations

from hypernode.core.fork_choice import heights_match, is_better, is_same_height
from hypernode.core.types import ChainHeight
from hypernode.vectors.outcome import Json, Outcome, compare_fields

_MISSING = -1
"""For a measure that is not said (blockinfo has none of the present round): equal to another missing one."""


def run_case(document: Json, case: Json) -> Outcome:
    """Judge every comparison that the case records."""
    a, b = parse_height(case["a"]), parse_height(case["b"])
    got = {
        "first_height_is_better": is_better(a, b),
        "second_is_better": is_better(b, a),
        "same_height": is_same_height(a, b),
        "heights_match": heights_match(a, b),
    }
    return compare_fields({name: case[name] for name in got if name in case}, got)


def parse_height(fields: Json) -> ChainHeight:
    """A height of JSON, whose hash is hexadecimal text."""
    return ChainHeight(
        height=fields["height"],
        round=fields["round"],
        sir=fields["sir"],
        block_hash=bytes.fromhex(fields["block_hash"]),
        uniques=fields.get("uniques", _MISSING),
        uniques_round=fields.get("uniques_round", _MISSING),
        forgers=fields.get("forgers", _MISSING),
        forgers_round=fields.get("forgers_round", _MISSING),
    )
