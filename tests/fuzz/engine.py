"""One target under atheris: ``python -m tests.fuzz.engine TARGET [options of libFuzzer] FOLDER``."""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["hypernode"]):
    from tests.fuzz.targets import TARGETS


def main() -> None:
    """Never returns: libFuzzer ends the process, with a status of its own when something was found."""
    name = sys.argv[1]
    with TARGETS[name].open() as run:
        atheris.Setup([sys.argv[0], *sys.argv[2:]], run)
        atheris.Fuzz()


if __name__ == "__main__":
    main()
