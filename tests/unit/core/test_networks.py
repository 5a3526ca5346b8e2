import pytest

from hypernode.core import networks
from hypernode.core.address import is_valid_address
from hypernode.core.chain_params import ChainParams, Delays
from hypernode.core.network_file import network_from_json, network_to_json
from tests.unit.core.builders import OWN, get_address

BUILT_IN = (networks.mainnet(), networks.testnet(), OWN)


@pytest.mark.parametrize("network", BUILT_IN, ids=lambda n: n.name)
def test_built_in_networks_make_sense(network: ChainParams) -> None:
    assert is_valid_address(network.control_pos, network.address_byte)
    assert len(network.posnet) == 10
    assert network.posnet in network.posnet_allow
    assert network_from_json(network_to_json(network), "net.json") == network


def test_main_is_what_it_always_was() -> None:
    main = networks.mainnet()
    assert (main.round_s, main.slots_total, main.mixed, main.genesis) == (3600, 20, True, "main")
    assert main.magic.hex() == "b1534e19"


def test_testnet_is_no_place_for_legacy_nodes() -> None:
    network = networks.testnet()
    assert (network.mixed, network.genesis, network.address_byte) == (False, "derived", 0x55)
    assert (network.slot_s, network.min_active, network.min_connections) == (180, 10, 3)
    assert network.magic.hex() == "b1534e55"


def test_devnet_has_seconds_where_main_has_minutes() -> None:
    assert (OWN.min_active, OWN.min_connections, OWN.min_subnets) == (2, 2, 1)
    assert (OWN.mixed, OWN.genesis, OWN.posnet, OWN.address_byte) == (False, "derived", "devnet0001", 0x55)
    assert OWN.magic.hex() == "b1534ede"
    assert OWN.delays.earliest_forging_s == pytest.approx(0.5)
    assert OWN.pow_block_s == pytest.approx(2)
    assert (OWN.future_allowed_s, OWN.message_age_s) == (5, 3600)


def test_devnet_takes_other_fields() -> None:
    network = networks.devnet(1, 20, "control", get_address(OWN, 0), slots=5, mixed=True, delays=Delays())
    assert (network.slots, network.mixed, network.round_s) == (5, True, 120)
    assert network.delays == Delays()
