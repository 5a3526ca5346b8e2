"""What this node runs with: one immutable value from defaults, the operator's file and the command line.

The command line wins over ``config.txt``, which wins over ``config.json``; for what belongs to the network,
to its delays or to the wire's limits, the network's own value is the default.  Relative paths start at the
run folder (spec 6, folders).
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, cast

from hypernode.config.config_files import ConfigFile, load_config
from hypernode.config.networks import load_network, name_network
from hypernode.config.parameter_table import ConfigError, Parameter, get_default, load_table
from hypernode.config.paths import follow_later, resolve_path
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.tunables import TUNABLES_BY_KEY, Tunables, override_tunables
from hypernode.core.public_ip import find_ip_fault, find_reach_fault
from hypernode.core.types import MAX_PORT
from hypernode.health.remarks import Remark
from hypernode.wire.catalogue import Limits

CONFIG_NAME: Final = "config.txt"
WALLET_NAME: Final = "poswallet.json"
DATA_NAME: Final = "data"
ANY_IP: Final = "0.0.0.0"
_ALL: Final = "ALL"


@dataclass(frozen=True, slots=True)
class Flags:
    """The command line; None for what it leaves open."""

    home: Path | None = None
    config: Path | None = None
    network: str | None = None
    wallet: Path | None = None
    pow_ledger: Path | None = None
    ip: str | None = None
    port: int | None = None
    index: int | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of this run.  Paths are absolute."""

    params: ChainParams
    limits: Limits
    home: Path
    """The run folder."""
    config_path: Path
    """The operator's file; it may not exist."""
    wallet_path: Path
    passphrase_path: Path | None
    journal_path: Path
    """What was signed, beside the wallet: restoring ``data_path`` must not bring back an old one."""
    data_path: Path
    logs_path: Path
    listen_ip: str
    port: int
    out_ip: str | None
    """Our public address where the operator knows it; else that of our registration."""
    pow_source: str
    """ledger, node or embedded."""
    pow_fallback: str
    """none or node: what is asked while the ledger cannot be read."""
    pow_verify: bool
    """The signatures of registrations are checked."""
    pow_ledger_path: Path
    pow_ip: str
    pow_port: int
    pow_node_path: Path | None
    """The companion's folder, where the operator told it."""
    tunables: Mapping[str, object]
    """What the operator set of the parameters that the network may tune, by name: ``rainbow`` wins over
    them."""
    log_topics: frozenset[str]
    is_log_json: bool
    log_level: str
    status_every_s: int
    status_long: bool
    auto_update: bool
    index: int | None = None
    network_name: str = ""
    """A built-in name, or the path of the network's file."""

    @property
    def own_tunables(self) -> Tunables:
        """The tunable parameters before ``rainbow``: the network's values, and the operator's over them."""
        return override_tunables(self.params.default_tunables, self.tunables)

    @property
    def ledger_path(self) -> Path:
        return self.data_path / "ledger.db"

    @property
    def lock_path(self) -> Path:
        return self.data_path / "lock"

    @property
    def registrations_path(self) -> Path:
        """What is kept of the companion's ledger."""
        return self.data_path / "registrations.db"

    @property
    def last_seen_path(self) -> Path:
        """Voids and coloured lists as the companion's ledger told them last."""
        return self.data_path / "pow_last_seen.json"

    @property
    def source_ips(self) -> tuple[str, ...]:
        """What the operator says that our IP is, to dial out from: OUT_IP, and the one that is listened
        on."""
        return tuple(ip for ip in (self.out_ip, self.listen_ip) if ip is not None and ip != ANY_IP)

    @property
    def wallet_lock_path(self) -> Path:
        return self.wallet_path.with_name(self.wallet_path.name + ".lock")


@dataclass(frozen=True, slots=True)
class _Values:
    """Values by name: those of the file, else the defaults."""

    table: Mapping[str, Parameter]
    given: Mapping[str, object]

    def get_text(self, name: str) -> str:
        return str(self._get(name))

    def get_int(self, name: str) -> int:
        return cast(int, self._get(name))

    def is_on(self, name: str) -> bool:
        return bool(self._get(name))

    def get_texts(self, name: str) -> tuple[str, ...]:
        return cast("tuple[str, ...]", self._get(name))

    def _get(self, name: str) -> object:
        return self.given[name] if name in self.given else get_default(self.table[name])


