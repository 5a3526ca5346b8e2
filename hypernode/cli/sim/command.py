"""``python -m hypernode sim COMMAND``: networks that are simulated, each kind a module of its own."""

from __future__ import annotations

from typing import Final

from hypernode.cli.subcommands import Subcommand, run_subcommand

COMMANDS: Final[dict[str, Subcommand]] = {
    "run": Subcommand("hypernode.cli.sim.run", "play a network of real nodes through faults on virtual time"),
    "connectivity": Subcommand(
        "hypernode.cli.sim.connectivity", "how many connections the hypernodes of a network should keep"
    ),
    "study": Subcommand(
        "hypernode.cli.sim.study", "play networks under constant faults, and write what they teach"
    ),
}


def main(argv: list[str]) -> int:
    """Run one of them."""
    return run_subcommand("hypernode sim", COMMANDS, argv)
