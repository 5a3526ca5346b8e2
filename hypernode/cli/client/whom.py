"""Which node a client asks if its command line does not say: that of the run folder.

As it runs (``data/run.json``), else as it is configured.  A folder that is no run folder of ours says nothing
(the PoW node has a ``config.txt``, too).
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from hypernode.app.home import check_home
from hypernode.cli.client.identity import DEFAULT_WALLET
from hypernode.config.networks import load_network_of_client, name_network
from hypernode.config.run_file import RUN_NAME, follow_running
from hypernode.config.settings import (
    ANY_IP,
    CONFIG_NAME,
    DATA_NAME,
    Flags,
    Settings,
    load_settings,
    resolve_home,
)

if TYPE_CHECKING:
    from hypernode.core.params.chain_params import ChainParams

LOOPBACK: Final = "127.0.0.1"
_DEFAULT_NETWORK: Final = "mainnet"
_MARKS: Final = (DEFAULT_WALLET, f"{DATA_NAME}/{RUN_NAME}", f"{DATA_NAME}/ledger.db")


@dataclass(frozen=True, slots=True)
class Whom:
    """The node to ask; ``network_name`` is for words; ``wallet`` to speak as, which may not be there."""

    params: ChainParams
    network_name: str
    ip: str
    port: int
    wallet: Path


def find_whom(flags: Flags, folder: Path) -> Whom:
    """``flags``: what the command line says; ``folder``: where we were started.  Raises ConfigError, also for
    a ``--home`` where no node lives: asked in its place would be another one, without a word."""
    home = resolve_home(flags, folder)
    settings = _load(flags, folder, home)
    if settings is not None and flags.home is not None:
        check_home(settings, flags)
    if settings is None:
        name = flags.network or _DEFAULT_NETWORK
        params = load_network_of_client(name, folder)
        ip, port = LOOPBACK, params.port
    elif flags.network is not None:
        name, params = flags.network, load_network_of_client(flags.network, folder)
        is_same = name_network(name, folder) == settings.network_name
        ip, port = settings.listen_ip, settings.port if is_same else params.port
    else:
        name, params, ip, port = settings.network_name, settings.params, settings.listen_ip, settings.port
    if flags.ip is not None:
        is_own = _is_loopback(flags.ip) or (settings is not None and flags.ip in (ip, settings.out_ip))
        ip, port = flags.ip, port if is_own else params.port
    return Whom(
        params,
        name,
        LOOPBACK if ip == ANY_IP else ip,
        flags.port if flags.port is not None else port,
        settings.wallet_path if settings is not None else home / DEFAULT_WALLET,
    )


def _load(flags: Flags, folder: Path, home: Path) -> Settings | None:
    """Of the run folder; None where this is none and nobody said that it is."""
    is_said = flags.home is not None or flags.config is not None
    if not is_said and not any((home / mark).exists() for mark in _MARKS):
        return None
    if not is_said and None not in (flags.ip, flags.port, flags.network):
        return None
    asked = Flags(home=flags.home, config=flags.config, network=None)
    running = follow_running(asked, folder)
    if running is asked and not is_said and not (home / CONFIG_NAME).exists():
        return None
    return load_settings(running, folder)[0]


def _is_loopback(ip: str) -> bool:
    try:
        return ipaddress.ip_address(ip).is_loopback
    except ValueError:
        return ip == "localhost"
