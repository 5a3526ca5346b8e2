"""Signatures that cost a hash stand for real ones in a run, and for nothing after it."""

from __future__ import annotations

import sys

from hypernode.core import signing
from hypernode.sim.memory import adapters
from hypernode.sim.memory.quick_signing import (
    REPLACED,
    generate_pubkeys,
    is_valid_signature,
    quick_signing,
    sign,
)
from hypernode.sim.play import play
from hypernode.sim.scenario import Scenario

PRIVKEY = bytes(31) + b"\x05"
PUBKEY = signing.compute_pubkey(PRIVKEY)
LAYERS = tuple(f"hypernode.{layer}." for layer in ("core", "wire", "mempool", "net", "node", "sim"))


def test_a_quick_signature_is_its_keys_and_its_buffers_and_so_is_its_twin() -> None:
    signature = sign(PRIVKEY, b"words")
    twin = signing.compute_twin(signature)
    assert len(signature) == len(twin) == 64
    assert twin != signature
    assert signing.compute_twin(twin) == signature
    assert is_valid_signature(PUBKEY, signature, b"words")
    assert is_valid_signature(PUBKEY, twin, b"words")
    assert not is_valid_signature(PUBKEY, signature, b"other words")
    assert not is_valid_signature(signing.compute_pubkey(bytes(31) + b"\x06"), signature, b"words")
    assert not signing.is_valid_signature(PUBKEY, signature, b"words")


def list_real() -> list[str]:
    """Modules of a node, and names in them, that are functions of the curve."""
    functions = {name: getattr(signing, name) for name in ("sign", "is_valid_signature", "generate_pubkeys")}
    return [
        f"{place}.{name}"
        for place, module in sorted(sys.modules.items())
        if place.startswith(LAYERS) and module is not signing
        for name, function in functions.items()
        if vars(module).get(name) is function
    ]


def test_all_of_a_node_signs_quickly_within_and_really_after() -> None:
    before = list_real()
    with quick_signing():
        assert adapters.KeySigner(PRIVKEY, 0x55).sign(b"words") == sign(PRIVKEY, b"words")
        assert list(generate_pubkeys(sign(PRIVKEY, b"words"), b"words")) == [PUBKEY]
        # Keys of a wallet's file sign with it on a real machine only.
        assert list_real() in ([], ["hypernode.wallet.pos_wallet.sign"])
    assert list_real() == before
    assert len(before) >= len(REPLACED)


def test_a_network_lives_on_quick_signatures() -> None:
    scenario = Scenario(2, nodes=4, hours=0.2, kinds=(), has_quick_signer=True)
    assert "--quick-signer" in scenario.to_arguments()
    report = play(scenario)
    assert report.failure is None
    assert report.filled == report.slots
    assert play(scenario).trace == report.trace
