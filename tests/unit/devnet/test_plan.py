"""What a devnet is made of before a process starts."""

from __future__ import annotations

import asyncio
import json
import stat
from pathlib import Path
from random import Random

import pytest

from hypernode.config.settings import Flags, load_settings
from hypernode.core.params.network_file import network_from_json
from hypernode.core.timeline import compute_round_slot, compute_round_start
from hypernode.devnet.addresses import Addresses
from hypernode.devnet.companion_ledger import prepare_ledger
from hypernode.devnet.plan import (
    FIRST_ROUND,
    DevnetPlan,
    compute_lead_s,
    make_client_command,
    make_companion_command,
    make_devnet,
    make_network,
    make_node_command,
)
from hypernode.pow.ledger.source import LedgerPowSource
from hypernode.wallet.pos_wallet import load_wallet

NOW = 1_700_000_000.7
ADDRESSES = Addresses(("127.0.9.1", "127.0.9.2", "127.0.9.3"), 12_345)


def make_plan(folder: Path, slot_s: int = 6) -> DevnetPlan:
    random = Random(1)
    return make_devnet(folder / "run", ADDRESSES, slot_s, NOW, random.randbytes)


@pytest.mark.parametrize("slot_s", [1, 6, 60, 180])
@pytest.mark.parametrize("count", [3, 5, 20])
def test_first_whole_round_starts_shortly_after_the_launch(slot_s: int, count: int) -> None:
    params = make_network(NOW, count, slot_s, "c" * 56, "b" * 34)
    start = compute_round_start(params, FIRST_ROUND)
    assert compute_lead_s(count) <= start - NOW < compute_lead_s(count) + 1
    assert compute_round_slot(params, NOW)[0] == FIRST_ROUND - 1 or start - NOW > params.round_s


@pytest.mark.parametrize("slot_s", [1, 3, 6, 60, 180])
def test_the_companion_is_confirmed_behind_each_reference_time(slot_s: int) -> None:
    params = make_network(NOW, 5, slot_s, "c" * 56, "b" * 34)
    assert params.round_s / params.pow_block_s > 2 * params.pow_confirmations
    assert params.pow_block_s * 3 < params.pow_synced_s


def test_files_are_what_a_node_loads(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    text = plan.network_path.read_text(encoding="utf-8")
    assert network_from_json(text, "network.json") == plan.params
    for node in plan.nodes:
        flags = Flags(
            home=node.home,
            network=str(plan.network_path),
            pow_ledger=plan.ledger_path,
            ip=node.ip,
            port=node.port,
        )
        settings, remarks = load_settings(flags, tmp_path)
        assert settings.out_ip == node.ip
        assert settings.params == plan.params
        assert not remarks
        assert settings.journal_path == node.journal_path.resolve()
        wallet = load_wallet(settings.wallet_path, plan.params.address_byte, lambda: "")
        assert wallet.address == node.address


def test_secrets_are_for_us_alone(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    control = plan.folder / "control.json"
    assert stat.S_IMODE(control.stat().st_mode) == 0o600
    secrets = json.loads(control.read_text(encoding="utf-8"))
    assert secrets["pow_address"] == plan.params.control_pow
    assert secrets["pos_address"] == plan.params.control_pos
    assert bytes.fromhex(secrets["pow_secret"]) == plan.control_key.secret


def test_ledger_registers_every_node_for_the_first_rounds(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    prepare_ledger(plan.ledger_path, plan.params, plan.list_hypernodes(), plan.control_key, NOW)

    async def read(round_: int) -> list[tuple[str, str, str]]:
        source = LedgerPowSource(plan.ledger_path, plan.params)
        try:
            entries = (await source.get_registered(round_)).entries
        finally:
            await source.close()
        return [(entry.pos, entry.ip, entry.port) for entry in entries]

    expected = [(node.address, node.ip, str(node.port)) for node in plan.nodes]
    assert asyncio.run(read(FIRST_ROUND - 1)) == expected
    assert asyncio.run(read(FIRST_ROUND)) == expected


def test_command_lines_name_the_files(tmp_path: Path) -> None:
    plan = make_plan(tmp_path)
    node = make_node_command(plan, plan.nodes[0], "python")
    assert node[:4] == ["python", "-m", "hypernode", "instance"]
    assert {str(plan.network_path), str(plan.ledger_path), "127.0.9.1", "12345"} <= set(node)
    companion = make_companion_command(plan, "python", 77, 5)
    assert companion[-4:] == ["--parent-pid", "77", "--rollback", "5"]
    assert "--rollback" not in make_companion_command(plan, "python", 77, None)
    client = make_client_command(plan, plan.nodes[1], ["python", "hn_client.py"])
    assert client[:4] == ["python", "hn_client.py", "-I", "127.0.9.2"]
