"""A process that decodes and verifies blocks for the node: ``python -m hypernode.app.worker``.

It reads jobs from its standard input and writes results to its standard output, one after the other, and ends
when its input does: with the node, however that ends.  It imports the core and the wire and nothing else,
opens no file, and holds nothing between two jobs but parsed keys and addresses.
"""

from __future__ import annotations

import gc
import os
import pickle
import signal
import struct
from collections.abc import Sequence
from functools import lru_cache
from operator import attrgetter
from typing import BinaryIO, Final

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Violation
from hypernode.core.types import Block, Message
from hypernode.core.validate_message import find_core_violations
from hypernode.wire.checked_blocks import check_blocks

JOB: Final = struct.Struct(">BIII")
"""Of a job: which work, then the bytes of the pickled network and of the payload, and when that came."""
RESULT: Final = struct.Struct(">BI")
"""Of a result: whether it is a refusal, and its bytes."""
BLOCKS: Final = 0
"""The payload is an answer; the result, its blocks."""
MESSAGES: Final = 1
"""The payload is what ``pack_messages`` makes; the result, by place, what of M1 to M3 a message breaks."""
_get_fields: Final = attrgetter(
    *("txid", "block_height", "timestamp", "sender", "recipient", "what", "params", "value", "pubkey")
)
_COLLECT_AFTER: Final = 20_000
"""Objects that are made before the collector looks: what is decoded has no cycles."""


def main() -> None:
    """Work until the input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # that of a terminal goes to the node, too, which ends this
    gc.set_threshold(_COLLECT_AFTER)
    with os.fdopen(os.dup(1), "wb") as output, os.fdopen(0, "rb", closefd=False) as jobs:
        os.dup2(2, 1)  # whatever is printed by mistake is no result
        while (head := jobs.read(JOB.size)) and len(head) == JOB.size:
            _work(head, jobs, output)


def _work(head: bytes, jobs: BinaryIO, output: BinaryIO) -> None:
    work, network_size, payload_size, received = JOB.unpack(head)
    params, payload = _load_network(jobs.read(network_size)), jobs.read(payload_size)
    try:
        result: object = (
            check_blocks(params, payload, received) if work == BLOCKS else find_violations(params, payload)
        )
        is_refused = False
    except Reject as fault:
        result, is_refused = (fault.rule, fault.reason, fault.cost), True
    encoded = pickle.dumps(result, pickle.HIGHEST_PROTOCOL)
    output.write(RESULT.pack(is_refused, len(encoded)))
    output.write(encoded)
    output.flush()


@lru_cache(maxsize=2)
def _load_network(pickled: bytes) -> ChainParams:
    params: ChainParams = pickle.loads(pickled)  # written by the node whose child this is
    return params


def pack_messages(messages: Sequence[Message]) -> bytes:
    """What of messages bears on M1 to M3, as ``find_violations`` takes it."""
    return pickle.dumps(list(map(_get_fields, messages)), pickle.HIGHEST_PROTOCOL)


def find_violations(params: ChainParams, packed: bytes) -> dict[int, Violation]:
    """Those messages that break M1, M2 or M3, by their places."""
    found = find_core_violations(params, [Message(*fields) for fields in pickle.loads(packed)])
    return {place: broken for place, broken in enumerate(found) if broken is not None}


def load_violations(encoded: bytes) -> dict[int, Violation]:
    """A result for ``MESSAGES``."""
    found: dict[int, Violation] = pickle.loads(encoded)
    return found


def load_blocks(encoded: bytes) -> tuple[Block, ...]:
    """A result for ``BLOCKS``."""
    blocks: tuple[Block, ...] = pickle.loads(encoded)
    return blocks


if __name__ == "__main__":
    main()
