"""The companion as the settings name it, for the daemon and for tools."""

from __future__ import annotations

from hypernode.node.config_table import ConfigError
from hypernode.node.settings import Settings
from hypernode.ports import PowSource
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.pow.ledger_source import LedgerPowSource


def open_pow_source(settings: Settings) -> PowSource:
    """A fixed list where the network has one, else the companion's ledger file.  Raises ConfigError."""
    if settings.network.hypernodes:
        return FixedPowSource(settings.network)
    if settings.pow_source == "node":
        raise ConfigError(
            str(settings.config_path),
            0,
            "POW_SOURCE",
            "this version reads the companion's ledger file only",
            "Set POW_SOURCE=ledger and POW_LEDGER_DB to its ledger.db",
        )
    return LedgerPowSource(settings.pow_ledger_path, settings.network)
