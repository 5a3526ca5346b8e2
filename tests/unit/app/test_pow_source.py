"""Which companion a configuration opens, and that a tool leaves the node's files alone."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from hypernode.app.pow_source import open_pow_source
from hypernode.config.settings import Flags, Settings, load_settings
from hypernode.core.address import encode_address
from hypernode.core.params.chain_params import FixedHypernode
from hypernode.core.params.networks import devnet
from hypernode.devnet.companion_ledger import prepare_ledger
from hypernode.devnet.pow_keys import create_pow_key
from hypernode.pow.failover_source import FailoverPowSource
from hypernode.pow.fixed_source import FixedPowSource
from hypernode.pow.ledger.source import LedgerPowSource
from hypernode.pow.node_source import NodePowSource

ORIGIN = 1_700_000_000
CONTROL = create_pow_key(b"\x05" * 32)
NETWORK = devnet(ORIGIN, 6, CONTROL.address, encode_address(bytes(20), 0x55))
POS = encode_address(bytes([1]) * 20, 0x55)


def load(home: Path, text: str = "") -> Settings:
    (home / "config.txt").write_text(text, encoding="utf-8")
    return replace(load_settings(Flags(pow_ledger=home / "ledger.db"), home)[0], params=NETWORK)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", LedgerPowSource),
        ("POW_SOURCE=embedded", LedgerPowSource),
        ("POW_SOURCE=node", NodePowSource),
        ("POW_SOURCE=node\nPOW_FALLBACK=node", NodePowSource),
        ("POW_FALLBACK=node", FailoverPowSource),
    ],
)
def test_the_configuration_chooses(tmp_path: Path, text: str, kind: type) -> None:
    async def scenario() -> None:
        source = open_pow_source(load(tmp_path, text))
        assert type(source) is kind
        await source.close()

    asyncio.run(scenario())


def test_a_fixed_list_needs_no_companion(tmp_path: Path) -> None:
    fixed = replace(NETWORK, hypernodes=(FixedHypernode(POS, "127.0.0.1", 7000),))
    settings = replace(load(tmp_path, "POW_SOURCE=node"), params=fixed)
    assert isinstance(open_pow_source(settings), FixedPowSource)


def test_only_the_node_keeps_what_it_reads(tmp_path: Path) -> None:
    prepare_ledger(tmp_path / "ledger.db", NETWORK, [(POS, "127.0.0.2", 7000, 1)], CONTROL, ORIGIN)
    settings = load(tmp_path)
    settings.data_path.mkdir()

    async def read(*, owns_data: bool) -> None:
        source = open_pow_source(settings, owns_data=owns_data)
        assert [entry.pos for entry in (await source.get_registered(0)).entries] == [POS]
        await source.close()

    asyncio.run(read(owns_data=False))
    assert list(settings.data_path.iterdir()) == []
    asyncio.run(read(owns_data=True))
    assert settings.registrations_path.exists()


def test_a_companion_without_a_port_is_told_in_words(tmp_path: Path) -> None:
    async def scenario() -> None:
        settings = load(tmp_path, "POW_FALLBACK=node\nPOW_PORT=1")
        source = open_pow_source(settings)
        problem = (await source.get_status(ORIGIN)).problem
        assert "there is no such file" in problem
        assert "127.0.0.1:1: the PoW node cannot be reached" in problem
        await source.close()

    asyncio.run(scenario())