def load_settings(flags: Flags, folder: Path) -> tuple[Settings, tuple[Remark, ...]]:
    """The settings, and what there is to say about them in the log.  ``folder`` is where the program was
    started: the run folder, unless ``flags.home`` names another.  Raises ConfigError."""
    home = resolve_home(flags, folder)
    table = load_table()
    config_path = resolve_path(flags.config or home / CONFIG_NAME, folder, "--config")
    config = _load_overrides(config_path, table, is_asked_for=flags.config is not None)
    values = _Values(table, config.values)
    params = _override_network(_choose_network(flags, config, values, folder, home), table, config)
    _require_exact_balances(params, config, values)
    wallet = _choose_wallet(flags, folder, config, values, home)
    data = home / DATA_NAME
    settings = Settings(
        params=params,
        limits=_override_limits(table, config.values),
        home=home,
        config_path=config_path,
        wallet_path=wallet,
        passphrase_path=_find_path(config, values, "PASSPHRASE_FILE", home),
        journal_path=wallet.with_name(wallet.stem + ".signed.db"),
        data_path=data,
        logs_path=home / "logs",
        listen_ip=_choose_listen_ip(flags, config, values),
        port=_choose_port(flags, config, params),
        out_ip=values.get_text("OUT_IP") or None,
        pow_source=values.get_text("POW_SOURCE"),
        pow_fallback=values.get_text("POW_FALLBACK"),
        pow_verify=values.is_on("POW_VERIFY_REGISTRATIONS"),
        pow_ledger_path=_choose_pow_ledger(flags, folder, config, values, home),
        pow_ip=values.get_text("POW_IP"),
        pow_port=values.get_int("POW_PORT"),
        pow_node_path=_find_node_folder(config, values, home),
        tunables={key: value for key, value in config.values.items() if key in TUNABLES_BY_KEY},
        log_topics=frozenset(_choose_topics(values, table)),
        is_log_json=values.get_text("LOG_FORMAT") == "json",
        log_level="DEBUG" if values.is_on("DEBUG_MODE") else values.get_text("LOG_LEVEL"),
        status_every_s=values.get_int("STATUS_EVERY"),
        status_long=values.is_on("STATUS_LONG"),
        auto_update=values.is_on("AUTO_UPDATE"),
        index=flags.index,
        network_name=_name_network(flags, values, folder, home),
    )
    return settings, (*config.remarks, *_remark_on_out_ip(config, settings))


def _name_network(flags: Flags, values: _Values, folder: Path, home: Path) -> str:
    if flags.network is not None:
        return name_network(flags.network, folder)
    return name_network(values.get_text("NETWORK"), home)


def resolve_home(flags: Flags, folder: Path) -> Path:
    """The run folder; node ``index`` of several in one folder has one of its own below it."""
    home = flags.home or Path()
    if flags.index is not None:
        home = home / f"node{flags.index}"
    resolved = resolve_path(home, folder, "--home")
    if resolved.exists() and not resolved.is_dir():
        raise ConfigError(str(resolved), 0, "", "the run folder is no folder", "Give another one (--home)")
    return resolved


def _load_overrides(path: Path, table: Mapping[str, Parameter], *, is_asked_for: bool) -> ConfigFile:
    if not is_asked_for and not path.exists():
        return ConfigFile(str(path), {}, {}, ())
    return load_config(path, table)


def _choose_network(
    flags: Flags, config: ConfigFile, values: _Values, folder: Path, home: Path
) -> ChainParams:
    if flags.network is not None:
        return load_network(flags.network, folder, "--network")
    place = f"{config.source}:{config.lines['NETWORK']}" if "NETWORK" in config.lines else "NETWORK"
    return load_network(values.get_text("NETWORK"), home, place)


def _override_network(params: ChainParams, table: Mapping[str, Parameter], config: ConfigFile) -> ChainParams:
    """The operator's values over those of the network; exceptions are added to its own."""
    given = config.values
    fields = {table[name].network: value for name, value in given.items() if table[name].network}
    delays = {table[name].delay: value for name, value in given.items() if table[name].delay}
    changed: ChainParams = replace(params, **fields)  # type: ignore[arg-type]
    changed = replace(changed, delays=replace(changed.delays, **delays))  # type: ignore[arg-type]
    posnets = cast("tuple[str, ...]", given.get("POSNET_ALLOW", (changed.posnet,)))
    if changed.posnet not in posnets:
        remedy = f"Add {changed.posnet}: it is our own"
        line = config.lines["POSNET_ALLOW"]
        raise ConfigError(config.source, line, "POSNET_ALLOW", "our own network is not allowed", remedy)
    exceptions = cast("tuple[tuple[int, bytes], ...]", given.get("BLOCK_EXCEPTIONS", ()))
    return replace(changed, exceptions=changed.exceptions + exceptions)


