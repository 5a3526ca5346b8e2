"""Real keys and messages for tests of the mempool, made from a number so that every run has the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cache

from hypernode.core.address import compute_address
from hypernode.core.message import create_message, encode_signed_buffer
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.params.networks import devnet
from hypernode.core.signing import compute_pubkey, compute_twin, sign
from hypernode.core.types import Message

ADDRESS_BYTE = 0x55
NOW = 1_700_000_000.25


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a key."""

    privkey: bytes
    pubkey: bytes
    address: str


@cache
def make_person(number: int) -> Person:
    """The person of a number."""
    privkey = (number + 1).to_bytes(32, "big")
    pubkey = compute_pubkey(privkey)
    return Person(privkey, pubkey, compute_address(pubkey, ADDRESS_BYTE))


def make_network(**overrides: object) -> ChainParams:
    """A devnet with rounds of 120 s whose control address is person 99."""
    return devnet(1_699_999_200, 6, "c" * 56, make_person(99).address, **overrides)


def make_message(
    sender: int = 0,
    *,
    recipient: int | str = 1,
    timestamp: int = int(NOW),
    what: int = 202,
    params: str = "START",
    value: int = 0,
) -> Message:
    """A signed message of a person."""
    person = make_person(sender)
    return create_message(
        lambda buffer: sign(person.privkey, buffer),
        person.pubkey,
        timestamp=timestamp,
        sender=person.address,
        recipient=recipient if isinstance(recipient, str) else make_person(recipient).address,
        what=what,
        params=params,
        value=value,
    )


def make_twin(message: Message) -> Message:
    """The same message under the other id."""
    return replace(message, txid=compute_twin(message.txid))


def make_forgery(message: Message) -> Message:
    """The same words with a signature of somebody else."""
    return replace(message, txid=sign(make_person(77).privkey, encode_signed_buffer(message)))


REGISTERED = frozenset(make_person(number).address for number in range(20))
