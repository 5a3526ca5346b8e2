"""What the nodes of one network agree on: one immutable value, handed to whatever needs it (spec 3 and 6).

The defaults are those of main.  The networks that are built in are in ``core.params.networks``, those of
files are read by ``core.params.network_file``.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, Final, Literal

from hypernode.core.params.tunables import Tunables
from hypernode.core.types import Height, PowHeight, Round, Timestamp

_MIB: Final = 1024 * 1024
MAIN_SLOT_S: Final = 180.0
"""The slot that the delays below are stated for."""


@dataclass(frozen=True, slots=True)
class FixedHypernode:
    """A hypernode of a network that has a fixed list in place of a PoW chain (spec 6, networks).

    ``collateral`` and ``reward`` are whatever texts the legacy nodes of that network have for them; empty
    ones stand for the PoS address."""

    pos: str
    ip: str
    port: int
    weight: int = 1
    collateral: str = ""
    reward: str = ""


@dataclass(frozen=True, slots=True)
class Delays:
    """Times of spec 6 in seconds, as they are on main (slots of 180 s) until ``scaled``."""

    height_exchange_s: float = 10.0
    height_exchange_in_consensus_s: float = 30.0
    mempool_exchange_s: float = 30.0
    mempool_exchange_seeking_s: float = 20.0
    earliest_forging_s: float = 15.0
    """After the start of the slot."""
    latest_forging_s: float = 15.0
    """Before the end of the slot."""
    grace_s: float = 10.0
    """How long the net may be one round ahead before we call ourselves late."""
    peer_retry_s: float = 20.0
    tick_s: float = 10.0
    """How often the node looks at itself when nothing happens (WAIT)."""

    def scaled(self, slot_s: float) -> Delays:
        """The same delays for slots of another length."""
        part = slot_s / MAIN_SLOT_S
        return Delays(**{f.name: getattr(self, f.name) * part for f in fields(self)})


@dataclass(frozen=True, slots=True)
class ChainParams:
    """Everything that nodes of one network must agree on, and what their own settings begin with."""

    name: str
    mixed: bool
    """Legacy nodes forge here too: rules of class B have their mercy, those of class C are policy."""
    address_byte: int
    magic: bytes
    """Four bytes that open a checked frame; the first is above 0x7F."""
    posnet: str
    default_tunables: Tunables
    """The network's own values of what ``rainbow`` may tune: those in force have the operator's and the
    round's over them."""
    origin_of_time: Timestamp
    control_pow: str
    control_pos: str
    slot_s: int = 180
    slots: int = 19
    """MAX_ROUND_SLOTS: slots that have a juror."""
    closing_slots: int = 1
    """END_ROUND_SLOTS."""
    test_kinds: tuple[int, ...] = (0, 1, 2, 3, 4)
    min_active: int = 10
    min_connections: int = 3
    port: int = 6969
    # the companion
    first_pow_height: PowHeight = 773_801
    pow_block_s: float = 60.0
    pow_confirmations: int = 20
    """The ledger must hold more than this many blocks beyond the reference height."""
    pow_synced_s: int = 900
    """Age of the companion's last block up to which it is in sync."""
    collateral_unit: int = 10_000
    max_weight: int = 3
    collateral_from_round: Round | None = None
    """From this round on a collateral must stay where it is (spec 3, who counts); null: never.  Without
    effect where mixed is true: legacy nodes keep such a hypernode on their list."""
    mirror_end_height: PowHeight = 4_380_000
    reward_pot: str = "3e08b5538a4509d9daa99e01ca5912cda3e98a7f79ca01248c2bde16"
    pow_row_order: Literal["ledger", "operation"] = "ledger"
    """Of registrations within a PoW block: as in the ledger, or all registers before the unregisters, as
    legacy nodes see them whose ledger has an index on operation (spec 5)."""
    reference: Literal["round", "legacy"] = "round"
    genesis: Literal["main", "derived"] = "main"
    hypernodes: tuple[FixedHypernode, ...] = ()
    # defaults of what an operator may set
    min_forge_consensus_low: int = 11
    allow_queries_from: tuple[str, ...] = ("127.0.0.1",)
    # rules with numbers
    future_allowed_s: int = 5
    message_age_s: int = 3_600
    min_block_messages: int = 4
    max_block_messages: int = 10_000
    """What the wire can carry; ``max_txs_per_block`` binds what we forge.  On a mixed network a block with
    more is taken as one of over ``giant_block_bytes`` is."""
    max_block_bytes: int = 3 * _MIB
    """Encoded (rule 14): what we forge, and what a pushed block may have."""
    giant_block_bytes: int = 32 * _MIB - 64 * 1024
    """Encoded (rule 15): what fits alone into an answer."""
    mixed_block_bytes: int = 100 * _MIB
    """Encoded: what legacy nodes read, so that most of a mixed network may hold a block of it."""
    min_block_sources: int = 2
    min_forge_sources: int = 3
    sender_quota: int = 300
    """Messages of one sender that the mempool keeps in a round."""
    keep_rounds: int = 2
    """Blocks older than this many rounds are never replaced by themselves."""
    min_subnets: int = 2
    """/16 networks that must hold the branch we catch up to; 1 on loopback networks."""
    lenient_below: Height = 0
    """History of main: below it rules 2 to 9 and 11 are counted, never a reason to refuse."""
    exceptions: tuple[tuple[Height, bytes], ...] = ()
    """Blocks (height, hash) that are taken whatever they break but rules 1, 10 and 12, without which there
    is no chain."""
    dead_tips: tuple[tuple[Height, bytes], ...] = ()
    """Blocks (height, hash) of branches that the network left for good."""
    delays: Delays = Delays()

    @property
    def slots_total(self) -> int:
        return self.slots + self.closing_slots

    @property
    def round_s(self) -> int:
        """ROUND_TIME_SEC."""
        return self.slot_s * self.slots_total


_TUNABLE_FIELDS: Final = frozenset(f.name for f in fields(Tunables))


def replace_fields(params: ChainParams, **changes: Any) -> ChainParams:
    """With other values of fields of ``ChainParams``, or of its ``default_tunables``."""
    tunables = {name: value for name, value in changes.items() if name in _TUNABLE_FIELDS}
    others = {name: value for name, value in changes.items() if name not in tunables}
    if tunables:
        others["default_tunables"] = replace(params.default_tunables, **tunables)
    changed: ChainParams = replace(params, **others)
    return changed
