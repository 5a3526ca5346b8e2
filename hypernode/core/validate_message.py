"""What makes a message valid (spec 4, a valid message): rules M1 to M6, and its time for a mempool.

M1 to M3 (class A) hold everywhere.  M4 to M6 (class C) hold for mempools everywhere, and for messages in
blocks where the network is not mixed: legacy nodes seal messages that break them.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from typing import Final, TypeAlias

from hypernode.core.address import compute_address, is_valid_address
from hypernode.core.errors import Reject
from hypernode.core.message import PART_CHARS, encode_signed_buffer, generate_signed_buffer
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule, Unchecked, Violation
from hypernode.core.signing import is_valid_signature
from hypernode.core.types import ID_BYTES, MAX_ID_BYTES, PUBKEY_BYTES, UINT32_MAX, Message

MAX_PARAMS: Final = 256
"""Bytes of params that policy takes (M5)."""
_SAFE_PARAMS: Final = re.compile(r"[A-Za-z0-9 .,:;_\-/+=@#()]*")
_NUMBER: Final = re.compile(r" *[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)? *")
"""What SQLite's numeric affinity takes for a number: legacy nodes could not serve it again (spec 8)."""

SignatureTriple: TypeAlias = tuple[bytes, bytes, bytes]
"""Public key, signature, buffer: one signature to verify, wherever that is done."""


def find_message_violation(
    params: ChainParams,
    m: Message,
    *,
    sealed: bool,
    registered: Collection[str] | Unchecked,
    signature_ok: bool | Unchecked = UNCHECKED,
) -> Violation | None:
    """The first of M1 to M6 that the message breaks, or None.

    ``sealed``: as in a block of the network, where a mixed one asks for M1 to M3 only and takes long ids;
    else as for the mempool.  ``registered``: PoS addresses of this and the previous round's lists; UNCHECKED
    leaves M6 out.  ``signature_ok``: the verdict where the signature was verified elsewhere;
    UNCHECKED verifies it here."""
    broken = find_core_violation(params, m, sealed=sealed, signature_ok=signature_ok)
    if broken is None and not (sealed and params.mixed):
        broken = find_policy_violation(params, m, registered)
    return broken


def find_core_violation(
    params: ChainParams, m: Message, *, sealed: bool, signature_ok: bool | Unchecked = UNCHECKED
) -> Violation | None:
    """The first of M1, M2 and M3 that the message breaks, or None."""
    long_ids = sealed and params.mixed
    # M1 [REJECT, class A] it can be written down, and its sender is an address
    if reason := _find_malformation(m, long_ids=long_ids):
        return Violation(Rule.M1, reason)
    # M2 [REJECT, class A] the public key is the sender's
    if compute_address(m.pubkey, params.address_byte) != m.sender:
        if not is_valid_address(m.sender, params.address_byte):
            return Violation(Rule.M1, "the sender is not an address of the network")
        return Violation(Rule.M2, "the public key is not the sender's")
    # M3 [REJECT, class A] the signature is valid
    if signature_ok is UNCHECKED:
        # one copy of short texts is quicker than many parts
        is_long = len(m.params) + len(m.recipient) > PART_CHARS
        buffer = generate_signed_buffer(m) if is_long else encode_signed_buffer(m)
        signature_ok = is_valid_signature(m.pubkey, m.txid, buffer, allow_long_ids=long_ids)
    if not signature_ok:
        return Violation(Rule.M3, "the signature is invalid")
    return None


def find_policy_violation(
    params: ChainParams, m: Message, registered: Collection[str] | Unchecked
) -> Violation | None:
    """The first of M4, M5 and M6 that the message breaks, or None.  M6 is left out where nobody looked."""
    # M4 [REJECT, class C] the recipient is an address of the network
    # (or the signed buffer could be cut elsewhere)
    if not is_valid_address(m.recipient, params.address_byte):
        return Violation(Rule.M4, "the recipient is not an address of the network")
    # M5 [REJECT, class C] no legacy node stumbles over its params
    if not is_safe_params(m.params):
        return Violation(Rule.M5, "params are too long, read as a number or leave the safe alphabet")
    return None if registered is UNCHECKED else find_sender_violation(params, m, registered)


