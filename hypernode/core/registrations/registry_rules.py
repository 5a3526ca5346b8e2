"""What a row of the companion's ledger does to the list of hypernodes (spec 5, registration).

Each row costs the same, however many are on the list: anybody can write thousands of worthless registrations.
So while rows go by, the list lies in tables by ip, PoS address and sender (``RegistryBuilder``); before and
after it is a ``RegistryState``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.pow_address import find_pos_violation, is_valid_pow_address
from hypernode.core.registrations.registration_text import RegistrationText, parse_registration, show
from hypernode.core.registrations.registry import (
    REGISTER,
    UNREGISTER,
    UNVOID,
    VOID,
    GetBalance,
    PowRow,
    RegistryState,
    RowResult,
    compute_weight,
    is_near_boundary,
)
from hypernode.core.rules import Rule
from hypernode.core.types import Registration

_OCTET: Final = r"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
_IPV4: Final = re.compile(rf"{_OCTET}(?:\.{_OCTET}){{3}}")


def apply_rows(
    params: ChainParams, state: RegistryState, rows: Iterable[PowRow], get_balance: GetBalance
) -> tuple[RegistryState, list[RowResult]]:
    """Extend ``state`` with ``rows``, which are in order of height, then of the ledger."""
    builder = RegistryBuilder(params, state)
    results = [builder.apply(row, get_balance) for row in rows]
    return builder.to_state(), results


def apply_row(
    params: ChainParams, state: RegistryState, row: PowRow, get_balance: GetBalance
) -> tuple[RegistryState, RowResult]:
    """The state after one row, and what became of it.  Never raises for what a row says.  Costs the length
    of the list: ``apply_rows`` and ``RegistryBuilder`` are for many."""
    state, results = apply_rows(params, state, [row], get_balance)
    return state, results[0]


class RegistryBuilder:
    """Builds the list row by row: it begins as ``state``, is changed by ``apply``, and ends as
    ``to_state()``."""

    def __init__(self, params: ChainParams, state: RegistryState) -> None:
        self._params = params
        # the order of the list is that of this table: who leaves it and comes back is the last
        self._by_sender = {entry.collateral: entry for entry in state.entries}
        self._by_ip = {entry.ip: entry for entry in state.entries}
        self._by_pos = {entry.pos: entry for entry in state.entries}
        self._voids = dict.fromkeys(state.voids)
        """An ordered set."""

    def to_state(self) -> RegistryState:
        """The list as it is now."""
        return RegistryState(tuple(self._by_sender.values()), tuple(self._voids))

    def apply(self, row: PowRow, get_balance: GetBalance) -> RowResult:
        """What becomes of the next row.  Never raises for what a row says; ``get_balance`` is asked only for
        a register that is taken."""
        try:
            return self._apply(row, get_balance)
        except Reject as reject:
            return RowResult(False, reject.reason, rule=reject.rule)

    def _apply(self, row: PowRow, get_balance: GetBalance) -> RowResult:
        first = self._params.first_pow_height
        # FIRST_HEIGHT [REJECT, class A] registrations begin at a height of the PoW chain
        if row.height < first:
            raise Reject(Rule.FIRST_HEIGHT, f"registrations begin at PoW height {first}")
        # SIGNATURE [REJECT, class A] the signature of a row is its sender's (where it was looked at)
        if row.verified is False:
            raise Reject(Rule.SIGNATURE, "the signature is not the sender's: left out")
        # OPENFIELD [REJECT, class A] an openfield can be read (one over the PoW chain's bound is not kept)
        if row.fault:
            raise Reject(Rule.OPENFIELD, row.fault)
        text = parse_registration(row.openfield, row.address)
        if row.operation == REGISTER:
            return self._register(row, text, get_balance)
        if row.operation == UNREGISTER:
            return self._unregister(row, text)
        if row.operation in (VOID, UNVOID):
            return self._void(row, text)
        # OPERATION [REJECT, class A] the operation is one of the registry's
        raise Reject(Rule.OPERATION, f"{row.operation!r} is none of the registry's operations")

    def _register(self, row: PowRow, text: RegistrationText, get_balance: GetBalance) -> RowResult:
        self._validate_texts(row, text)
        # R4 [REJECT, class A] no registration has the ip (whatever the port)
        if text.ip in self._by_ip:
            raise Reject(Rule.R4, f"the ip {text.ip} is registered already")
        # R5 [REJECT, class A] no registration has the PoS address
        if text.pos in self._by_pos:
            raise Reject(Rule.R5, f"the PoS address {text.pos} is registered already")
        # R6 [REJECT, class A] the sender has no registration
        if row.address in self._by_sender:
            raise Reject(Rule.R6, "the sender has a registration already")
        # R7: the weight, whatever it is: legacy software keeps 0 and below on the list
        balance = get_balance(row.address, row.height)
        weight = compute_weight(self._params, balance)
        entry = Registration(row.address, text.ip, text.port, text.pos, text.reward, weight, row.timestamp)
        self._by_sender[entry.collateral] = self._by_ip[entry.ip] = self._by_pos[entry.pos] = entry
        is_near = is_near_boundary(self._params, balance)
        words = f"registered, weight {weight}"
        if is_near:
            words += ", but so near to another weight that legacy nodes, who sum floats, may see that one"
        return RowResult(True, words, weight, is_near=is_near)

    def _validate_texts(self, row: PowRow, text: RegistrationText) -> None:
        """Rules 1 to 3, which are of the row alone."""
        # R1 [REJECT, class A] the ip is a literal IPv4 address (colons part the openfield: IPv6 cannot be)
        if not _IPV4.fullmatch(text.ip):
            raise Reject(Rule.R1, f"{show(text.ip)} is no IP address")
        # R2 [REJECT, class A] sender and reward address are Bismuth addresses
        for address in (row.address, text.reward):
            if not is_valid_pow_address(address):
                raise Reject(Rule.R2, f"{show(address)} is no Bismuth address")
        # R3 [REJECT, class A] the PoS address is one of the network (as lenient as legacy)
        broken = find_pos_violation(text.pos, self._params.address_byte)
        if broken is not None:
            raise Reject.of(broken)

    def _unregister(self, row: PowRow, text: RegistrationText) -> RowResult:
        own = self._by_sender.get(row.address)
        if own is not None:
            # U1 [REJECT, class A] a registered sender names its own registration (the port as text)
            if not _is_same(own, text):
                raise Reject(Rule.U1, "this is not the sender's registration")
            self._remove(own)
            return RowResult(True, "unregistered by its owner")
        # U2 [REJECT, class A] the sender has a registration, or is the control address
        if row.address != self._params.control_pow:
            raise Reject(Rule.U2, "the sender has no registration")
        entry = self._find(text)
        if entry is None:
            # as legacy: the row counts as taken, the list stays as it is
            return RowResult(True, "by the control address; there is no such registration")
        self._remove(entry)
        return RowResult(True, f"unregistered by the control address: {show(text.reason)}")

    def _void(self, row: PowRow, text: RegistrationText) -> RowResult:
        # V1 [REJECT, class A] the control address voids
        if row.address != self._params.control_pow:
            raise Reject(Rule.V1, "only the control address voids")
        if row.operation == UNVOID:
            # V2 [REJECT, class A] what is voided no longer was voided
            if text.pos not in self._voids:
                raise Reject(Rule.V2, "this PoS address is not voided")
            del self._voids[text.pos]
            return RowResult(True, f"no longer voided: {show(text.reason)}")
        # V3 [REJECT, class A] what is voided is registered (with this ip, port and PoS address)
        if self._find(text) is None:
            raise Reject(Rule.V3, "there is no such registration")
        # one that is voided again is the last one
        self._voids.pop(text.pos, None)
        self._voids[text.pos] = None
        return RowResult(True, f"voided: {show(text.reason)}")

    def _find(self, text: RegistrationText) -> Registration | None:
        entry = self._by_ip.get(text.ip)
        return entry if entry is not None and _is_same(entry, text) else None

    def _remove(self, entry: Registration) -> None:
        del self._by_sender[entry.collateral], self._by_ip[entry.ip], self._by_pos[entry.pos]


def _is_same(entry: Registration, text: RegistrationText) -> bool:
    return (entry.ip, entry.port, entry.pos) == (text.ip, text.port, text.pos)
