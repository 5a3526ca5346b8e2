"""Who a peer is, and what it told last."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hypernode.core.counting import Uncounted, compute_counted
from hypernode.core.types import ChainHeight, Registration
from hypernode.node.peers.peer_table import Peer, Peers, parse_port
from tests.unit.node.peers.entries import entry


def peer(
    ip: str = "10.0.0.1", port: int = 6969, *, out: bool = True, features: int = 0, proved: str | None = None
) -> Peer:
    return Peer(f"{ip}:{port:05d}", ip, port, features, out, proved_address=proved)


def reported(name: bytes) -> ChainHeight:
    return ChainHeight(1, 1, 1, name * 20)


def make_peers(*entries: Registration) -> Peers:
    peers = Peers()
    peers.set_registered(entries)
    return peers


def test_a_peer_is_who_its_ip_says_whatever_its_port() -> None:
    peers = make_peers(entry("a"))
    assert peers.find_address(peer(port=7000)) == "a"
    assert peers.find_address(peer("10.0.0.2")) is None


def test_where_hypernodes_share_an_ip_the_port_decides() -> None:
    peers = make_peers(entry("a"), entry("b", port="7000"))
    assert peers.find_address(peer()) == "a"
    assert peers.find_address(peer(port=7000)) == "b"
    assert peers.find_address(peer(port=7001)) is None
    assert [e.pos for e in peers.list_registrations("10.0.0.1")] == ["a", "b"]


def test_the_list_of_this_round_comes_before_that_of_the_last() -> None:
    peers = make_peers(entry("a", "10.0.0.2"), entry("b"), entry("a"))
    assert peers.find_address(peer("10.0.0.2")) == "a"
    assert peers.find_address(peer()) == "b"
    found = peers.find_by_address("a")
    assert found is not None
    assert found.ip == "10.0.0.2"


def test_the_latest_height_counts_over_any_connection_with_the_key() -> None:
    peers = make_peers(entry("a"))
    dialled, came = peer(features=8, proved="a"), peer(out=False, features=8, proved="a")
    peers.add(dialled)
    peers.add(came)
    assert peers.list_views() == ()
    assert peers.count_connected() == 1
    assert peers.note_height(dialled, reported(b"x"), None, 1.0)
    assert peers.note_height(came, reported(b"y"), "juror", 2.0)
    assert not peers.note_height(came, reported(b"y"), "juror", 3.0)
    (view,) = peers.list_views()
    assert (view.reported, view.reported_at, view.juror) == (reported(b"y"), 3.0, "juror")
    assert (view.is_outbound, view.has_features) == (True, True)
    assert peers.get_reported_height("a") == reported(b"y")
    peers.note_height(dialled, reported(b"z"), None, 4.0)
    assert peers.list_views()[0].reported == reported(b"z")
    assert peers.get_reported_height("a") == reported(b"z")
    assert peers.get_reported_height("b") is None


# --- who speaks for a hypernode -----------------------------------------------------------------------


def tell(peers: Peers, which: Peer, name: bytes, now: float) -> None:
    peers.note_height(which, reported(name), None, now)


def get_view(peers: Peers) -> tuple[ChainHeight | None, bool]:
    """What hypernode a told, and whether that may be held against it."""
    (view,) = peers.list_views() or (None,)
    assert (view.reported if view else None) == peers.get_reported_height("a")
    return (view.reported, view.is_vouched) if view else (None, False)


@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.parametrize("port", [6969, 7000])
@pytest.mark.parametrize("other_key", [None, "z"])
@pytest.mark.parametrize("out", [True, False])
def test_who_proved_nothing_does_not_speak_beside_who_proved_the_key(
    is_first: bool, port: int, other_key: str | None, out: bool
) -> None:
    peers = make_peers(entry("a"))
    proved, other = peer(out=False, features=8, proved="a"), peer(port=port, out=out, proved=other_key)
    for which in (other, proved) if is_first else (proved, other):
        peers.add(which)
    tell(peers, other, b"x", 1.0)
    assert get_view(peers) == (None, False)
    tell(peers, proved, b"y", 2.0)
    # neither later news nor a long silence of the proved one let another speak
    tell(peers, other, b"x", 10_000.0)
    assert get_view(peers) == (reported(b"y"), True)
    assert (peers.is_authentic(proved), peers.is_authentic(other)) == (True, False)
    assert (peers.is_answerable(proved), peers.is_answerable(other)) == (True, False)
    assert peers.inbound[proved.name] is proved
    assert peers.find_outbound("a") is None
    peers.remove(other)
    assert get_view(peers) == (reported(b"y"), True)
    assert peers.inbound == {proved.name: proved}


def test_without_a_proof_the_older_of_two_speaks_until_it_goes() -> None:
    peers = make_peers(entry("a"))
    older, newer = peer(out=False), peer(out=False)
    peers.add(older)
    peers.add(newer)
    tell(peers, older, b"x", 1.0)
    tell(peers, newer, b"y", 2.0)
    assert get_view(peers) == (reported(b"x"), False)
    assert peers.is_authentic(newer)
    peers.remove(older)
    assert get_view(peers) == (reported(b"y"), False)
    assert peers.inbound == {newer.name: newer}
    peers.remove(newer)
    assert (peers.list_views(), peers.inbound, peers.count_connected()) == ((), {}, 0)


@pytest.mark.parametrize(("silent_s", "name"), [(89.0, b"x"), (90.0, b"x"), (90.1, b"y")])
def test_without_a_proof_the_older_speaks_until_three_silent_exchanges(silent_s: float, name: bytes) -> None:
    peers = make_peers(entry("a"))
    older, newer = peer(out=False), peer(out=False)
    peers.add(older)
    peers.add(newer)
    tell(peers, older, b"x", 1.0)
    tell(peers, newer, b"y", 1.0 + silent_s)
    assert get_view(peers)[0] == reported(name)
    tell(peers, older, b"z", 2.0 + silent_s)
    assert get_view(peers)[0] == reported(b"z")


def test_without_a_proof_the_dialled_one_speaks_before_one_that_came() -> None:
    peers = make_peers(entry("a"))
    came, dialled = peer(out=False), peer()
    peers.add(came)
    tell(peers, came, b"x", 1.0)
    assert get_view(peers) == (reported(b"x"), False)
    peers.add(dialled)
    tell(peers, dialled, b"y", 2.0)
    tell(peers, came, b"x", 3.0)
    assert get_view(peers) == (reported(b"y"), True)
    assert (peers.is_answerable(dialled), peers.is_answerable(came)) == (True, False)


def test_a_silent_older_one_keeps_nobody_from_speaking() -> None:
    peers = make_peers(entry("a"))
    silent, newer = peer(out=False), peer(out=False)
    peers.add(silent)
    peers.add(newer)
    tell(peers, newer, b"y", 1.0)
    assert get_view(peers)[0] == reported(b"y")


@pytest.mark.parametrize(
    ("out", "proved", "is_certain"), [(False, None, False), (True, None, True), (False, "a", True)]
)
def test_only_a_key_or_an_endpoint_makes_a_feature_peer(
    out: bool, proved: str | None, is_certain: bool
) -> None:
    peers = make_peers(entry("a"))
    claimed = peer(out=out, features=8, proved=proved)
    peers.add(claimed)
    tell(peers, claimed, b"x", 1.0)
    assert peers.has_features("a") is peers.list_views()[0].has_features is is_certain


def test_a_key_says_who_it_is_where_hypernodes_share_an_ip() -> None:
    peers = make_peers(entry("a"), entry("b", port="7000"))
    assert peers.find_address(peer(port=7000, proved="a")) == "a"
    assert peers.find_address(peer(port=1234, proved="b")) == "b"
    assert peers.find_address(peer(port=7000, proved="z")) == "b"
    assert peers.find_address(peer("10.0.0.2", proved="a")) is None


def test_only_the_connections_of_one_key_share_a_mempool_exchange() -> None:
    peers = make_peers(entry("a"))
    proved = [peer(out=out, proved="a") for out in (True, False, False)]
    others = [peer(out=out) for out in (True, False, False)]
    for which in (*proved, *others):
        peers.add(which)
    assert {which.exchange for which in proved} == {"a"}
    assert len({which.exchange for which in (*proved, *others)}) == 4
    assert [peers.shares_exchange(which) for which in (proved[1], others[1])] == [True, False]


def test_who_is_not_registered_has_no_view() -> None:
    peers = make_peers(entry("a"))
    stranger = peer("10.0.0.9")
    peers.add(stranger)
    peers.note_height(stranger, reported(b"x"), None, 1.0)
    assert peers.list_views() == ()
    peers.set_registered([entry("s", "10.0.0.9")])
    assert [view.address for view in peers.list_views()] == ["s"]


def test_who_does_not_count_is_heard_only_as_a_juror_without_a_voice() -> None:
    listed = [entry(pos, f"10.0.0.{n}") for n, pos in enumerate("abcd", start=1)]
    counted = compute_counted(listed[:3], {"b": Uncounted.WORTHLESS, "c": Uncounted.MOVED_ON}, listed[3:])
    peers = Peers()
    peers.set_registered(listed, counted, jurors=["c"])
    for n in range(1, 5):
        dialled = peer(f"10.0.0.{n}")
        peers.add(dialled)
        peers.note_height(dialled, reported(b"x"), None, 1.0)
    assert [(view.address, view.counts) for view in peers.list_views()] == [
        ("a", True),
        ("c", False),
        ("d", True),
    ]
    assert peers.count_connected() == 2
    assert [peers.is_counted_ip(f"10.0.0.{n}") for n in range(1, 6)] == [True, False, False, True, False]
    assert all(peers.is_registered_ip(f"10.0.0.{n}") for n in range(1, 5))
    peers.set_registered(listed, compute_counted(listed, {}))
    assert [view.address for view in peers.list_views()] == ["a", "b", "c", "d"]


def test_an_ended_connection_is_forgotten_unless_a_newer_has_its_name() -> None:
    peers = make_peers(entry("a"))
    old, new = peer(), peer()
    peers.add(old)
    peers.note_height(old, reported(b"x"), None, 1.0)
    peers.add(new)
    peers.remove(old)
    assert peers.outbound == {new.name: new}
    peers.remove(new)
    assert peers.list_all() == []
    assert peers.list_views() == ()


def test_without_a_list_there_is_none() -> None:
    assert not Peers().has_list
    assert make_peers(entry("a")).has_list


@pytest.mark.parametrize(
    ("text", "port"), [("6969", 6969), ("1", 1), ("65535", 65535), ("06969", 6969), ("0000006969", 6969)]
)
def test_a_port_is_a_number_of_16_bits(text: str, port: int) -> None:
    assert parse_port(text) == port


@pytest.mark.parametrize(
    "text",
    ["", "0", "65536", "99999", "-1", "+1", " 1", "1 ", "1_0", "1.0", "0x10", "٣", "²", "9" * 5000, "1\0"],
)
def test_whatever_else_is_registered_is_no_port(text: str) -> None:
    assert parse_port(text) is None


ADDRESSES = ("a", "b", "c")
STEPS = st.lists(
    st.tuples(st.sampled_from(("add", "remove", "tell", "list")), st.integers(0, 5), st.integers(0, 2)),
    max_size=40,
)


@given(STEPS)
def test_views_that_are_remembered_are_those_that_would_be_made_anew(
    steps: list[tuple[str, int, int]],
) -> None:
    lists = [[entry(a, f"10.0.0.{n}") for n, a in enumerate(ADDRESSES[:count])] for count in (1, 2, 3)]
    connections = [peer(f"10.0.0.{n % 3}", out=n < 3, features=n % 2) for n in range(6)]
    peers, registered = make_peers(*lists[0]), lists[0]
    for now, (action, which, what) in enumerate(steps):
        if action == "add":
            peers.add(connections[which])
        elif action == "remove":
            peers.remove(connections[which])
        elif action == "tell":
            peers.note_height(
                connections[which], reported(b"xyz"[what : what + 1]), ADDRESSES[what], float(now)
            )
        else:
            registered = lists[what]
            peers.set_registered(registered)
        anew = Peers()
        anew.set_registered(registered)
        for connection in sorted(peers.list_all(), key=lambda p: p.number):
            anew.add(replace(connection))
        assert peers.list_views() == anew.list_views()
        assert peers.count_connected() == anew.count_connected()
