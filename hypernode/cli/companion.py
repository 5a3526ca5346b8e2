"""The companion and our own ledger, opened to be read by tools: beside a running node, or without one."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hypernode import __version__
from hypernode.cli.flag_types import parse_path

if TYPE_CHECKING:
    from hypernode.config.settings import Flags, Settings
    from hypernode.core.params.chain_params import ChainParams
    from hypernode.pow.ledger.file import LedgerFile
    from hypernode.pow.ledger.source import LedgerPowSource


@dataclass(frozen=True, slots=True)
class Companion:
    """The PoW chain of a network: its lists, and the ledger file that they come from."""

    params: ChainParams
    source: LedgerPowSource
    file: LedgerFile


def add_folder_flags(parser: argparse.ArgumentParser) -> None:
    """The flags that say which node's configuration holds; the same as those of ``hn_instance.py``."""
    parser.add_argument("--home", type=parse_path, help="run folder (default: this one)")
    parser.add_argument("--config", type=parse_path, help="overrides (default: config.txt of the run folder)")
    parser.add_argument("--network", help="mainnet, testnet, or a network file")
    parser.add_argument("--pow-ledger", type=parse_path, help="the companion's ledger file")
    parser.add_argument("-V", "--version", action="version", version=f"hypernode {__version__}")


def load_tool_settings(args: argparse.Namespace, *, needs_node: bool = False) -> Settings:
    """The settings of the node in the run folder, as it runs or would be started; ``needs_node``: one must
    live there.  Raises ConfigError."""
    from hypernode.app.home import check_home, check_named_home
    from hypernode.config.paths import get_start_folder
    from hypernode.config.run_file import follow_running
    from hypernode.config.settings import load_settings

    flags = read_flags(args)
    settings = load_settings(follow_running(flags, get_start_folder()), get_start_folder())[0]
    (check_home if needs_node else check_named_home)(settings, flags)
    return settings


def read_flags(args: argparse.Namespace) -> Flags:
    """The folder flags of a command line."""
    from hypernode.config.settings import Flags

    return Flags(
        home=args.home,
        config=args.config,
        network=args.network,
        wallet=getattr(args, "wallet", None),
        pow_ledger=args.pow_ledger,
        index=getattr(args, "index", None),
    )


def open_companion(settings: Settings) -> Companion:
    """Its ledger file, read in line, on from what a running node has kept of it.  Raises ConfigError for
    a network that has a fixed list in its place."""
    from hypernode.config.parameter_table import ConfigError
    from hypernode.pow.ledger.file import LedgerFile
    from hypernode.pow.ledger.registry import RegistryOptions
    from hypernode.pow.ledger.source import LedgerPowSource

    if settings.params.hypernodes:
        expected = f"{settings.params.name} has a fixed list of hypernodes and no PoW chain"
        raise ConfigError("--network", 0, "", expected, "Name a network with registrations")
    source = LedgerPowSource(
        settings.pow_ledger_path,
        settings.params,
        inline=True,
        options=RegistryOptions(
            verify=settings.pow_verify, cache_path=settings.registrations_path, copy_cache=True
        ),
        warn=lambda text: print(text, file=sys.stderr),
    )
    return Companion(settings.params, source, LedgerFile(settings.pow_ledger_path))
