"""Every rule of the network as a member of ``Rule``, and ``Violation`` for one that is broken
(``docs/rules.rst``).

A ``Rule`` is an object and is compared as one.  Its texts are for people and for what is stored: ``number``
as the ledger keeps it with a finding and as the documentation lists it, ``label`` as refusals, logs, answers
and vectors show it.  Neither is ever compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType
from typing import Final

_MESSAGE: Final = "spec 4, a valid message"
_BLOCK: Final = "spec 4, a valid block"
_MEASURES: Final = "spec 4, measures without counting"
_CHOICE: Final = "spec 4, which chain is better"
_REGISTER: Final = "spec 5, registration"


class RuleClass(Enum):
    """Where a rule counts (spec 4, classes)."""

    A = "A"
    """Always and everywhere, but for the exceptions that are data of the network."""
    B = "B"
    """For what we forge and for what is pushed; on a mixed network not in a branch that most hold."""
    C = "C"
    """Where the network is not mixed; on a mixed one it is policy of the mempool only."""


_A, _B, _C = RuleClass.A, RuleClass.B, RuleClass.C


class Rule(Enum):
    """A rule: its number, its class, what holds where it is kept, and the part of the spec it is from."""

    # messages
    M1 = "M1", _A, "it can be written down, and its sender is an address", _MESSAGE
    M2 = "M2", _A, "the public key is the sender's", _MESSAGE
    M3 = "M3", _A, "the signature is valid", _MESSAGE
    M4 = "M4", _C, "the recipient is an address of the network", _MESSAGE
    M5 = "M5", _C, "no legacy node stumbles over its params", _MESSAGE
    M6 = "M6", _C, "the sender is registered for this or the previous round", _MESSAGE
    # blocks
    B1 = "1", _A, "it follows its parent", _BLOCK
    B2 = "2", _B, "its slot is later than the parent's, and one that has a juror", _BLOCK
    B3 = "3", _B, "its time is in its slot, not before the parent's, not in the future", _BLOCK
    B4 = "4", _A, "its hash is that of its contents", _BLOCK
    B5 = "5", _A, "its forger signed it", _BLOCK
    B6 = "6", _B, "its forger holds the slot", _BLOCK
    B7 = (
        "7",
        _A,
        "it says how many messages it carries, and they are enough and not too many",
        _BLOCK,
    )
    B8 = "8", _A, "it says how many senders they have, and these are enough", _BLOCK
    B9 = "9", _B, "its messages are in the order of their times, and of its own time", _BLOCK
    B10 = "10", _A, "no message is sealed twice", _BLOCK
    B11 = "11", _A, "every message holds M1 to M3", _BLOCK
    B12 = "12", _A, "it is the only block of its slot", _BLOCK
    B13 = "13", _C, "every message holds M4 to M6", _BLOCK
    B14 = "14", _B, "it fits into the frame of a pushed block", _BLOCK
    B15 = "15", _A, "it can be given on, alone in an answer", _BLOCK
    # what is stored about a block
    MEASURES = (
        "measures",
        _A,
        "the height that is stored with a block is what is counted",
        "spec 4, measures without counting",
    )
    KPIS = "kpis", _A, "the totals of a round are those of its blocks", "spec 7"
    # chains and their blocks
    DEAD_TIP = "4-ledger", _A, "it is in no branch that the network left for good", _BLOCK
    PROMISE = "4-ledger", _A, "a branch comes out as its peer told it", "spec 6, syncing"
    DEPTH = "4-ledger", _A, "what replaces our blocks may go back that far", _CHOICE
    HISTORY = "4-ledger", _A, "blocks of the early history are fetched, not pushed", _BLOCK
    STORED = "4-ledger", _A, "what is asked for is stored and can be given", "spec 4, storage"
    # the mempool
    TOO_EARLY = "4-ledger", _C, "a message is not far in the future", _MESSAGE
    TOO_OLD = "4-ledger", _C, "a message is not too old for a block", _MESSAGE
    KNOWN = "mempool", _C, "a message is not held already", "spec 6, mempool"
    SEALED = "mempool", _C, "neither a message nor its twin is in the chain", "spec 6, mempool"
    QUOTA = "mempool", _C, "a sender is below its quota for the round", "spec 6, mempool"
    ROOM = "mempool", _C, "there is room for a message", "spec 6, mempool"
    # registrations
    R1 = "rule 1", _A, "the ip is a literal IPv4 address", _REGISTER
    R2 = "rule 2", _A, "sender and reward address are Bismuth addresses", _REGISTER
    R3 = "rule 3", _A, "the PoS address is one of the network", _REGISTER
    R4 = "rule 4", _A, "no registration has the ip", _REGISTER
    R5 = "rule 5", _A, "no registration has the PoS address", _REGISTER
    R6 = "rule 6", _A, "the sender has no registration", _REGISTER
    R7 = "rule 7", _A, "the collateral gives a weight", _REGISTER
    U1 = "unregister 1", _A, "a registered sender names its own registration", _REGISTER
    U2 = (
        "unregister 2",
        _A,
        "the sender has a registration, or is the control address",
        _REGISTER,
    )
    U3 = "unregister 3", _A, "there is what the control address ends", _REGISTER
    V1 = "void 1", _A, "the control address voids", _REGISTER
    V2 = "void 2", _A, "what is voided no longer was voided", _REGISTER
    V3 = "void 3", _A, "what is voided is registered", _REGISTER
    VOIDED = "void", _A, "the PoS address is not voided: it would get no slots", _REGISTER
    FIRST_HEIGHT = (
        "first height",
        _A,
        "registrations begin at a height of the PoW chain",
        _REGISTER,
    )
    SIGNATURE = "signature", _A, "the signature of a row is its sender's", "spec 5, verifying"
    OPENFIELD = "5-pow openfield", _A, "an openfield can be read", _REGISTER
    OPERATION = "operation", _A, "the operation is one of the registry's", _REGISTER
    PORT = "port", _A, "the port is a number that can be dialled", _REGISTER
    REASON = "openfield", _A, "a reason is without the separators of an openfield", _REGISTER
    # what peers send and ask
    DATA = "1-data", _A, "numbers and texts fit what is hashed, signed and sent", "spec 1"
    WIRE = "2-wire", _A, "frames, commands and answers are as agreed", "spec 2"
    COMPANION = "5-pow", _A, "the companion can answer for what is asked", "spec 5"
    DUTY = "6-node", _A, "a node can do and answer what its round asks", "spec 6"
    FORGING = (
        "6-node",
        _A,
        "a block has messages enough, of senders enough",
        "spec 6, forging",
    )
    LEGACY = "8-legacy", _A, "what legacy nodes do by a fault of theirs is not done", "spec 8"
    PEER_TEST = "6-node", _A, "a test of a peer is answered rightly", "spec 6, testing peers"

    def __init__(self, number: str, cls: RuleClass, text: str, source: str) -> None:
        self.number = number
        self.cls = cls
        self.text = text
        self.source = source

    @property
    def label(self) -> str:
        """How a refusal names it."""
        return f"rule {self.number}" if self.name in _BLOCK_NAMES else self.number


_BLOCK_NAMES: Final = frozenset(f"B{number}" for number in range(1, 16))
BLOCK_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.number: rule for rule in Rule if rule.name in _BLOCK_NAMES}
)
"""The numbered rules of blocks, as findings of the ledger name them; in their order."""
IGNORED: Final = frozenset((Rule.TOO_OLD, Rule.KNOWN, Rule.SEALED, Rule.QUOTA, Rule.ROOM))
"""A message that breaks these is of no use, which is nobody's fault: peers give on what others wrote."""
MESSAGE_RULES: Final = (Rule.M1, Rule.M2, Rule.M3, Rule.M4, Rule.M5, Rule.M6)
NUMBERED_RULES: Final[Mapping[str, Rule]] = MappingProxyType(
    {rule.number: rule for rule in (*MESSAGE_RULES, *BLOCK_RULES.values())}
)
"""Of messages and of blocks, by the number that is stored."""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule that something breaks, and how in plain words.

    ``eased``: on this network, for this block, the rule is of class B though it is of class A (spec 4, rules
    7 and 15).  ``cause``: what a message of the block breaks, where that is what is wrong with it."""

    rule: Rule
    reason: str
    eased: bool = False
    cause: Violation | None = None

    @property
    def cls(self) -> RuleClass:
        """The class that decides where it counts."""
        return RuleClass.B if self.eased else self.rule.cls

    def __str__(self) -> str:
        return f"{self.rule.label}: {self.reason}"


class Unchecked(Enum):
    """Stands where a check has no result because nobody looked, which is not the same as nothing found."""

    UNCHECKED = "nobody looked"


UNCHECKED: Final = Unchecked.UNCHECKED
