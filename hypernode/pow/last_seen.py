"""The last voids and coloured lists that the companion's ledger had, kept over restarts.

The companion's TCP port tells neither: its lists have no voids, and its ``colored.json`` is anybody's (spec
5, coloured lists).  So while it is asked in place of the ledger, what the ledger told last goes on holding.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Final

from hypernode.core.registrations.colours import MAX_COLOURS, Colours
from hypernode.core.types import Round
from hypernode.files.own_files import DAMAGED, read_own, replacing
from hypernode.ports.registrations import RegisteredList

MAX_BYTES: Final = 16 << 20
"""Of the file: 32 coloured lists of the longest openfield, with room for voids."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is kept of a round's list: the PoS addresses that were voided, and the coloured lists."""

    round: Round
    voided: tuple[str, ...]
    colours: Colours


class LastSeen:
    """``path``: where it is kept, None for nowhere.  ``is_ours``: whether we may write it."""

    def __init__(
        self, path: Path | None, *, is_ours: bool = True, warn: Callable[[str], None] = lambda text: None
    ) -> None:
        self._path = path
        self._is_ours = is_ours
        self._warn = warn
        self.seen = self._load()
        """None as long as no ledger told anything."""

    def _load(self) -> Seen | None:
        if self._path is None:
            return None
        try:
            text = read_own(self._path, MAX_BYTES)
            return None if text is None else _decode(json.loads(text))
        except (OSError, *DAMAGED) as error:
            self._warn(
                f"{self._path}: voids and coloured lists that the ledger told last cannot be read ({error}); "
                "remove this file: it is made again from the ledger"
            )
            return None

    def note(self, listed: RegisteredList) -> RegisteredList:
        """What the ledger tells; given back as it is.  An older round than the last one tells nothing new."""
        before = self.seen
        if before is None or before.round <= listed.round:
            self.seen = Seen(listed.round, listed.voided, listed.colours)
            if (listed.voided, listed.colours) != ((before.voided, before.colours) if before else ((), ())):
                self._save(self.seen)
        return listed

    def _save(self, seen: Seen) -> None:
        if self._path is None or not self._is_ours:
            return
        try:
            with replacing(self._path) as file:
                file.write(json.dumps(astuple(seen)).encode("ascii"))
        except OSError as error:
            self._warn(f"{self._path}: cannot be written ({error}): look at the disk and at its rights")

    def apply(self, listed: RegisteredList) -> RegisteredList:
        """A list of the companion's port with what the ledger told last; as it is where that told nothing."""
        if self.seen is None:
            return listed
        known = frozenset(self.seen.voided)
        voided = tuple(entry.pos for entry in listed.entries if entry.pos in known)
        return replace(listed, voided=voided, colours=self.seen.colours)


def _decode(value: object) -> Seen:
    """Raises one of ``DAMAGED`` for what was not saved here."""
    if not isinstance(value, list) or len(value) != 3:
        raise ValueError("not three parts")
    round_, voided, colours = value
    pairs = tuple((name, text) for name, text in colours)
    texts = (*voided, *(part for pair in pairs for part in pair))
    if type(round_) is not int or len(pairs) > MAX_COLOURS or not all(type(text) is str for text in texts):
        raise ValueError("not a round, its voids and its coloured lists")
    return Seen(round_, tuple(voided), pairs)
