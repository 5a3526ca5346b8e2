"""What makes a block valid on top of a given one (spec 4, a valid block).

``find_violations`` lists every rule that a block breaks.  ``is_refused`` decides whether one violation is a
reason to refuse the block.  That depends on the class of the rule, and on whether the network is mixed
(legacy nodes take part):

* class A: always refused;
* class B: refused on a network that is not mixed.  On a mixed one, refused if we forged the block or it was
  pushed to us.  A block that was *fetched* in a branch is accepted with its violation if most of the counted
  peers hold the branch: legacy nodes take the better chain, whoever forged it, and we have to follow them;
* class C: refused on a network that is not mixed, accepted on a mixed one.

The past has exceptions, which are fields of ``ChainParams``: ``lenient_below``, ``exceptions`` and
``dead_tips``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Final

from hypernode.core.address import compute_address
from hypernode.core.block import count_sources, encode_raw_block
from hypernode.core.encoded_size import compute_block_size
from hypernode.core.errors import Ignore, Reject, TooFewHold, Verdict
from hypernode.core.hashing import h20
from hypernode.core.packed_messages import PackedMessages, list_senders, list_times, list_txids
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.rules import UNCHECKED, Rule, RuleClass, Unchecked, Violation
from hypernode.core.signing import generate_pubkeys, is_valid_signature
from hypernode.core.timeline import compute_round_slot
from hypernode.core.types import Block
from hypernode.core.validate_message import find_policy_violation

_NOT_THE_JUROR: Final = "the forger is not the juror of the slot"
STRUCTURAL: Final = frozenset((Rule.B1, Rule.B10, Rule.B12))
"""Rules that ``exceptions`` do not cover: a block that breaks one cannot be stored."""
SIZES: Final = frozenset((Rule.B7, Rule.B14, Rule.B15))
"""Rules about the size of a block.  A violation of one that is of class B is about the size alone."""
LENIENT: Final = frozenset((Rule.B2, Rule.B3, Rule.B4, Rule.B5, Rule.B6, Rule.B7, Rule.B8, Rule.B9, Rule.B11))
"""Rules that are no reason to refuse a block below ``lenient_below``: violations are counted and shown."""


class Origin(Enum):
    """Where a block comes from."""

    OWN = "own"
    PUSHED = "pushed"
    FETCHED = "fetched"


@dataclass(frozen=True, slots=True)
class HeadContext:
    """What the rules on a block's head (1 to 6) need to know besides the block.

    ``juror`` is the address that holds the block's slot by the history of its branch, None if the slot has no
    juror; UNCHECKED leaves rule 6 out.  ``now`` (unix s) is None for blocks of the past.  ``forger_pubkey``
    is the forger's key, if known."""

    parent: Block
    juror: str | Unchecked | None
    now: float | None = None
    forger_pubkey: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockContext(HeadContext):
    """What the rules on a whole block need to know besides the block.

    ``registered`` are the PoS addresses registered in the block's round or the round before; UNCHECKED leaves
    M6 out.  ``known_ids`` are those of the block's txids that the chain below it holds.  ``slot_taken``: a
    block below it has the same slot.  ``bad_messages``: by txid, the violation of each message that breaks M1
    to M3; UNCHECKED leaves rule 11 out."""

    registered: Collection[str] | Unchecked
    known_ids: Collection[bytes]
    slot_taken: bool
    bad_messages: Mapping[bytes, Violation] | Unchecked


def find_violations(params: ChainParams, block: Block, context: BlockContext) -> tuple[Violation, ...]:
    """Every rule of spec 4 that the block breaks, in the order of the spec, each at most once."""
    size = compute_block_size(block)
    return tuple(_weigh(params, block, size, _judge(params, block, context, size)))


def validate_juror(params: ChainParams, header: Block, juror: str | None, origin: Origin) -> None:
    """Check rule 6 alone, before anything else of the block is looked at.  Raises Reject."""
    if header.forger != juror:
        _refuse(params, header, Violation(Rule.B6, _NOT_THE_JUROR), origin)


def validate_head(params: ChainParams, block: Block, context: HeadContext, origin: Origin) -> None:
    """Check rules 1 to 6, which need only the ids of the block's messages.  Raises Reject for the first
    violation that is a reason to refuse the block."""
    for violation in _judge_head(params, block, context):
        _refuse(params, block, violation, origin)


def validate_shape(params: ChainParams, block: Block, origin: Origin) -> None:
    """Check what needs neither the chain nor the messages' addresses and signatures: rules 7 to 9, 14 and 15,
    and of rule 10 that no message is in the block twice.  Raises Reject; Ignore for a pushed block that is
    merely too large, TooFewHold for a fetched one on a mixed network."""
    size = compute_block_size(block)
    found = (*_judge_shape(params, block, ()), *_judge_size(params, size))
    for violation in _weigh(params, block, size, found):
        _refuse(params, block, violation, origin)


