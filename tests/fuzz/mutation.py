"""Inputs like those of the corpus, damaged at random: what the suite runs without atheris."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Final

_TELLING: Final = (0, 1, 2, 8, 0x7F, 0x80, 0xB1, 0xFF)


def mutate(random: Random, inputs: Sequence[bytes]) -> bytes:
    """One of the inputs after a few changes: bytes set, inserted, removed, or another input's end."""
    data = bytearray(random.choice(inputs))
    for _ in range(random.randint(1, 4)):
        place = random.randrange(len(data) + 1)
        match random.randrange(5):
            case 0 if place < len(data):
                data[place] = random.choice(_TELLING)
            case 1 if place < len(data):
                data[place] ^= 1 << random.randrange(8)
            case 2:
                data[place:place] = random.randbytes(random.randint(1, 6))
            case 3:
                del data[place : place + random.randint(1, 8)]
            case _:
                data[place:] = random.choice(inputs)[random.randrange(8) :]
    return bytes(data)
