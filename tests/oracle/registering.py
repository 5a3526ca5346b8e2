"""Spec 5: the list of hypernodes at a PoW height, from all rows of the ledger, one after another."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from tests.oracle.keys import ALPHABET, h4

FIRST_HEIGHT = 773_801


@dataclass(frozen=True)
class Row:
    """A row of ``transactions``; amounts are decimals of BIS."""

    height: int
    timestamp: float
    address: str
    recipient: str
    amount: Decimal
    fee: Decimal
    reward: Decimal
    operation: str
    openfield: str


@dataclass
class Listed:
    """A registration on the list."""

    collateral: str
    ip: str
    port: str
    pos: str
    reward: str
    weight: int
    timestamp: float


@dataclass
class Registry:
    """The list, and what was said of each register and unregister."""

    listed: list[Listed] = field(default_factory=list)
    taken: list[tuple[Row, bool]] = field(default_factory=list)


def balance_of(rows: Sequence[Row], address: str, height: int) -> Decimal | None:
    """sum(amount + reward) received - sum(amount + fee) sent; None for one that never did one of both."""
    past = [row for row in rows if row.height <= height]
    got = [row.amount + row.reward for row in past if row.recipient == address]
    gave = [row.amount + row.fee for row in past if row.address == address]
    return sum(got, Decimal()) - sum(gave, Decimal()) if got and gave else None


def weigh(balance: Decimal | None) -> int:
    return -1 if balance is None else min(3, int((balance / 10_000).to_integral_value("ROUND_FLOOR")))


def is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def is_pow_address(text: str) -> bool:
    text = text.removesuffix("\n")
    if re.fullmatch(r"[0-9a-f]{56}", text):
        return True
    is_58 = text.startswith("Bis1") and all(c in ALPHABET for c in text[4:])
    return is_58 and (32 <= len(text) <= 49 or 51 <= len(text) <= 56)


def is_pos_address(text: str, net: int) -> bool:
    """34 letters or digits at the beginning, a right checksum and the network's byte; any payload."""
    text = text.rstrip()
    if not re.match(r"[0-9A-Za-z]{34}", text) or any(c not in ALPHABET for c in text):
        return False
    number = 0
    for c in text:
        number = number * 58 + ALPHABET.index(c)
    zeros = len(text) - len(text.lstrip("1"))
    raw = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    return len(raw) > 4 and raw[0] == net and raw[-4:] == h4(raw[:-4])


def read_openfield(row: Row) -> tuple[str, str, str, str] | None:
    """ip, port, pos, reward; None where the row is void."""
    head, *extras = row.openfield.split(",")
    parts = head.split(":")
    if len(parts) != 3:
        return None
    values = {}
    for extra in extras:
        if extra.count("=") != 1:
            return None
        key, value = extra.split("=")
        values[key] = value
    # an empty source is as none (seen in the vectors)
    if (values.get("source") or row.address) != row.address:
        return None
    return parts[0], parts[1], parts[2], values.get("reward", row.address)


def derive(rows: Sequence[Row], height: int, net: int, control: str, first: int = FIRST_HEIGHT) -> Registry:
    """The list at a height: rows by height from the first one on, within a block as they come."""
    registry = Registry()
    for row in sorted(rows, key=lambda row: row.height):
        if first <= row.height <= height and row.address == row.recipient:
            if row.operation == "hypernode:register":
                registry.taken.append((row, _register(rows, registry.listed, row, net)))
            elif row.operation == "hypernode:unregister":
                registry.taken.append((row, _unregister(registry, row, control)))
    return registry


def _register(rows: Sequence[Row], listed: list[Listed], row: Row, net: int) -> bool:
    read = read_openfield(row)
    if read is None:
        return False
    ip, port, pos, reward = read
    is_fine = (
        is_ip(ip)
        and is_pow_address(row.address)
        and is_pow_address(reward)
        and is_pos_address(pos, net)
        and all(one.ip != ip for one in listed)
        and all(one.pos != pos for one in listed)
        and all(one.collateral != row.address for one in listed)
    )
    if is_fine:
        weight = weigh(balance_of(rows, row.address, row.height))
        listed.append(Listed(row.address, ip, port, pos, reward, weight, row.timestamp))
    return is_fine


def _unregister(registry: Registry, row: Row, control: str) -> bool:
    read = read_openfield(row)
    if read is None:
        return False
    is_control = row.address == control and all(one.collateral != control for one in registry.listed)
    for one in registry.listed:
        is_it = (one.ip, one.port, one.pos) == read[:3]
        if is_it and (one.collateral == row.address or is_control):
            registry.listed.remove(one)
            return True
    # legacy software says so of what the control address unregisters and is not there (seen in the vectors)
    return is_control


def rows_of_vector(ledger: Sequence[Sequence[Any]]) -> list[Row]:
    """Rows as the vectors have them."""
    return [
        Row(h, t, a, r, Decimal(str(amount)), Decimal(str(fee)), Decimal(str(reward)), operation, openfield)
        for h, t, a, r, amount, fee, reward, operation, openfield in ledger
    ]


def find_voided(rows: Sequence[Row], height: int, net: int, control: str) -> set[tuple[str, str, str]]:
    """(ip, port, pos) that the control address voided and did not unvoid; the last row counts."""
    voided: set[tuple[str, str, str]] = set()
    for row in sorted(rows, key=lambda row: row.height):
        read = read_openfield(row)
        if row.height > height or row.address != control or read is None:
            continue
        if row.operation == "hypernode:void":
            voided.add(read[:3])
        elif row.operation == "hypernode:unvoid":
            voided.discard(read[:3])
    return voided


def balance_of_pot(rows: Sequence[Row], pot: str, height: int) -> Decimal:
    """In BIS: takes rows with absolute height up to the height, mirror rows of later blocks not."""
    past = [row for row in rows if abs(row.height) <= height]
    got = sum((row.amount + row.reward for row in past if row.recipient == pot), Decimal())
    return got - sum((row.amount + row.fee for row in past if row.address == pot), Decimal())
