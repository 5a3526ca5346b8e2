"""What the mempool asks of a single message, independent of the others that it holds (spec 4, a valid
message).

The mempool is stricter than the chain: all six rules of messages hold everywhere, and the age does.
What depends on the other messages (twins, quota, room) is the pool's.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import Unchecked, Violation
from hypernode.core.signing import compute_twin
from hypernode.core.types import Message
from hypernode.core.validate_message import find_core_violation, find_message_violation, find_time_violation

CLOCK_SPREAD_S: Final = 2.0
"""How far behind ours a peer's clock may be: a node whose clock is off by more does not forge (spec 6,
time).  A message is offered when the peer will not find it over FUTURE_ALLOWED ahead."""


def find_policy_violation(
    params: ChainParams,
    message: Message,
    now: float,
    registered: Collection[str] | Unchecked,
    signature_ok: bool = True,
) -> Violation | None:
    """The first thing that keeps a message out of any mempool; its signature is taken as good.

    ``registered`` are the senders of this and the previous round and the control address; UNCHECKED:
    everybody (a message that a block held already)."""
    # Age: at most FUTURE_ALLOWED ahead [REJECT], at most 3,600 s back [IGNORE]
    untimely = find_time_violation(params, message, now)
    if untimely is not None:
        return untimely
    # M1 to M6 [REJECT]
    return find_message_violation(
        params, message, sealed=False, registered=registered, signature_ok=signature_ok
    )


def find_signature_violation(params: ChainParams, message: Message) -> Violation | None:
    """M3 [REJECT], verified here: it costs more than all other checks, so it comes last."""
    return find_core_violation(params, message, sealed=False)


def is_ripe(params: ChainParams, message: Message, now: float) -> bool:
    """Whether a peer will take the message now: one message from the future makes a legacy node drop the
    whole batch (spec 8)."""
    return message.timestamp <= now + max(0.0, params.future_allowed_s - CLOCK_SPREAD_S)


def list_twin_ids(txid: bytes) -> tuple[bytes, ...]:
    """The ids that a message may stand under in a chain: its own and its twin's (spec 1).  An id that is
    no signature has no twin."""
    twin = compute_twin(txid)
    return (txid,) if twin == txid else (txid, twin)
