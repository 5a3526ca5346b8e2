"""The rules of the list as they were first written: entry by entry, in the words of the spec.  An oracle for
``core.registrations.registry_rules``, which keeps tables: slow, and not to be changed with it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Final

from hypernode.core.errors import Reject
from hypernode.core.params.chain_params import ChainParams
from hypernode.core.registrations.pow_address import find_pos_violation, is_valid_pow_address
from hypernode.core.registrations.registration_text import RegistrationText, parse_registration
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
    results = []
    for row in rows:
        state, result = apply_row(params, state, row, get_balance)
        results.append(result)
    return state, results


def apply_row(
    params: ChainParams, state: RegistryState, row: PowRow, get_balance: GetBalance
) -> tuple[RegistryState, RowResult]:
    """The state after one row, and what became of it.  Never raises for what a row says."""
    try:
        if row.height < params.first_pow_height:
            raise Reject(Rule.FIRST_HEIGHT, f"registrations begin at PoW height {params.first_pow_height}")
        # [REJECT] its signature was looked at and is not its sender's (spec 5, verifying)
        if row.verified is False:
            raise Reject(Rule.SIGNATURE, "the signature is not the sender's: left out")
        text = parse_registration(row.openfield, row.address)
        if row.operation == REGISTER:
            return _register(params, state, row, text, get_balance)
        if row.operation == UNREGISTER:
            return _unregister(params, state, row, text)
        if row.operation in (VOID, UNVOID):
            return _void(params, state, row, text)
        raise Reject(Rule.OPERATION, f"{row.operation!r} is none of the registry's operations")
    except Reject as reject:
        return state, RowResult(False, reject.reason, rule=reject.rule)


def _register(
    params: ChainParams, state: RegistryState, row: PowRow, text: RegistrationText, get_balance: GetBalance
) -> tuple[RegistryState, RowResult]:
    # 1 [REJECT] the ip is no literal IP address (colons part the openfield, so that IPv6 cannot be)
    if not _IPV4.fullmatch(text.ip):
        raise Reject(Rule.R1, f"{text.ip!r} is no IP address")
    # 2 [REJECT] the sender or the reward address is no valid Bismuth address
    for address in (row.address, text.reward):
        if not is_valid_pow_address(address):
            raise Reject(Rule.R2, f"{address!r} is no Bismuth address")
    # 3 [REJECT] the PoS address is not valid on this network (as lenient as legacy)
    broken = find_pos_violation(text.pos, params.address_byte)
    if broken is not None:
        raise Reject.of(broken)
    # 4 [REJECT] a present registration has this ip, whatever the port
    if any(entry.ip == text.ip for entry in state.entries):
        raise Reject(Rule.R4, f"the ip {text.ip} is registered already")
    # 5 [REJECT] a present registration has this PoS address
    if any(entry.pos == text.pos for entry in state.entries):
        raise Reject(Rule.R5, f"the PoS address {text.pos} is registered already")
    # 6 [REJECT] a present registration is the sender's
    if any(entry.collateral == row.address for entry in state.entries):
        raise Reject(Rule.R6, "the sender has a registration already")
    # 7: the weight, whatever it is: legacy software keeps 0 and below on the list
    balance = get_balance(row.address, row.height)
    weight = compute_weight(params, balance)
    entry = Registration(row.address, text.ip, text.port, text.pos, text.reward, weight, row.timestamp)
    is_near = is_near_boundary(params, balance)
    words = f"registered, weight {weight}"
    if is_near:
        words += ", but so near to another weight that legacy nodes, who sum floats, may see that one"
    result = RowResult(True, words, weight, is_near=is_near)
    return replace(state, entries=(*state.entries, entry)), result


def _unregister(
    params: ChainParams, state: RegistryState, row: PowRow, text: RegistrationText
) -> tuple[RegistryState, RowResult]:
    own = next((entry for entry in state.entries if entry.collateral == row.address), None)
    if own is not None:
        # U1 [REJECT] a registered sender names another ip, port (as text) or PoS address than its own
        if not _is_same(own, text):
            raise Reject(Rule.U1, "this is not the sender's registration")
        return _without(state, own), RowResult(True, "unregistered by its owner")
    # U2 [REJECT] the sender is neither registered nor the control address
    if row.address != params.control_pow:
        raise Reject(Rule.U2, "the sender has no registration")
    entry = next((entry for entry in state.entries if _is_same(entry, text)), None)
    if entry is None:
        # as legacy: the row counts as taken, the list stays as it is
        return state, RowResult(True, "by the control address; there is no such registration")
    return _without(state, entry), RowResult(True, f"unregistered by the control address: {text.reason!r}")


def _void(
    params: ChainParams, state: RegistryState, row: PowRow, text: RegistrationText
) -> tuple[RegistryState, RowResult]:
    # V1 [REJECT] only the control address voids
    if row.address != params.control_pow:
        raise Reject(Rule.V1, "only the control address voids")
    others = tuple(pos for pos in state.voids if pos != text.pos)
    if row.operation == UNVOID:
        # V2 [REJECT] an unvoid of what is not voided
        if len(others) == len(state.voids):
            raise Reject(Rule.V2, "this PoS address is not voided")
        return replace(state, voids=others), RowResult(True, f"no longer voided: {text.reason!r}")
    # V3 [REJECT] a void of what is not registered with this ip, port and PoS address
    if not any(_is_same(entry, text) for entry in state.entries):
        raise Reject(Rule.V3, "there is no such registration")
    return replace(state, voids=(*others, text.pos)), RowResult(True, f"voided: {text.reason!r}")


def _is_same(entry: Registration, text: RegistrationText) -> bool:
    return (entry.ip, entry.port, entry.pos) == (text.ip, text.port, text.pos)


def _without(state: RegistryState, entry: Registration) -> RegistryState:
    return replace(state, entries=tuple(e for e in state.entries if e is not entry))
