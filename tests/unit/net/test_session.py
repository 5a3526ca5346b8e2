"""The hello that both sides say, and the framing that follows it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hypernode.net.session import make_hello, switch_framing
from hypernode.wire.catalogue import CommandId
from hypernode.wire.codec import Command, encode_command
from hypernode.wire.framing import Framing, Mode
from hypernode.wire.hello import FEATURE_CHECKED, FEATURE_COMPRESSED, PROTOCOL_VERSION, parse_hello
from tests.unit.net.harness import NETWORK, OUR_HELLO
from tests.unit.wire.samples import BLOCK, MESSAGE


def make_framing(mode: Mode = Mode.LEGACY) -> Framing:
    return Framing(NETWORK.magic, lambda *_: 2**20, mode)


def test_without_features_a_hello_is_what_legacy_nodes_know() -> None:
    command = make_hello(OUR_HELLO, 0)
    assert (command.features, command.version, command.nonce, command.pubkey, command.proof) == (None,) * 5
    assert parse_hello(command.string or "") == OUR_HELLO


def test_with_features_it_has_a_version_and_what_proves_a_key() -> None:
    command = make_hello(OUR_HELLO, FEATURE_CHECKED, nonce=b"n" * 16, pubkey=b"k" * 64, proof=b"p" * 64)
    assert (command.features, command.version) == (FEATURE_CHECKED, PROTOCOL_VERSION)
    assert (command.nonce, command.pubkey, command.proof) == (b"n" * 16, b"k" * 64, b"p" * 64)
    assert len(encode_command(command)) > len(encode_command(make_hello(OUR_HELLO, 0)))


@pytest.mark.parametrize(
    ("features", "mode"),
    [
        (0, Mode.LEGACY),
        (FEATURE_COMPRESSED, Mode.LEGACY),
        (FEATURE_CHECKED, Mode.CHECKED),
        (FEATURE_CHECKED | FEATURE_COMPRESSED, Mode.CHECKED),
    ],
)
def test_what_follows_is_framed_as_both_asked_for(features: int, mode: Mode) -> None:
    framing = make_framing()
    payload = encode_command(Command(CommandId.BLOCKSYNC, blocks=(replace(BLOCK, messages=(MESSAGE,) * 50),)))
    before = framing.encode_frame(payload)
    switch_framing(framing, features)
    assert framing.mode is mode
    after = framing.encode_frame(payload)
    assert (after == before) is (features == 0)
    assert (len(after) < len(before)) is bool(features & FEATURE_COMPRESSED)


def test_a_stream_that_is_checked_already_stays_so() -> None:
    framing = make_framing(Mode.CHECKED)
    switch_framing(framing, FEATURE_CHECKED)
    assert framing.mode is Mode.CHECKED
