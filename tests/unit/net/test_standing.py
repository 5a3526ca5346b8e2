"""What an IP counts for, and whose neighbour it is."""

from __future__ import annotations

from hypernode.net.standing import Standing, get_site


def test_a_site_is_a_24_or_a_48() -> None:
    assert get_site("10.1.2.3") == get_site("10.1.2.200") != get_site("10.1.3.3")
    assert get_site("2001:db8:1::1") == get_site("2001:db8:1:2::1") != get_site("2001:db8:2::1")
    assert get_site("a host") == "a host"
    assert get_site("no:address") == "no:address"


def test_only_who_counts_shares_what_is_kept_for_hypernodes() -> None:
    assert [standing for standing in Standing if standing.is_peer] == [Standing.COUNTED]


def test_standings_are_in_the_order_of_their_worth() -> None:
    assert list(Standing) == [Standing.OPERATOR, Standing.COUNTED, Standing.REGISTERED, Standing.STRANGER]
