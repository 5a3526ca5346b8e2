"""Openfields as they are, and as long as the PoW chain allows: the same verdicts."""

from __future__ import annotations

import base58
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.errors import Reject
from hypernode.core.hashing import h4
from hypernode.core.registrations.pow_address import find_pos_violation
from hypernode.core.registrations.registration_text import (
    KEPT_CHARS,
    MAX_PORT_CHARS,
    parse_registration,
    shorten_openfield,
)

SENDER = "a" * 56


PARTS = st.text(":,=a1\u00e9", max_size=2 * KEPT_CHARS)


@given(st.tuples(PARTS, PARTS, PARTS), st.sampled_from(["", ",reward=", ",reason=", ",source=", ","]), PARTS)
def test_a_short_one_says_the_same(parts: tuple[str, str, str], key: str, extra: str) -> None:
    openfield = ":".join(parts) + key + extra
    short, fault = shorten_openfield(openfield, SENDER)
    if len(openfield) <= KEPT_CHARS:
        assert (short, fault) == (openfield, "")
        return
    if fault:
        with pytest.raises(Reject) as refused:
            parse_registration(openfield, SENDER)
        assert fault == refused.value.reason
        assert len(short) <= KEPT_CHARS
        return
    whole, kept = parse_registration(openfield, SENDER), parse_registration(short, SENDER)
    assert kept.port == whole.port
    assert whole.pos.startswith(kept.pos.removesuffix("…"))
    assert find_pos_violation(kept.pos, 0x19) is not None or kept.pos == whole.pos
    assert whole.ip.startswith(kept.ip)
    assert whole.reward.startswith(kept.reward)
    assert whole.reason.startswith(kept.reason)


def test_a_pos_address_is_cut_only_where_nobody_could_register_it() -> None:
    payload = b"\x19" + bytes(2_000)
    good = base58.b58encode(payload + h4(payload)).decode()
    for pos, is_kept in ((good, True), (good[:-1] + ("1" if good[-1] != "1" else "2"), False)):
        short, fault = shorten_openfield(f"1.2.3.4:6969:{pos}", SENDER)
        kept = parse_registration(short, SENDER).pos
        assert (fault, kept == pos, len(short) < KEPT_CHARS) == ("", is_kept, not is_kept)
        assert (find_pos_violation(kept, 0x19) is None) is is_kept


def test_a_long_port_is_told_by_all_of_it() -> None:
    ports = [parse_registration(f"1.2.3.4:{'9' * 5_000}{end}:p", SENDER).port for end in "ab"]
    assert len(set(ports)) == 2
    assert {len(port) for port in ports} == {MAX_PORT_CHARS}
    again = parse_registration(f"1.2.3.4:{ports[0]}:p", SENDER).port
    assert again == ports[0]
