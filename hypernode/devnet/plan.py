"""The plan of a devnet, and its files: who the nodes are, when the rounds begin, where the files lie.

The run folder holds all that a run makes::

    network.json      parameters of the network, for nodes and clients
    control.json      the control addresses with their secrets
    pow/              the companion's ledger and log
    node1/ …          run folders of the nodes: wallet, config.txt, data, logs
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.network_file import network_to_json
from hypernode.core.params.networks import devnet
from hypernode.devnet.addresses import Addresses
from hypernode.devnet.companion_ledger import Hypernode
from hypernode.devnet.pow_keys import PowKey, create_pow_key
from hypernode.wallet.pos_wallet import Wallet, create_wallet, draw_privkey, make_wallet

FIRST_ROUND: Final = 1
"""The first whole round: nodes start in the closing slots of round 0."""
LEAD_S: Final = 8
"""From launch to the first whole round, for up to ``NODES_IN_LEAD`` nodes to start."""
NODES_IN_LEAD: Final = 5
LEAD_A_NODE_S: Final = 1.2
"""What each more takes to start, on two cores."""
MAX_POW_BLOCK_S: Final = 5.0
"""The companion counts as late after 30 s."""
MIN_POW_BLOCKS_A_ROUND: Final = 45
"""A reference height lies a round back and needs more than 20 blocks beyond it: twice that."""
ADDRESS_BYTE: Final = 0x55
WEIGHT: Final = 1
SECRET_MODE: Final = 0o600

Token = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class NodePlan:
    """One node: its number from 1 on, address, IP and run folder."""

    number: int
    address: str
    ip: str
    port: int
    home: Path

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def journal_path(self) -> Path:
        return self.home / "poswallet.signed.db"


@dataclass(frozen=True, slots=True)
class DevnetPlan:
    """Everything that the launcher starts."""

    params: ChainParams
    folder: Path
    nodes: tuple[NodePlan, ...]
    control_key: PowKey

    @property
    def network_path(self) -> Path:
        return self.folder / "network.json"

    @property
    def ledger_path(self) -> Path:
        return self.folder / "pow" / "ledger.db"

    @property
    def companion_log_path(self) -> Path:
        return self.folder / "pow" / "companion.log"

    def list_hypernodes(self) -> list[Hypernode]:
        """What the companion registers."""
        return [(node.address, node.ip, node.port, WEIGHT) for node in self.nodes]


def compute_lead_s(count: int) -> float:
    """Seconds from the launch to the start of the first whole round."""
    return LEAD_S + LEAD_A_NODE_S * max(0, count - NODES_IN_LEAD)


def compute_origin(now: float, count: int, round_s: int) -> int:
    """The origin of time with which the first whole round begins ``compute_lead_s`` from ``now``, rounded
    up to whole seconds."""
    first_start = -int(-(now + compute_lead_s(count)) // 1)
    return first_start - FIRST_ROUND * round_s


def make_network(now: float, count: int, slot_s: int, control_pow: str, control_pos: str) -> ChainParams:
    """The parameters of a new devnet."""
    plain = devnet(0, slot_s, control_pow, control_pos)
    return devnet(
        compute_origin(now, count, plain.round_s),
        slot_s,
        control_pow,
        control_pos,
        pow_block_s=min(plain.pow_block_s, MAX_POW_BLOCK_S, plain.round_s / MIN_POW_BLOCKS_A_ROUND),
        allow_queries_from=("127.0.0.1",),
        collateral_from_round=0,
    )


def make_devnet(folder: Path, addresses: Addresses, slot_s: int, now: float, token: Token) -> DevnetPlan:
    """Draw keys, and write everything into ``folder`` that must be there before a process starts.  Raises
    OSError, WalletError."""
    control_key = create_pow_key(draw_privkey(token))
    control_wallet = make_wallet(draw_privkey(token), ADDRESS_BYTE)
    params = make_network(now, len(addresses.ips), slot_s, control_key.address, control_wallet.address)
    (folder / "pow").mkdir(parents=True)
    nodes = tuple(
        _make_node(folder, number, ip, addresses.port, token, int(now))
        for number, ip in enumerate(addresses.ips, start=1)
    )
    plan = DevnetPlan(params, folder, nodes, control_key)
    plan.network_path.write_text(network_to_json(params), encoding="utf-8")
    _write_control(folder / "control.json", control_key, control_wallet)
    return plan


def make_config(node_ip: str) -> str:
    """``config.txt`` of a node: what it cannot know by itself before it is registered."""
    return f"# made by the devnet launcher\nOUT_IP={node_ip}\n"


def make_node_command(plan: DevnetPlan, node: NodePlan, python: str) -> list[str]:
    """The command line of a node's process."""
    return [
        *(python, "-m", "hypernode", "instance"),
        *("--home", str(node.home)),
        *("--network", str(plan.network_path)),
        *("--pow-ledger", str(plan.ledger_path)),
        *("--ip", node.ip),
        *("--port", str(node.port)),
    ]


def make_companion_command(plan: DevnetPlan, python: str, parent_pid: int, rollback: int | None) -> list[str]:
    """The command line of the companion's process; it goes on with a prepared ledger."""
    command = [
        *(python, "-m", "hypernode.devnet.companion"),
        *("--ledger", str(plan.ledger_path)),
        *("--network", str(plan.network_path)),
        *("--parent-pid", str(parent_pid)),
    ]
    return command if rollback is None else [*command, "--rollback", str(rollback)]


def make_client_command(plan: DevnetPlan, node: NodePlan, client: Sequence[str]) -> list[str]:
    """How somebody asks a node for its status."""
    return [
        *client,
        *("-I", node.ip),
        *("-p", str(node.port)),
        *("--network", str(plan.network_path)),
        *("--action", "status"),
    ]


def _make_node(folder: Path, number: int, ip: str, port: int, token: Token, now: int) -> NodePlan:
    home = folder / f"node{number}"
    home.mkdir()
    wallet = create_wallet(home / "poswallet.json", ADDRESS_BYTE, token=token, created=now)
    (home / "config.txt").write_text(make_config(ip), encoding="utf-8")
    return NodePlan(number, wallet.address, ip, port, home)


def _write_control(path: Path, key: PowKey, wallet: Wallet) -> None:
    """For tests of what only the control addresses may do."""
    content = {
        "pow_address": key.address,
        "pow_secret": key.secret.hex(),
        "pos_address": wallet.address,
        "pos_privkey": wallet.privkey.hex(),
    }
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, SECRET_MODE)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(json.dumps(content, indent=2) + "\n")
