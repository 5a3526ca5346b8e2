"""Checks a registration against every rule before it is sent, and drafts its transaction (spec 5).

A registration that breaks a rule is void, and its fee is gone; nothing tells the sender.  So all that can be
known beforehand is looked at here: the rules of the list as it is, the balance, and what no rule forbids but
makes a hypernode that nobody can dial.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address
from typing import Final

from hypernode.core.address import is_valid_address
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.public_ip import find_reach_fault
from hypernode.core.registrations.pow_address import is_valid_pow_address
from hypernode.core.registrations.registry import COIN, REGISTER, UNREGISTER, RegistryState, compute_weight
from hypernode.core.rules import Rule
from hypernode.core.timeline import compute_reference_time, compute_round_slot, compute_round_start
from hypernode.core.types import MAX_PORT, Registration, Round, Timestamp

_BASE_FEE: Final = COIN // 100
_FEE_A_CHAR: Final = COIN // 100_000
_SEPARATORS: Final = ",=:"


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator wants to register or unregister.  ``pow_address`` sends the transaction and holds the
    collateral; an empty ``reward`` means that address; ``reason`` is for unregistering."""

    pow_address: str
    ip: str
    port: str
    pos: str
    reward: str = ""
    reason: str = ""


class Level(Enum):
    """How bad a result is for the registration."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    """It would be void, or of no use."""


@dataclass(frozen=True, slots=True)
class PreflightResult:
    """The result of one check."""

    level: Level
    rule: Rule
    words: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A transaction to write: of amount 0, from the collateral address to itself."""

    operation: str
    openfield: str


@dataclass(frozen=True, slots=True)
class CountsFrom:
    """A transaction in a PoW block up to ``reference`` is on the list of ``round``, which begins at
    ``start``."""

    round: Round
    reference: Timestamp
    start: Timestamp


def check_texts(params: ChainParams, wish: Wish) -> list[PreflightResult]:
    """The rules that need nothing but the texts themselves."""
    return [
        _check_ip(wish.ip),
        _check_port(wish.port),
        _check_pow_address("sender", wish.pow_address),
        *([_check_pow_address("reward address", wish.reward)] if wish.reward else []),
        _check_pos(params, wish.pos),
        *([_check_reason(wish.reason)] if wish.reason else []),
    ]


def check_sender(wish: Wish) -> list[PreflightResult]:
    """Of those, the ones for who has a registration: ip and PoS address are as the list took them."""
    return [
        _check_port(wish.port),
        _check_pow_address("sender", wish.pow_address),
        *([_check_reason(wish.reason)] if wish.reason else []),
    ]


def check_register(
    params: ChainParams, wish: Wish, state: RegistryState, balance: int | None
) -> list[PreflightResult]:
    """The rules that need the present list and the sender's balance (1e-8 BIS)."""
    return [
        _check_free(Rule.R4, f"the ip {wish.ip}", [e for e in state.entries if e.ip == wish.ip]),
        _check_free(Rule.R5, f"the PoS address {wish.pos}", [e for e in state.entries if e.pos == wish.pos]),
        _check_free(Rule.R6, "the sender", [e for e in state.entries if e.collateral == wish.pow_address]),
        _check_balance(params, balance, draft_register(wish)),
        *([_VOIDED] if wish.pos in state.voids else []),
    ]


def check_unregister(params: ChainParams, wish: Wish, state: RegistryState) -> list[PreflightResult]:
    """Whether the sender has this registration, or may end that of another."""
    own = find_own(state, wish.pow_address)
    if own is None and wish.pow_address == params.control_pow:
        return [_check_control(wish, state)]
    if own is None:
        return [PreflightResult(Level.ERROR, Rule.U2, "the sender has no registration")]
    if (own.ip, own.port, own.pos) == (wish.ip, wish.port, wish.pos):
        return [PreflightResult(Level.OK, Rule.U1, "this is the sender's registration")]
    there = f"{own.ip}:{own.port}:{own.pos}"
    return [PreflightResult(Level.ERROR, Rule.U1, f"the sender's registration is another one: {there}")]


def _check_control(wish: Wish, state: RegistryState) -> PreflightResult:
    place = (wish.ip, wish.port, wish.pos)
    entry = next((e for e in state.entries if (e.ip, e.port, e.pos) == place), None)
    if entry is None:
        return PreflightResult(Level.ERROR, Rule.U3, f"nobody has registered {':'.join(place)}")
    words = f"the control address may end the registration of {entry.collateral}"
    return PreflightResult(Level.OK, Rule.U3, words)


def find_own(state: RegistryState, pow_address: str) -> Registration | None:
    """The present registration of a collateral address."""
    return next((entry for entry in state.entries if entry.collateral == pow_address), None)


