"""The parameters that the network's control address may tune each round (spec 5, coloured lists).

``TUNABLES`` is the one table of them: names, bounds, who may set them, and what they mean.  The rows of
operators' files, the checks of ``rainbow``, the answer to getconfig and the tables of the documentation are
made from it.  Their values are a ``Tunables``: one that the network begins with
(``ChainParams.default_tunables``), one with the operator's values over it, and in each round one with those
of ``rainbow`` over both.  Only the last is in force, and who needs a value asks for it when it is needed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, Literal, TypeAlias

TunableValue: TypeAlias = int | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tunables:
    """One value of each."""

    posnet_allow: tuple[str, ...]
    max_connect_to: int = 40
    block_sync_count: int = 20
    allow_updates_from: tuple[str, ...] = ()
    tests_per_slot: int = 8
    ping_delay_s: int = 30
    min_forge_consensus: int = 18
    max_txs_to_sync: int = 2_000
    max_txs_per_block: int = 3_000


class TunableOrigin(Enum):
    """Where a value in force comes from, as getconfig and the status name it."""

    DEFAULT = "network"
    """The network's own."""
    OPERATOR = "operator"
    CHAIN = "rainbow"


@dataclass(frozen=True, slots=True)
class Tunable:
    """A row of the table."""

    key: str
    """Its name in operators' files, in ``rainbow`` and in getconfig."""
    field: str
    """Of ``Tunables``."""
    kind: Literal["whole number", "ip addresses", "posnets"]
    meaning: str
    least: int = 0
    most: int = 0
    """Of a number, in operators' files."""
    chain_most: int | None = None
    """The most that ``rainbow`` may set, where it is less than ``most``."""
    is_operators: bool = True
    """The operator may set it; what all nodes must agree on only the network's file and ``rainbow`` do."""

    @property
    def most_of_chain(self) -> int:
        return self.most if self.chain_most is None else self.chain_most


TUNABLES: Final = (
    Tunable("POSNET_ALLOW", "posnet_allow", "posnets", "networks that a peer may name in its hello"),
    Tunable(
        *("MAX_CONNECT_TO", "max_connect_to", "whole number"),
        *("hypernodes of the round's list that we connect to", 1, 1_000),
    ),
    Tunable(
        *("BLOCK_SYNC_COUNT", "block_sync_count", "whole number", "blocks in one answer to blocksync"),
        *(1, 100),
    ),
    Tunable(
        *("ALLOW_UPDATES_FROM", "allow_updates_from", "ip addresses"),
        "who may ask for an update, when AUTO_UPDATE is on",
    ),
    Tunable(
        *("TESTS_PER_SLOT", "tests_per_slot", "whole number"),
        *("tests of peers in a slot: all nodes agree on it, a network file sets it", 0, 100),
        is_operators=False,
    ),
    Tunable("PING_DELAY", "ping_delay_s", "whole number", "seconds of quiet before a ping", 1, 80),
    Tunable(
        *("MIN_FORGE_CONSENSUS", "min_forge_consensus", "whole number"),
        *("percent of the registered that must be over our chain for us to forge", 0, 100),
        # two thirds: a consensus that the registered cannot reach would stop the network
        chain_most=66,
    ),
    Tunable(
        *("MAX_TXS_TO_SYNC", "max_txs_to_sync", "whole number"),
        *("messages in one exchange of mempools; legacy nodes ignore more", 1, 2_000),
    ),
    Tunable(
        *("MAX_TXS_PER_BLOCK", "max_txs_per_block", "whole number"),
        *("messages in a block that we forge", 4, 10_000),
    ),
)
TUNABLES_BY_KEY: Final[Mapping[str, Tunable]] = {row.key: row for row in TUNABLES}


def list_values(tunables: Tunables) -> dict[str, TunableValue]:
    """The values under their names in configurations, in the table's order."""
    return {row.key: getattr(tunables, row.field) for row in TUNABLES}


def override_tunables(tunables: Tunables, values: Mapping[str, object]) -> Tunables:
    """With other ``values``, by their names in configurations; those are checked already."""
    fields = {TUNABLES_BY_KEY[key].field: value for key, value in values.items()}
    changed: Tunables = replace(tunables, **fields)  # type: ignore[arg-type]
    return changed


def find_origin(key: str, set_by_chain: Sequence[str], set_by_operator: Sequence[str]) -> TunableOrigin:
    """Whose value of a parameter is in force, given the names that either sets."""
    if key in set_by_chain:
        return TunableOrigin.CHAIN
    return TunableOrigin.OPERATOR if key in set_by_operator else TunableOrigin.DEFAULT
