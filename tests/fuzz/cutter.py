"""An input of the fuzzer, cut into the values that a target needs."""

from __future__ import annotations


class Cutter:
    """Takes values from the front of an input; when it is used up, they are zeros and empty."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._place = 0

    @property
    def is_empty(self) -> bool:
        return self._place >= len(self._data)

    def take(self, count: int) -> bytes:
        """Up to ``count`` bytes."""
        taken = self._data[self._place : self._place + count]
        self._place += count
        return taken

    def take_rest(self) -> bytes:
        return self.take(len(self._data))

    def take_number(self, size: int = 1) -> int:
        """Of ``size`` bytes, unsigned."""
        return int.from_bytes(self.take(size), "big")

    def take_piece(self) -> bytes:
        """Bytes with their length before them, in one byte."""
        return self.take(self.take_number())

    def take_text(self) -> str:
        """A text with its length before it: any characters that UTF-8 can write."""
        return self.take_piece().decode("utf-8", "replace")