def _weigh(params: ChainParams, block: Block, size: int, found: Iterable[Violation]) -> Iterator[Violation]:
    """Mark as eased (class B instead of A) what is merely too large on a mixed network: legacy nodes accept
    larger blocks than we forge, and then most of the network hold them."""
    for violation in found:
        is_mere_size = violation.rule is Rule.B15 or (
            violation.rule is Rule.B7 and _find_count_fault(params, block) is None
        )
        eased = params.mixed and is_mere_size and size <= params.mixed_block_bytes
        yield replace(violation, eased=True) if eased else violation


def _judge(params: ChainParams, block: Block, context: BlockContext, size: int) -> Iterator[Violation]:
    yield from _judge_head(params, block, context)
    yield from _judge_shape(params, block, context.known_ids)
    yield from _judge_messages(params, block, context)
    yield from _judge_size(params, size)


def _judge_head(params: ChainParams, block: Block, context: HeadContext) -> Iterator[Violation]:
    parent = context.parent
    # B1 [REJECT, class A] it follows its parent
    if block.height != parent.height + 1 or block.previous_hash != parent.block_hash:
        yield Violation(Rule.B1, "it does not follow the block below it")
    # B2 [REJECT, class B] its slot is later than the parent's, and one that has a juror
    if (block.round, block.sir) <= (parent.round, parent.sir) or not 0 <= block.sir < params.slots:
        yield Violation(Rule.B2, "its slot is not later than the parent's, or has no juror")
    # B3 [REJECT, class B] its time is in its slot, not before the parent's, not in the future
    if (reason := _find_time_fault(params, block, parent, context.now)) is not None:
        yield Violation(Rule.B3, reason)
    # B4 [REJECT, class A] its hash is that of its contents
    raw = _encode_raw(block)
    if raw is None or block.block_hash != h20(raw):
        yield Violation(Rule.B4, "block_hash is not the hash of the block")
    # B5 [REJECT, class A] its forger signed it
    if raw is None or not is_signed_by_forger(params, block, raw, context.forger_pubkey):
        yield Violation(Rule.B5, "the signature is not the forger's")
    # B6 [REJECT, class B] its forger holds the slot
    if context.juror is not UNCHECKED and block.forger != context.juror:
        yield Violation(Rule.B6, _NOT_THE_JUROR)


def _judge_shape(params: ChainParams, block: Block, known_ids: Collection[bytes]) -> Iterator[Violation]:
    # B7 [REJECT, class A] it says how many messages it carries, and they are enough and not too many
    if (reason := _find_count_fault(params, block)) is not None:
        yield Violation(Rule.B7, reason)
    elif block.msg_count > params.max_block_messages:
        yield Violation(Rule.B7, f"{block.msg_count} messages, over {params.max_block_messages}")
    # B8 [REJECT, class A] it says how many senders they have, and these are enough
    if (reason := _find_sources_fault(params, block)) is not None:
        yield Violation(Rule.B8, reason)
    # B9 [REJECT, class B] its messages are in the order of their times, and of its own time
    if (reason := _find_order_fault(params, block)) is not None:
        yield Violation(Rule.B9, reason)
    # B10 [REJECT, class A] no message is sealed twice
    txids = set(list_txids(block.messages))
    if len(txids) != len(block.messages) or not txids.isdisjoint(known_ids):
        yield Violation(Rule.B10, "a message is in it twice, or in the chain already")


def _judge_messages(params: ChainParams, block: Block, context: BlockContext) -> Iterator[Violation]:
    # B11 [REJECT, class A] every message holds M1 to M3
    bad = context.bad_messages
    if bad is not UNCHECKED and (
        invalid := next((bad[txid] for txid in list_txids(block.messages) if txid in bad), None)
    ):
        yield Violation(Rule.B11, f"a message of it is invalid: {invalid}", cause=invalid)
    # B12 [REJECT, class A] it is the only block of its slot
    if context.slot_taken:
        yield Violation(Rule.B12, "its slot has a block already")
    # B13 [REJECT, class C] every message holds M4 to M6
    suspects = () if _is_within_policy(params, block, context) else block.messages
    broken = (find_policy_violation(params, m, context.registered) for m in suspects)
    if policy := next((b for b in broken if b is not None), None):
        yield Violation(Rule.B13, f"a message of it is against the policy: {policy}", cause=policy)


def _is_within_policy(params: ChainParams, block: Block, context: BlockContext) -> bool:
    """Whether it is known already that no message breaks M4 to M6.  Of packed messages M4 and M5 were checked
    when they were packed, so only M6 is checked here."""
    messages = block.messages
    if not isinstance(messages, PackedMessages) or not messages.is_safe:
        return False
    listed = context.registered
    return listed is UNCHECKED or all(
        sender == params.control_pos or sender in listed for sender in list_senders(messages)
    )


def _judge_size(params: ChainParams, size: int) -> Iterator[Violation]:
    # B14 [REJECT, class B; pushed: IGNORE] it fits into the frame of a pushed block
    if size > params.max_block_bytes:
        yield Violation(Rule.B14, f"encoded it has {size} bytes, over {params.max_block_bytes}")
    # B15 [REJECT, class A; mixed: B] it can be given on, alone in an answer
    if size > params.giant_block_bytes:
        yield Violation(Rule.B15, f"encoded it has {size} bytes, over {params.giant_block_bytes}")


