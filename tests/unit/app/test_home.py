"""A mistyped folder, a missing disk and a lost wallet make no new hypernode."""

from __future__ import annotations

from pathlib import Path

import pytest

from hypernode.app.home import check_home, check_named_home, check_new_wallet
from hypernode.config.parameter_table import ConfigError
from hypernode.config.settings import Flags, load_settings
from hypernode.core.params.network_file import network_to_json
from hypernode.core.params.networks import testnet as make_testnet
from hypernode.wallet.pos_wallet import WalletError


def check(flags: Flags, folder: Path) -> None:
    check_home(load_settings(flags, folder)[0], flags)


@pytest.mark.parametrize("name", ["config.txt", "poswallet.json", "data/ledger.db"])
@pytest.mark.parametrize("is_named", [True, False])
def test_a_folder_with_something_of_a_node_is_its_home(tmp_path: Path, name: str, is_named: bool) -> None:
    home = tmp_path / "home"
    (home / name).parent.mkdir(parents=True)
    (home / name).write_text("")
    check(Flags(home=home) if is_named else Flags(), home)


@pytest.mark.parametrize(
    "flags",
    [
        Flags(home=Path("typo")),
        Flags(home=Path("typo"), network="net.json"),
        Flags(home=Path("typo"), config=Path("c.txt"), wallet=Path("w.json")),
        Flags(index=3),
    ],
)
def test_a_named_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path, flags: Flags) -> None:
    (tmp_path / "net.json").write_text(network_to_json(make_testnet()), encoding="utf-8")
    (tmp_path / "c.txt").write_text("")
    (tmp_path / "w.json").write_text("")
    settings = load_settings(flags, tmp_path)[0]
    for look in (check_home, check_named_home):
        with pytest.raises(ConfigError, match="there is no such folder") as caught:
            look(settings, flags)
        assert "--action wallet" in str(caught.value)
    assert not settings.home.exists()


@pytest.mark.parametrize(
    "flags",
    [Flags(), Flags(home=Path()), Flags(home=Path(), network="testnet"), Flags(network="net.json")],
)
def test_a_folder_of_something_else_is_no_home(tmp_path: Path, flags: Flags) -> None:
    (tmp_path / "net.json").write_text(network_to_json(make_testnet()), encoding="utf-8")
    (tmp_path / "somebody's.txt").write_text("")
    with pytest.raises(ConfigError, match="no hypernode lives here"):
        check(flags, tmp_path)


@pytest.mark.parametrize(
    "flags",
    [
        Flags(home=Path(), network="net.json"),
        Flags(home=Path(), config=Path("c.conf")),
        Flags(home=Path(), wallet=Path("w.json")),
    ],
)
def test_a_folder_that_is_named_with_what_to_go_by_is_taken(tmp_path: Path, flags: Flags) -> None:
    (tmp_path / "net.json").write_text(network_to_json(make_testnet()), encoding="utf-8")
    (tmp_path / "c.conf").write_text("")
    check(flags, tmp_path)


def test_no_new_wallet_where_the_journal_of_the_old_one_is(tmp_path: Path) -> None:
    settings = load_settings(Flags(), tmp_path)[0]
    check_new_wallet(settings, is_asked_for=False)
    settings.journal_path.write_bytes(b"")
    for is_asked_for in (True, False):
        with pytest.raises(WalletError, match="is not there, but the journal"):
            check_new_wallet(settings, is_asked_for=is_asked_for)


def test_a_first_start_makes_a_wallet_in_its_own_folder_only(tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()
    settings = load_settings(Flags(wallet=Path("safe/w.json")), tmp_path)[0]
    check_new_wallet(settings, is_asked_for=True)
    with pytest.raises(WalletError, match=r"w\.json: is not there\. Name the wallet"):
        check_new_wallet(settings, is_asked_for=False)


def test_a_wallets_folder_is_not_made(tmp_path: Path) -> None:
    settings = load_settings(Flags(wallet=Path("usb/w.json")), tmp_path)[0]
    with pytest.raises(WalletError, match="its folder is not there"):
        check_new_wallet(settings, is_asked_for=True)


@pytest.mark.parametrize("place", ["default", "flag", "file"])
def test_a_wallet_that_is_a_link_to_nothing_is_a_configuration_error(tmp_path: Path, place: str) -> None:
    (tmp_path / ("poswallet.json" if place == "default" else "w.json")).symlink_to(tmp_path / "usb" / "w")
    if place == "file":
        (tmp_path / "config.txt").write_text("WALLET=w.json")
    flags = Flags(wallet=Path("w.json")) if place == "flag" else Flags()
    with pytest.raises(ConfigError, match="where nothing is"):
        load_settings(flags, tmp_path)


def test_lock_and_journal_follow_the_wallet_that_a_link_leads_to(tmp_path: Path) -> None:
    (tmp_path / "safe").mkdir()
    (tmp_path / "safe" / "mine.json").write_text("{}")
    (tmp_path / "poswallet.json").symlink_to(tmp_path / "safe" / "mine.json")
    settings = load_settings(Flags(), tmp_path)[0]
    assert settings.wallet_path == tmp_path.resolve() / "safe" / "mine.json"
    assert settings.journal_path == tmp_path.resolve() / "safe" / "mine.signed.db"
    assert settings.wallet_lock_path == tmp_path.resolve() / "safe" / "mine.json.lock"
