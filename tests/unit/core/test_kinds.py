from hypernode.core import kinds
from hypernode.core.hashing import h20
from hypernode.core.params.chain_params import replace_fields
from hypernode.core.params.networks import mainnet
from hypernode.core.params.tunables import list_values
from hypernode.core.validate_message import is_safe_params

PEER = kinds.format_peer_name("10.0.0.7", 6969)


def test_params_are_those_of_the_spec() -> None:
    assert PEER == "10.0.0.7:06969"
    assert kinds.format_no_test(kinds.AT_ROUND_START) == "NO_TEST:1"
    assert kinds.format_no_test(kinds.IN_CLOSING_SLOT) == "NO_TEST:2"
    assert kinds.format_test(3) == "TEST:3"
    assert kinds.format_synced(PEER, catching_up=False) == "R.SYNC:10.0.0.7:06969"
    assert kinds.format_synced(PEER, catching_up=True) == "C.SYNC:10.0.0.7:06969"
    assert kinds.format_failed(PEER, catching_up=False) == "P.FAIL:10.0.0.7:06969"
    assert kinds.format_failed(PEER, catching_up=True) == "C.FAIL:10.0.0.7:06969"
    assert kinds.format_late(4) == "LATE:4"


def test_both_orders_of_an_equivocation_are_one_report() -> None:
    a, b = b"\x01" * 20, b"\x02" * 20
    text = kinds.format_equivocation(7, 3, a, b)
    assert text == f"EQUIV:7:3:{a.hex()}:{b.hex()}"
    assert text == kinds.format_equivocation(7, 3, b, a)


def test_config_is_hashed_by_sorted_lines() -> None:
    expected = h20(b"A=1;2\nB=3\n").hex()[:8]
    assert kinds.format_config({"B": 3, "A": ("1", "2")}) == f"CONFIG:{expected}"


def test_a_tuned_parameter_changes_the_hash() -> None:
    before = kinds.format_config(list_values(mainnet().default_tunables))
    tuned = replace_fields(mainnet(), max_connect_to=41)
    assert kinds.format_config(list_values(tuned.default_tunables)) != before


def test_all_params_are_of_the_safe_alphabet() -> None:
    texts = [
        kinds.START_PARAMS,
        kinds.format_no_test(1),
        kinds.format_test(0),
        kinds.format_synced("255.255.255.255:65535", catching_up=True),
        kinds.format_failed("255.255.255.255:65535", catching_up=True),
        kinds.format_late(99),
        kinds.format_equivocation(2**32, 18, b"\xff" * 20, b"\xfe" * 20),
        kinds.format_config(list_values(mainnet().default_tunables)),
    ]
    assert all(is_safe_params(text) for text in texts)
