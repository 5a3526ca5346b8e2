"""Opens the companion as the configuration says: its ledger file, its TCP port, or the port while the file
cannot be read."""

from __future__ import annotations

import logging

from hypernode.app.system_clock import SystemClock
from hypernode.config.settings import Settings
from hypernode.core.types import Endpoint
from hypernode.net.tornado_connections import TornadoConnections
from hypernode.ports.connections import Connections
from hypernode.ports.registrations import FeedReader, PowSource
from hypernode.pow.failover_source import FailoverPowSource
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.pow.last_seen import LastSeen
from hypernode.pow.ledger.registry import RegistryOptions
from hypernode.pow.ledger.source import LedgerPowSource
from hypernode.pow.node_source import NodePowSource

COLOURED_NAME = "colored.json"
APP_LOG = logging.getLogger("tornado.application")


def open_pow_source(
    settings: Settings, connections: Connections | None = None, *, owns_data: bool = False
) -> PowSource:
    """A fixed list where the network has one, else the companion.  The node ``owns_data``: what it reads of a
    ledger is kept there; a tool beside it starts from a copy and keeps nothing."""
    if settings.params.hypernodes:
        return FixedPowSource(settings.params)
    last_seen = LastSeen(settings.last_seen_path, is_ours=owns_data, warn=APP_LOG.warning)
    if settings.pow_source == "node":
        return _open_node(settings, connections, last_seen)
    ledger = LedgerPowSource(
        settings.pow_ledger_path,
        settings.params,
        options=RegistryOptions(
            verify=settings.pow_verify,
            cache_path=settings.registrations_path,
            copy_cache=not owns_data,
        ),
        log=APP_LOG.info,
        warn=APP_LOG.warning,
        last_seen=last_seen,
    )
    if settings.pow_fallback != "node":
        return ledger
    node = _open_node(settings, connections, last_seen)
    return FailoverPowSource(ledger, node, log=APP_LOG.info, warn=APP_LOG.warning)


def find_feed(source: PowSource) -> FeedReader | None:
    """What can tell the registry as it is now: the companion's ledger, alone or before its port."""
    if isinstance(source, FailoverPowSource):
        return find_feed(source.first)
    return source if isinstance(source, LedgerPowSource) else None


def _open_node(settings: Settings, connections: Connections | None, last_seen: LastSeen) -> NodePowSource:
    folder = settings.pow_node_path
    return NodePowSource(
        settings.params,
        connections or TornadoConnections(),
        Endpoint(settings.pow_ip, settings.pow_port),
        SystemClock().monotonic,
        folder / COLOURED_NAME if folder is not None else None,
        last_seen,
    )