def find_sender_violation(params: ChainParams, m: Message, registered: Collection[str]) -> Violation | None:
    """Whether the message breaks M6, which costs nothing to see."""
    # M6 [REJECT, class C] the sender is registered for this or the previous round
    if m.sender != params.control_pos and m.sender not in registered:
        return Violation(Rule.M6, "the sender is not registered for this or the previous round")
    return None


def is_safe_params(params: str) -> bool:
    """M5: at most 256 bytes of the safe alphabet, not reading as a number (spec 8)."""
    return len(params) <= MAX_PARAMS and bool(_SAFE_PARAMS.fullmatch(params)) and not reads_as_number(params)


def reads_as_number(params: str) -> bool:
    """Whether SQLite would give a number back for this text in a column of numeric affinity."""
    return bool(_NUMBER.fullmatch(params))


def find_time_violation(params: ChainParams, m: Message, now: float) -> Violation | None:
    """Why a mempool does not take the message at ``now`` (unix s, with fractions) as far as time goes: it is
    too far in the future, or too old."""
    if m.timestamp - now > params.future_allowed_s:
        return Violation(Rule.TOO_EARLY, f"over {params.future_allowed_s} s in the future")
    if now - m.timestamp > params.message_age_s:
        return Violation(Rule.TOO_OLD, f"over {params.message_age_s} s old")
    return None


def list_signature_checks(messages: Iterable[Message]) -> list[SignatureTriple]:
    """What to verify for M3, one triple for each message, in order: it may be done in other threads.  An
    unrepresentable message gets a triple that is never valid."""
    return [_to_triple(m) for m in messages]


def find_core_violations(
    params: ChainParams, messages: Sequence[Message], verdicts: Sequence[bool] | Unchecked = UNCHECKED
) -> list[Violation | None]:
    """The first of M1, M2 and M3 that each message of a block breaks, in order; None where it breaks none.
    ``verdicts``: those of ``list_signature_checks(messages)``, in order; UNCHECKED verifies here."""
    nobody: list[Unchecked] = [UNCHECKED] * len(messages)
    signatures: Sequence[bool | Unchecked] = nobody if verdicts is UNCHECKED else verdicts
    return [
        find_core_violation(params, m, sealed=True, signature_ok=signature_ok)
        for m, signature_ok in zip(messages, signatures, strict=True)
    ]


def check_messages(
    params: ChainParams, messages: Sequence[Message], verdicts: Sequence[bool] | Unchecked = UNCHECKED
) -> dict[bytes, Violation]:
    """Messages of one block that break M1, M2 or M3: txid to what ``find_core_violations`` says."""
    found = find_core_violations(params, messages, verdicts)
    return {m.txid: broken for m, broken in zip(messages, found, strict=True) if broken is not None}


def _find_malformation(m: Message, *, long_ids: bool) -> str:
    """Why M1 does not hold, the sender's address apart; empty when it does."""
    if not (
        0 <= m.block_height <= UINT32_MAX
        and 0 <= m.timestamp <= UINT32_MAX
        and 0 <= m.what <= UINT32_MAX
        and 0 <= m.value <= UINT32_MAX
    ):
        return "a number is not an unsigned one of 32 bits"
    if len(m.pubkey) != PUBKEY_BYTES:
        return f"the public key has {len(m.pubkey)} bytes, not {PUBKEY_BYTES}"
    if not ID_BYTES <= len(m.txid) <= (MAX_ID_BYTES if long_ids else ID_BYTES):
        return f"the id has {len(m.txid)} bytes"
    if not (m.recipient.isascii() and m.params.isascii()):
        return "recipient or params are not ASCII"
    return ""


def _to_triple(m: Message) -> SignatureTriple:
    try:
        return m.pubkey, m.txid, encode_signed_buffer(m)
    except Reject:
        return m.pubkey, b"", b""