def is_refused(
    params: ChainParams, block: Block, violation: Violation, origin: Origin, majority_holds: bool = False
) -> bool:
    """Whether the violation is a reason to refuse the block.  ``majority_holds``: most of the counted peers
    in sight hold the branch that it was fetched in."""
    if violation.rule not in STRUCTURAL and (block.height, block.block_hash) in params.exceptions:
        return False
    if violation.rule in LENIENT and block.height < params.lenient_below:
        return False
    if violation.cls is RuleClass.B and params.mixed:
        return not (origin is Origin.FETCHED and majority_holds)
    if violation.cls is RuleClass.C:
        return not params.mixed
    return True


def validate_block(
    params: ChainParams, block: Block, context: BlockContext, origin: Origin, majority_holds: bool = False
) -> tuple[Violation, ...]:
    """Check all rules; return the violations that are tolerated, to be counted and shown.

    Raises Reject for the first violation that is not tolerated, and for a block of a branch that the network
    left.  For a block that is merely too large it raises Ignore if it was pushed, and TooFewHold if it was
    fetched on a mixed network: its sender may be honest, since strangers can fill the mempool of a legacy
    juror, and legacy nodes accept such a block."""
    # [REJECT] it is in no branch that the network left for good
    if (dead := find_dead_tip(params, block)) is not None:
        raise Reject.of(dead)
    violations = find_violations(params, block, context)
    for violation in violations:
        _refuse(params, block, violation, origin, majority_holds)
    return violations


def find_dead_tip(params: ChainParams, block: Block) -> Violation | None:
    """The violation of a block that is in a branch that the network left for good; None for any other."""
    if (block.height, block.block_hash) in params.dead_tips:
        return Violation(Rule.DEAD_TIP, "the network left this branch for good")
    return None


def _refuse(
    params: ChainParams, block: Block, violation: Violation, origin: Origin, majority_holds: bool = False
) -> None:
    """Raise Reject or Ignore if the violation is a reason to refuse the block."""
    if is_refused(params, block, violation, origin, majority_holds):
        raise _find_verdict(params, violation, origin).of(violation)


def _find_verdict(params: ChainParams, violation: Violation, origin: Origin) -> type[Verdict]:
    if violation.rule is Rule.B14 and origin is Origin.PUSHED:
        return Ignore
    if violation.rule in SIZES and violation.cls is RuleClass.B and params.mixed and origin is Origin.FETCHED:
        return TooFewHold
    return Reject


def is_signed_by_forger(params: ChainParams, block: Block, raw: bytes, pubkey: bytes | None = None) -> bool:
    """Whether the forger signed ``raw``.  With the forger's key the signature is verified; without it, one of
    the keys recovered from the signature must have the forger's address."""
    if pubkey is not None and compute_address(pubkey, params.address_byte) == block.forger:
        return is_valid_signature(pubkey, block.signature, raw)
    return find_forger_key(params, block, raw) is not None


def find_forger_key(params: ChainParams, block: Block, raw: bytes) -> bytes | None:
    """The forger's public key, recovered from the block's signature of ``raw``; None if another signed."""
    keys = generate_pubkeys(block.signature, raw)
    return next((k for k in keys if compute_address(k, params.address_byte) == block.forger), None)


def _find_time_fault(params: ChainParams, block: Block, parent: Block, now: float | None) -> str | None:
    if compute_round_slot(params, block.timestamp) != (block.round, block.sir):
        return "its timestamp is not in its slot"
    if block.timestamp < parent.timestamp:
        return "its timestamp is before the parent's"
    if now is not None and block.timestamp - now > params.future_allowed_s:
        return "its timestamp is in the future"
    return None


def _find_count_fault(params: ChainParams, block: Block) -> str | None:
    if block.msg_count != len(block.messages):
        return "msg_count is not the number of messages"
    if block.msg_count < params.min_block_messages:
        return f"{block.msg_count} messages are too few"
    return None


def _find_sources_fault(params: ChainParams, block: Block) -> str | None:
    if block.uniques_sources != count_sources(block.messages):
        return "uniques_sources is not the number of senders"
    if block.uniques_sources < params.min_block_sources:
        return f"messages of fewer than {params.min_block_sources} senders"
    return None


def _find_order_fault(params: ChainParams, block: Block) -> str | None:
    times = list_times(block.messages)
    if any(earlier > later for earlier, later in pairwise(times)):
        return "the timestamps of its messages do not ascend"
    oldest = block.timestamp - params.message_age_s - params.slot_s
    if times and (times[-1] > block.timestamp + params.future_allowed_s or times[0] < oldest):
        return "a message of it is too old or from its future"
    return None


def _encode_raw(block: Block) -> bytes | None:
    """The raw buffer; None for a block that cannot be written down."""
    try:
        return encode_raw_block(block)
    except Reject:
        return None
