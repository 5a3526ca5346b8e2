"""What an operator chose for his node, and which makers a simulation chose for some of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from hypernode.core.types import Endpoint
from hypernode.node.duty.forger import Forger
from hypernode.node.owner.event_hub import EventHub
from hypernode.node.peers.connector import Connector
from hypernode.node.rpc.handlers import RequestHandlers
from hypernode.wire.catalogue import Limits


@dataclass(frozen=True, slots=True)
class NodeOptions:
    """What an operator chose.  ``own_port`` is said in hello; ``source_ips`` are what we dial out from, where
    this host does not have the one that we are registered with."""

    listen: Endpoint
    own_port: int
    source_ips: tuple[str, ...]
    limits: Limits
    is_journal_new: bool = False
    """The journal was missing at start: no forging before the next round (spec 4)."""
    tunables: Mapping[str, object] = field(default_factory=dict)
    """The operator's values of tunable parameters, by their names in his file."""
    takes_updates: bool = False
    """AUTO_UPDATE is not off."""


@dataclass(frozen=True, slots=True)
class Makers:
    """The classes of those parts that a simulated liar or a test has others for."""

    events: type[EventHub] = EventHub
    forger: type[Forger] = Forger
    connector: type[Connector] = Connector
    handlers: type[RequestHandlers] = RequestHandlers


HONEST: Final = Makers()