def _require_exact_balances(params: ChainParams, config: ConfigFile, values: _Values) -> None:
    """Where a list follows from balances, all nodes must see the same ones: only the ledger has them."""
    if params.mixed or params.collateral_from_round is None or params.hypernodes:
        return
    why = f"{params.name} has collateral_from_round, whose lists follow from exact balances"
    for key, remedy in (
        ("POW_SOURCE", "Set POW_SOURCE=ledger and POW_LEDGER_DB to the PoW node's ledger file"),
        ("POW_FALLBACK", "Set POW_FALLBACK=none: while the ledger cannot be read, the node waits for it"),
    ):
        if values.get_text(key) == "node":
            line = config.lines.get(key, 0)
            expected = f"{why}, and the PoW node's port does not tell these"
            raise ConfigError(config.source, line, key, expected, remedy)


def _override_limits(table: Mapping[str, Parameter], given: Mapping[str, object]) -> Limits:
    fields = {table[name].limit: value for name, value in given.items() if table[name].limit}
    return replace(Limits(), **fields)  # type: ignore[arg-type]


def _choose_wallet(flags: Flags, folder: Path, config: ConfigFile, values: _Values, home: Path) -> Path:
    """Lock and journal follow the wallet itself, wherever a link to it is.  One that leads nowhere makes no
    new wallet."""
    text = values.get_text("WALLET")
    if flags.wallet is not None:
        path, given = resolve_path(flags.wallet, folder, "--wallet"), folder / flags.wallet
    else:
        path, given = _resolve(config, "WALLET", text, home), home / text
    if given.is_symlink() and not path.exists():
        expected = f"a link to {path}, where nothing is"
        raise ConfigError(str(given), 0, "", expected, "Mount the disk that it is on, or mend the link")
    return path


def _resolve(config: ConfigFile, key: str, text: str, home: Path) -> Path:
    """A path of the file: relative to the run folder."""
    return resolve_path(text, home, config.source, config.lines.get(key, 0), key)


def _find_path(config: ConfigFile, values: _Values, key: str, home: Path) -> Path | None:
    text = values.get_text(key)
    return _resolve(config, key, text, home) if text else None


def _find_node_folder(config: ConfigFile, values: _Values, home: Path) -> Path | None:
    """The companion's.  What old files have in NODE_PY_PATH is the program, ``…/node.py``: its folder is
    meant."""
    key = "NODE_PY_PATH"
    text = values.get_text(key)
    if not text:
        return None
    path = follow_later(text, home, config.source, config.lines.get(key, 0), key)
    return path.parent if path.suffix == ".py" else path


def _choose_pow_ledger(flags: Flags, folder: Path, config: ConfigFile, values: _Values, home: Path) -> Path:
    if flags.pow_ledger is not None:
        return follow_later(flags.pow_ledger, folder, "--pow-ledger")
    node_folder, key = _find_node_folder(config, values, home), "POW_LEDGER_DB"
    if node_folder is not None and key not in values.given:
        return node_folder / "static" / "ledger.db"
    return follow_later(values.get_text(key), home, config.source, config.lines.get(key, 0), key)


def _remark_on_out_ip(config: ConfigFile, settings: Settings) -> tuple[Remark, ...]:
    """Raises ConfigError where no hypernode can have the address."""
    ip, line = settings.out_ip, config.lines.get("OUT_IP", 0)
    if ip is None:
        return ()
    if fault := find_ip_fault(ip):
        raise ConfigError(
            config.source, line, "OUT_IP", f"{ip} {fault}", "Give the address that is registered"
        )
    # a network of one /16 is one of loopback or of a local link
    fault = find_reach_fault(ip) if settings.params.min_subnets > 1 else None
    return (Remark("warning", f"{config.source}:{line}: OUT_IP {ip} {fault}"),) if fault else ()


def _choose_listen_ip(flags: Flags, config: ConfigFile, values: _Values) -> str:
    text = flags.ip if flags.ip is not None else values.get_text("IP")
    if text.upper() == _ALL:
        return ANY_IP
    try:
        return str(ipaddress.IPv4Address(text))
    except ValueError:
        source, line = ("--ip", 0) if flags.ip is not None else (config.source, config.lines.get("IP", 0))
        remedy = "Give an address of this host, or ALL"
        raise ConfigError(source, line, "IP", f"expected an IPv4 address, not {text!r}", remedy) from None


def _choose_port(flags: Flags, config: ConfigFile, params: ChainParams) -> int:
    if flags.port is None:
        return cast(int, config.values.get("PORT", params.port))
    if not 1 <= flags.port <= MAX_PORT:
        remedy = "Give the port that is registered"
        raise ConfigError("--port", 0, "PORT", f"expected 1 to {MAX_PORT}, not {flags.port}", remedy)
    return flags.port


def _choose_topics(values: _Values, table: Mapping[str, Parameter]) -> tuple[str, ...]:
    return table["LOG"].choices if values.is_on("DEBUG_MODE") else values.get_texts("LOG")
