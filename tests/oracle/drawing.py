"""Spec 3: who is silent, tickets, jurors, tests of peers, and whom to connect to."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Sequence
from typing import Any

from tests.oracle.keys import h20


class Twister:
    """The draws of spec 3 over ``getrandbits`` of a Mersenne Twister."""

    def __init__(self, seed: bytes) -> None:
        whole = seed + hashlib.sha512(seed).digest()
        self.source = random.Random(int.from_bytes(whole, "big"))

    def below(self, n: int) -> int:
        while True:
            drawn = self.source.getrandbits(n.bit_length())
            if drawn < n:
                return drawn

    def two(self, items: Sequence[Any]) -> tuple[Any, Any]:
        n = len(items)
        if n <= 21:
            copy = list(items)
            i = self.below(n)
            first = copy[i]
            copy[i] = copy[n - 1]
            return first, copy[self.below(n - 1)]
        i = self.below(n)
        j = self.below(n)
        while j == i:
            j = self.below(n)
        return items[i], items[j]

    def one(self, items: Sequence[Any]) -> Any:
        return items[self.below(len(items))]

    def shuffle(self, items: list[Any]) -> None:
        for i in range(len(items) - 1, 0, -1):
            j = self.below(i + 1)
            items[i], items[j] = items[j], items[i]


def find_silent(before: Sequence[str], seen: set[str], min_active: int) -> set[str]:
    """PoS addresses of registered(R-1) that neither forged nor sent in R-1; nobody if too few were seen."""
    return set() if len(seen) < min_active else {pos for pos in before if pos not in seen}


def list_tickets(active: Sequence[tuple[str, int]], at_least: int) -> list[tuple[str, int]]:
    """(address, id), as many as the weight, going through the list again while there are too few."""
    tickets: list[tuple[str, int]] = []
    if not any(weight > 0 for _, weight in active):
        return tickets
    while True:
        for address, weight in active:
            for _ in range(weight):
                tickets.append((address, len(tickets)))
        if len(tickets) >= at_least:
            return tickets


def draw_jurors(tickets: Sequence[tuple[str, int]], reference: bytes, slots: int) -> list[tuple[str, int]]:
    """The nearest tickets, one by one: the first in ticket order of those at the least distance."""
    left = list(tickets)
    jurors: list[tuple[str, int]] = []
    while left and len(jurors) < slots:
        distances = [
            sum(abs(x - y) for x, y in zip(h20(f"{address}{number}".encode()), reference, strict=True))
            for address, number in left
        ]
        jurors.append(left.pop(distances.index(min(distances))))
    return jurors


def plan_tests(
    registered: Sequence[str], jurors: Sequence[str], reference: bytes, per_slot: int, types: Sequence[int]
) -> list[list[tuple[str, str, int]]]:
    """Per slot (tester, tested, type), the slot's juror left out."""
    twister = Twister(reference)
    plan = []
    for juror in jurors:
        others = [address for address in registered if address != juror]
        tests = []
        if len(others) >= 2:
            for _ in range(per_slot):
                tester, tested = twister.two(others)
                tests.append((tester, tested, twister.one(types)))
        plan.append(tests)
    return plan


def list_connect_to(
    registered: Sequence[str], counted: set[str], own: str, round_: int, most: int
) -> list[str]:
    """All registered but ourselves, shuffled; those that count, the first ``most``."""
    others = [address for address in registered if address != own]
    Twister(f"{own}{round_}".encode()).shuffle(others)
    return [address for address in others if address in counted][:most]
