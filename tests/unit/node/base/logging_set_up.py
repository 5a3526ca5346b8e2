"""The logs set up as the daemon does, for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypernode.node.base.logs import LogFiles, setup_logging


@contextmanager
def logging_to(
    folder: Path, level: str = "INFO", topics: tuple[str, ...] = (), *, verbose: bool = False
) -> Iterator[LogFiles]:
    files = setup_logging(folder, level=level, topics=topics, verbose=verbose)
    try:
        yield files
    finally:
        files.close()