def find_at(state: RegistryState, ip: str | None) -> Registration | None:
    """The present registration of an ip; there is one at most."""
    return next((entry for entry in state.entries if entry.ip == ip), None)


def draft_register(wish: Wish) -> Draft:
    """The transaction that registers."""
    reward = f",reward={wish.reward}" if wish.reward and wish.reward != wish.pow_address else ""
    return Draft(REGISTER, f"{wish.ip}:{wish.port}:{wish.pos}{reward}")


def draft_unregister(wish: Wish) -> Draft:
    """The transaction that unregisters."""
    reason = f",reason={wish.reason}" if wish.reason else ""
    return Draft(UNREGISTER, f"{wish.ip}:{wish.port}:{wish.pos}{reason}")


def list_next_rounds(params: ChainParams, now: float, count: int) -> list[CountsFrom]:
    """The next rounds whose reference time is still to come."""
    round_, _ = compute_round_slot(params, now)
    found: list[CountsFrom] = []
    while len(found) < count:
        round_ += 1
        reference = compute_reference_time(params, round_)
        if reference > now:
            found.append(CountsFrom(round_, reference, compute_round_start(params, round_)))
    return found


def estimate_fee(openfield: str) -> int:
    """What the PoW chain takes for a transaction (1e-8 BIS): 0.01 BIS and 0.00001 for each character."""
    return _BASE_FEE + _FEE_A_CHAR * len(openfield)


_VOIDED: Final = PreflightResult(
    Level.WARNING,
    Rule.VOIDED,
    "the control address has voided this PoS address: registered, it would get no slots",
)


def _check_ip(ip: str) -> PreflightResult:
    try:
        IPv4Address(ip)
    except ValueError:
        return PreflightResult(
            Level.ERROR, Rule.R1, f"{ip!r} is no IPv4 address (names and IPv6 cannot be registered)"
        )
    if fault := find_reach_fault(ip):
        return PreflightResult(Level.WARNING, Rule.R1, f"{ip} {fault}")
    return PreflightResult(Level.OK, Rule.R1, f"{ip} is an IPv4 address")


def _check_port(port: str) -> PreflightResult:
    # not a rule of the list: legacy nodes do not look at it, and stop over what is no number
    if port.isascii() and port.isdecimal() and port == str(int(port[:6])) and 1 <= int(port) <= MAX_PORT:
        return PreflightResult(Level.OK, Rule.PORT, f"{port} is a port")
    return PreflightResult(
        Level.ERROR, Rule.PORT, f"{port!r} is no port: expected a number from 1 to {MAX_PORT}"
    )


def _check_pow_address(what: str, address: str) -> PreflightResult:
    if is_valid_pow_address(address) and address == address.strip():
        return PreflightResult(Level.OK, Rule.R2, f"the {what} {address} has the form of a Bismuth address")
    return PreflightResult(Level.ERROR, Rule.R2, f"the {what} {address!r} is no Bismuth address")


def _check_pos(params: ChainParams, pos: str) -> PreflightResult:
    if is_valid_address(pos, params.address_byte):
        return PreflightResult(Level.OK, Rule.R3, f"{pos} is a PoS address of {params.name}")
    return PreflightResult(Level.ERROR, Rule.R3, f"{pos!r} is no PoS address of {params.name}")


def _check_reason(reason: str) -> PreflightResult:
    if any(char in reason for char in _SEPARATORS):
        return PreflightResult(
            Level.ERROR, Rule.REASON, f"the reason must be without any of {' '.join(_SEPARATORS)}"
        )
    return PreflightResult(Level.OK, Rule.REASON, "the reason has no separators in it")


def _check_free(rule: Rule, what: str, taken: Sequence[Registration]) -> PreflightResult:
    if not taken:
        return PreflightResult(Level.OK, rule, f"{what} is not registered yet")
    entry = taken[0]
    return PreflightResult(
        Level.ERROR,
        rule,
        f"{what} is registered already: {entry.ip}:{entry.port}:{entry.pos} by {entry.collateral}",
    )


def _check_balance(params: ChainParams, balance: int | None, draft: Draft) -> PreflightResult:
    # the transaction's own row is within the height that its weight is taken at: its fee counts
    fee = estimate_fee(draft.openfield)
    left = (balance or 0) - fee
    weight = max(0, compute_weight(params, left))
    words = f"the sender has {_format_bis(balance or 0)} BIS, less a fee of about {_format_bis(fee)}"
    if weight < 1:
        needed = _format_bis(params.collateral_unit * COIN + fee)
        return PreflightResult(Level.ERROR, Rule.R7, f"{words}: weight 0. Have at least {needed} BIS there")
    return PreflightResult(Level.OK, Rule.R7, f"{words}: weight {weight}")


def _format_bis(units: int) -> str:
    whole, part = divmod(units, COIN)
    return f"{whole:,}.{part:08d}".rstrip("0").rstrip(".")
