import pytest

from hypernode.core.address import is_valid_address
from hypernode.core.params import networks
from hypernode.core.params.chain_params import ChainParams, Delays
from hypernode.core.params.network_file import network_from_json, network_to_json
from tests.unit.core.builders import OWN, get_address

BUILT_IN = (networks.mainnet(), networks.testnet(), OWN)


@pytest.mark.parametrize("params", BUILT_IN, ids=lambda n: n.name)
def test_built_in_networks_make_sense(params: ChainParams) -> None:
    assert is_valid_address(params.control_pos, params.address_byte)
    assert len(params.posnet) == 10
    assert params.posnet in params.default_tunables.posnet_allow
    assert network_from_json(network_to_json(params), "net.json") == params


def test_main_is_what_it_always_was() -> None:
    main = networks.mainnet()
    assert (main.round_s, main.slots_total, main.mixed, main.genesis) == (3600, 20, True, "main")
    assert main.magic.hex() == "b1534e19"


def test_testnet_is_no_place_for_legacy_nodes() -> None:
    params = networks.testnet()
    assert (params.mixed, params.genesis, params.address_byte) == (False, "derived", 0x55)
    assert (params.slot_s, params.min_active, params.min_connections) == (180, 10, 3)
    assert params.magic.hex() == "b1534e55"


def test_devnet_has_seconds_where_main_has_minutes() -> None:
    assert (OWN.min_active, OWN.min_connections, OWN.min_subnets) == (2, 2, 1)
    assert (OWN.mixed, OWN.genesis, OWN.posnet, OWN.address_byte) == (False, "derived", "devnet0001", 0x55)
    assert OWN.magic.hex() == "b1534ede"
    assert OWN.delays.earliest_forging_s == pytest.approx(0.5)
    assert OWN.pow_block_s == pytest.approx(2)
    assert (OWN.future_allowed_s, OWN.message_age_s) == (5, 3600)


def test_devnet_takes_other_fields() -> None:
    params = networks.devnet(1, 20, "control", get_address(OWN, 0), slots=5, mixed=True, delays=Delays())
    assert (params.slots, params.mixed, params.round_s) == (5, True, 120)
    assert params.delays == Delays()
