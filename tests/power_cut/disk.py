"""A disk in memory that can lose power: what was synced stays, the rest is up to chance.

Programs see every write at once.  What survives a cut is the last synced content of each file, and of what
was written since whatever a real disk might have got to: nothing, all of it, a beginning whose last write is
torn in the middle, or any sectors of it in any order.  Names work the same way: a file that was made or
deleted is so for certain once its folder was synced.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import Final

SECTOR_BYTES: Final = 512
"""What a disk writes at once: a write of a page may arrive in part."""
_KEPT_PART: Final = 0.5
"""Of scattered sectors, this part arrives."""


class PowerCut(Exception):
    """The power is gone: nothing more gets to the disk."""


@dataclass(frozen=True, slots=True)
class Write:
    """Bytes that were written at an offset and are not synced."""

    offset: int
    data: bytes

    def split(self) -> list[Write]:
        """Its sectors, cut where those of the disk end."""
        parts, start, end = [], self.offset, self.offset + len(self.data)
        while start < end:
            stop = min(end, (start // SECTOR_BYTES + 1) * SECTOR_BYTES)
            parts.append(Write(start, self.data[start - self.offset : stop - self.offset]))
            start = stop
        return parts

    def tear(self, random: Random) -> Write:
        """A beginning of it."""
        return Write(self.offset, self.data[: random.randrange(len(self.data) + 1)])


@dataclass(frozen=True, slots=True)
class Truncate:
    """A file was cut to a size, and that is not synced."""

    size: int


Change = Write | Truncate


def apply(content: bytearray, change: Change) -> None:
    """Bring a content up to date.  What lies between its end and a later write is zeros."""
    if isinstance(change, Truncate):
        del content[change.size :]
        return
    if not change.data:
        return
    if len(content) < change.offset:
        content.extend(bytes(change.offset - len(content)))
    content[change.offset : change.offset + len(change.data)] = change.data


@dataclass(slots=True)
class DiskFile:
    """``content`` is what programs see, ``durable`` what was synced, ``pending`` the difference."""

    content: bytearray = field(default_factory=bytearray)
    durable: bytearray = field(default_factory=bytearray)
    pending: list[Change] = field(default_factory=list)

    def change(self, change: Change) -> None:
        apply(self.content, change)
        self.pending.append(change)

    def sync(self) -> None:
        for change in self.pending:
            apply(self.durable, change)
        self.pending.clear()

    def survive(self, random: Random) -> DiskFile:
        """What is left of it after a cut."""
        content = bytearray(self.durable)
        for change in _choose_survivors(self.pending, random):
            apply(content, change)
        return DiskFile(bytearray(content), content)


def _choose_survivors(pending: list[Change], random: Random) -> list[Change]:
    match random.choice(("nothing", "all", "torn", "scattered", "scattered")):
        case "nothing":
            return []
        case "all":
            return list(pending)
        case "torn":
            count = random.randrange(len(pending) + 1)
            kept, rest = pending[:count], pending[count:]
            return [*kept, rest[0].tear(random)] if rest and isinstance(rest[0], Write) else kept
        case _:
            parts: list[Change] = []
            for change in pending:
                parts += change.split() if isinstance(change, Write) else [change]
            survivors = [part for part in parts if random.random() < _KEPT_PART]
            random.shuffle(survivors)
            return survivors


class Disk:
    """Files by name.  ``cut_in``: after so many changes the power goes; None: it stays.

    Whoever makes the change at which it goes gets PowerCut.  What is tried after that is no error, only
    without effect, so that SQLite can let go of its files in peace."""

    def __init__(self) -> None:
        self.files: dict[str, DiskFile] = {}
        self.cut_in: int | None = None
        self.is_off = False
        self._durable_names: dict[str, DiskFile] = {}
        self._name_changes: list[tuple[str, DiskFile | None]] = []

    def step(self) -> bool:
        """A change is about to be made: whether it gets to the disk.  Raises PowerCut at the moment when the
        power goes."""
        if self.is_off:
            return False
        if self.cut_in is not None:
            self.cut_in -= 1
            if self.cut_in < 0:
                self.is_off = True
                raise PowerCut("the power went")
        return True

    def create(self, name: str) -> DiskFile:
        file = DiskFile()
        if self.step():
            self.files[name] = file
            self._name_changes.append((name, file))
        return file

    def delete(self, name: str) -> None:
        if self.step():
            del self.files[name]
            self._name_changes.append((name, None))

    def change(self, file: DiskFile, change: Change) -> None:
        """Write to a file, or cut it."""
        if self.step():
            file.change(change)

    def sync(self, file: DiskFile) -> None:
        if self.step():
            file.sync()

    def sync_names(self) -> None:
        """The folder is synced."""
        if self.step():
            self._durable_names = dict(self.files)
            self._name_changes.clear()

    def survive(self, random: Random) -> Disk:
        """The disk as it is found when the power is back."""
        names = dict(self._durable_names)
        # A file system keeps the order in which names come and go.
        for name, file in self._name_changes[: random.randrange(len(self._name_changes) + 1)]:
            names.pop(name, None)
            if file is not None:
                names[name] = file
        survivor = Disk()
        survivor.files = {name: file.survive(random) for name, file in names.items()}
        survivor._durable_names = dict(survivor.files)
        return survivor

    def copy(self) -> Disk:
        """The same, to look at without changing it.  Everything on it counts as synced."""
        twin = Disk()
        twin.files = {
            name: DiskFile(bytearray(file.content), bytearray(file.content))
            for name, file in self.files.items()
        }
        twin._durable_names = dict(twin.files)
        return twin
