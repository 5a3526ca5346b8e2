"""Settings: the command line over the file over the defaults, and the folders."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.config.networks import load_network, load_network_of_client
from hypernode.config.parameter_table import ConfigError
from hypernode.config.settings import Flags, Settings, load_settings
from hypernode.core.params import networks
from hypernode.core.params.network_file import network_to_json


def load(folder: Path, text: str = "", flags: Flags = Flags()) -> Settings:  # noqa: B008 -- frozen
    if text:
        (folder / "config.txt").write_text(text, encoding="utf-8")
    return load_settings(flags, folder)[0]


def test_without_anything_the_defaults_hold(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert settings.params == networks.mainnet()
    assert (settings.listen_ip, settings.port, settings.out_ip) == ("0.0.0.0", 6969, None)
    assert (settings.pow_source, settings.pow_ip, settings.pow_port) == ("ledger", "127.0.0.1", 5658)
    assert (settings.log_level, settings.log_topics) == ("INFO", frozenset())
    assert (settings.status_every_s, settings.status_long, settings.auto_update) == (60, False, False)


def test_the_run_folder_holds_what_the_spec_says(tmp_path: Path) -> None:
    settings = load(tmp_path)
    home = tmp_path.resolve()
    assert settings.home == home
    assert settings.config_path == home / "config.txt"
    assert settings.wallet_path == home / "poswallet.json"
    assert settings.journal_path == home / "poswallet.signed.db"
    assert settings.data_path == home / "data"
    assert settings.logs_path == home / "logs"
    assert settings.lock_path == home / "data" / "lock"
    assert settings.wallet_lock_path == home / "poswallet.json.lock"
    assert settings.pow_ledger_path == home.parent / "Bismuth" / "static" / "ledger.db"


def test_the_journal_goes_where_the_wallet_goes(tmp_path: Path) -> None:
    settings = load(tmp_path, flags=Flags(wallet=Path("safe/mine.json")))
    assert settings.wallet_path == tmp_path.resolve() / "safe" / "mine.json"
    assert settings.journal_path == tmp_path.resolve() / "safe" / "mine.signed.db"


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    text = "PORT=7000\nIP=127.0.0.2\nPOW_LEDGER_DB=/pow/a.db\nNETWORK=testnet\nWALLET=a.json"
    file_only = load(tmp_path, text)
    assert (file_only.port, file_only.listen_ip) == (7000, "127.0.0.2")
    assert file_only.params == networks.testnet()
    assert file_only.pow_ledger_path == Path("/pow/a.db")
    flags = Flags(
        port=7001, ip="all", pow_ledger=Path("b.db"), network="mainnet", wallet=Path("/w/c.json"), index=None
    )
    both = load(tmp_path, flags=flags)
    assert (both.port, both.listen_ip) == (7001, "0.0.0.0")
    assert both.params == networks.mainnet()
    assert both.pow_ledger_path == tmp_path.resolve() / "b.db"
    assert both.wallet_path == Path("/w/c.json")


def test_an_index_gives_a_run_folder_of_its_own(tmp_path: Path) -> None:
    settings = load(tmp_path, flags=Flags(index=3))
    assert settings.home == tmp_path.resolve() / "node3"
    assert settings.index == 3


def test_old_files_name_the_program_of_the_companion(tmp_path: Path) -> None:
    settings = load(tmp_path, "NODE_PY_PATH=/opt/Bismuth/node.py")
    assert settings.pow_node_path == Path("/opt/Bismuth")
    assert settings.pow_ledger_path == Path("/opt/Bismuth/static/ledger.db")


def test_links_to_the_companion_stay_to_be_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "pow").symlink_to("a")
    (tmp_path / "loop").symlink_to("loop")
    assert load(tmp_path, "NODE_PY_PATH=pow").pow_ledger_path == tmp_path.resolve() / "pow/static/ledger.db"
    assert load(tmp_path, "POW_LEDGER_DB=loop").pow_ledger_path == tmp_path.resolve() / "loop"


def test_relative_paths_of_the_file_start_at_the_run_folder(tmp_path: Path) -> None:
    home = tmp_path / "run"
    home.mkdir()
    (home / "config.txt").write_text("NODE_PY_PATH=../pow\nPASSPHRASE_FILE=secret", encoding="utf-8")
    settings = load(tmp_path, flags=Flags(home=Path("run")))
    assert settings.pow_ledger_path == tmp_path.resolve() / "pow" / "static" / "ledger.db"
    assert settings.passphrase_path == home.resolve() / "secret"


def test_a_given_ledger_wins_over_the_companions_folder(tmp_path: Path) -> None:
    settings = load(tmp_path, "NODE_PY_PATH=/pow\nPOW_LEDGER_DB=/other/ledger.db")
    assert settings.pow_ledger_path == Path("/other/ledger.db")


def test_overrides_change_the_network_its_delays_and_the_limits(tmp_path: Path) -> None:
    text = (
        "MAX_CONNECT_TO=7\nBLOCK_SYNC_COUNT=5\nWAIT=2\nPEER_RETRY_SECONDS=3\nLIMIT_FRAME_S=4\n"
        f"LIMIT_SESSIONS=9\nALLOW_QUERIES_FROM=10.0.0.1;10.0.0.2\nBLOCK_EXCEPTIONS=5:{'cd' * 20}"
    )
    settings = load(tmp_path, text)
    params = settings.params
    assert (settings.own_tunables.max_connect_to, settings.own_tunables.block_sync_count) == (7, 5)
    assert params.default_tunables == networks.mainnet().default_tunables
    assert (params.delays.tick_s, params.delays.peer_retry_s) == (2.0, 3.0)
    assert params.delays.grace_s == networks.mainnet().delays.grace_s
    assert params.allow_queries_from == ("10.0.0.1", "10.0.0.2")
    assert params.exceptions == ((5, b"\xcd" * 20),)
    assert (settings.limits.frame_s, settings.limits.sessions) == (4.0, 9)


def test_debug_mode_logs_everything(tmp_path: Path) -> None:
    settings = load(tmp_path, "DEBUG_MODE=1\nLOG=hello")
    assert settings.log_level == "DEBUG"
    assert {"hello", "timing", "txdigest"} <= settings.log_topics


def test_remarks_come_with_the_settings(tmp_path: Path) -> None:
    (tmp_path / "config.txt").write_text("IGNORE_POLYSIGN=1\nHOST=1", encoding="utf-8")
    _, remarks = load_settings(Flags(), tmp_path)
    assert [remark.level for remark in remarks] == ["info", "warning"]


def test_a_network_file_is_taken_and_its_values_are_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "net.json"
    path.write_text(
        network_to_json(networks.testnet()).replace('"port": 6969', '"port": 7969'), encoding="utf-8"
    )
    settings = load(tmp_path, flags=Flags(network="net.json"))
    assert (settings.params.posnet, settings.port) == (networks.testnet().posnet, 7969)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (Flags(config=Path("absent.txt")), "cannot be read"),
        (Flags(network="nonet"), "'nonet' is no network that is built in"),
        (Flags(network="devnet"), "a devnet has no times"),
        (Flags(network="broken.json"), "broken.json: not JSON"),
        (Flags(port=0), "expected 1 to 65535, not 0"),
        (Flags(ip="here"), "expected an IPv4 address, not 'here'"),
        (Flags(ip="::1"), "expected an IPv4 address"),
        (Flags(home=Path("file")), "the run folder is no folder"),
    ],
)
def test_flags_that_cannot_be_used_are_errors_with_a_remedy(tmp_path: Path, flags: Flags, words: str) -> None:
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError) as caught:
        load_settings(flags, tmp_path)
    assert words in caught.value.expected
    assert caught.value.remedy


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("NETWORK=nonet", "config.txt:1: "),
        ("\nIP=here", "config.txt:2: IP: "),
        ("POSNET_ALLOW=posnet0009", "config.txt:1: POSNET_ALLOW: our own network is not allowed"),
    ],
)
def test_values_that_only_fail_later_still_name_file_and_line(tmp_path: Path, text: str, place: str) -> None:
    with pytest.raises(ConfigError, match=place):
        load(tmp_path, text)


def test_a_client_needs_no_more_of_a_devnet_than_its_name(tmp_path: Path) -> None:
    assert load_network_of_client("devnet", tmp_path).posnet == "devnet0001"
    assert load_network_of_client("mainnet", tmp_path) == networks.mainnet()


def test_a_network_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "net.json").write_bytes(b"\xff")
    with pytest.raises(ConfigError, match="no file that can be read"):
        load_network("net.json", tmp_path, "--network")


def test_the_ways_to_the_companion_are_chosen(tmp_path: Path) -> None:
    settings = load(tmp_path)
    assert (settings.pow_source, settings.pow_fallback, settings.pow_verify) == ("ledger", "none", False)
    assert settings.pow_node_path is None
    assert settings.registrations_path == settings.data_path / "registrations.db"
    text = "POW_SOURCE=node\nPOW_FALLBACK=NODE\nPOW_VERIFY_REGISTRATIONS=yes\nNODE_PY_PATH=pow"
    settings = load(tmp_path, text)
    assert (settings.pow_source, settings.pow_fallback, settings.pow_verify) == ("node", "node", True)
    assert settings.pow_node_path == tmp_path.resolve() / "pow"


@pytest.mark.parametrize("key", ["POW_SOURCE", "POW_FALLBACK"])
def test_where_collaterals_must_stay_only_the_ledger_serves(tmp_path: Path, key: str) -> None:
    own = replace(networks.testnet(), collateral_from_round=0)
    path = tmp_path / "net.json"
    path.write_text(network_to_json(own), encoding="utf-8")
    flags = Flags(home=tmp_path, network=str(path))
    (tmp_path / "config.txt").write_text(f"PORT=7000\n{key}=node\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"config.txt:2: {key}: .*exact balances.* Set {key}=") as caught:
        load_settings(flags, tmp_path)
    assert caught.value.key == key
    (tmp_path / "config.txt").write_text("POW_SOURCE=ledger\n", encoding="utf-8")
    assert load_settings(flags, tmp_path)[0].params.collateral_from_round == 0
    # legacy nodes keep a moved collateral on their list: there the field has no effect, and asks for nothing
    path.write_text(network_to_json(replace(own, mixed=True)), encoding="utf-8")
    (tmp_path / "config.txt").write_text(f"{key}=node\n", encoding="utf-8")
    load_settings(flags, tmp_path)


def test_what_the_operator_tuned_is_known_by_name(tmp_path: Path) -> None:
    assert load(tmp_path).tunables == {}
    settings = load(tmp_path, "MAX_CONNECT_TO=7\nPING_DELAY=9\nPORT=7000")
    assert settings.tunables == {"MAX_CONNECT_TO": 7, "PING_DELAY": 9}
