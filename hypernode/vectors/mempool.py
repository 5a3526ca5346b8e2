"""``mempool.json``: what a mempool takes at which age, and what it offers since when (spec 4, 6)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from hypernode.core.address import compute_address
from hypernode.core.message import create_message
from hypernode.core.params.networks import mainnet
from hypernode.core.rules import UNCHECKED, Rule, Violation
from hypernode.core.signing import compute_pubkey, sign
from hypernode.core.types import Message
from hypernode.mempool.pool import Mempool
from hypernode.vectors.outcome import DiffersAsDocumented, Json, Outcome, compare_fields
from hypernode.wire.codec import decode_command

_ACCEPTED = "accepted"
_IN_CHAIN = "already in the chain"
_LIST_BEGIN = "separately:"
_LATER = re.compile(r"now\(\+(\d+)\)")
_PRIVKEY = bytes(31) + b"\x01"
"""Any key will do: the messages of a case that brings none are signed here."""


def run_case(document: Json, case: Json) -> Outcome:
    """Judge a case of kind age, sequence or since; the clock stands at the file's ``now``."""
    now = float(document["now"])
    if case["kind"] == "age":
        return _judge_age(case, now)
    if case["kind"] == "sequence":
        return _judge_sequence(case, now)
    return _judge_since(case, now)


_POLICY: Final = (Rule.M4, Rule.M5, Rule.M6)
"""Where our mempool is stricter than a legacy one (spec 4, class C)."""


def _judge_age(case: Json, now: float) -> Outcome:
    pool = Mempool(mainnet())
    verdicts = [pool.offer(m, now, registered=UNCHECKED) for m in _decode(case)]
    got = {"count": len(pool), "in_async_all": len(pool.get_all()), "in_async_since_0": len(pool.since(0))}
    recorded = {name: case[name] for name in got if name in case}
    return _judge_verdicts([case["digest_tx"]] * len(verdicts), verdicts, recorded, got)


def _judge_sequence(case: Json, now: float) -> Outcome:
    """Messages given one by one to one mempool; the case's note says which the chain holds already."""
    messages = _decode(case)
    pool = Mempool(mainnet())
    held = _read_held(case.get("note", ""), len(messages))
    verdicts = [
        pool.offer(m, now, registered=UNCHECKED, in_chain=in_chain)
        for m, in_chain in zip(messages, held, strict=True)
    ]
    return _judge_verdicts(case["results"], verdicts, {"count": case["count"]}, {"count": len(pool)})


def _judge_verdicts(
    results: Sequence[str],
    verdicts: Sequence[Violation | None],
    recorded: Mapping[str, object],
    got: Mapping[str, object],
) -> Outcome:
    """Whether the same messages were taken; where our policy is stricter, that is documented."""
    expected = [result == _ACCEPTED for result in results]
    taken = [verdict is None for verdict in verdicts]
    for was_taken, verdict in zip(expected, verdicts, strict=True):
        if was_taken and verdict is not None and verdict.rule in _POLICY:
            return DiffersAsDocumented(verdict.rule, verdict.reason, expected, taken)
    return compare_fields({"accepted": expected, **recorded}, {"accepted": taken, **got})


def _judge_since(case: Json, now: float) -> Outcome:
    """A message of our own, and one that comes from a peer as much later as the note says."""
    later = _LATER.search(case.get("note", ""))
    arrival = now + (int(later[1]) if later else 0)
    values = case["values"]
    pool = Mempool(mainnet())
    pool.offer(_create(values["own"], now), now, registered=UNCHECKED, is_own=True)
    pool.offer(_create(values["from_wire"], now), arrival, registered=UNCHECKED)
    got = {since: [m.value for m in pool.since(int(since))] for since in case["since"]}
    return compare_fields(case["since"], got)


def _decode(case: Json) -> Sequence[Message]:
    return decode_command(bytes.fromhex(case["command"])).messages


def _create(value: int, now: float) -> Message:
    pubkey = compute_pubkey(_PRIVKEY)
    address = compute_address(pubkey, mainnet().address_byte)
    return create_message(
        lambda buffer: sign(_PRIVKEY, buffer),
        pubkey,
        timestamp=int(now),
        sender=address,
        recipient=address,
        what=0,
        value=value,
    )


def _read_held(note: str, count: int) -> list[bool]:
    """Which of the messages the chain holds, from a note that lists them after "separately:" up to a full
    stop, separated by commas.  Raises ValueError for a note that speaks of it otherwise."""
    if _IN_CHAIN not in note:
        return [False] * count
    listed = note.partition(_LIST_BEGIN)[2].partition(".")[0].split(",")
    if len(listed) != count:
        raise ValueError(f"the note lists {len(listed)} messages, the command has {count}")
    return [_IN_CHAIN in item for item in listed]
