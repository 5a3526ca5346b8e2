"""``python -m hypernode COMMAND …``: the table of commands.  A command's module is imported only when the
command is given, so that starting is quick."""

from __future__ import annotations

import sys
from typing import Final

from hypernode.cli.output import run_command
from hypernode.cli.subcommands import Subcommand, run_subcommand

SUBCOMMANDS: Final[dict[str, Subcommand]] = {
    "devnet": Subcommand(
        "hypernode.cli.devnet", "run a local network of hypernodes with its own companion chain"
    ),
    "instance": Subcommand("hypernode.cli.instance", "run one hypernode", "hn_instance"),
    "client": Subcommand("hypernode.cli.client.command", "ask a running hypernode", "hn_client"),
    "status": Subcommand(
        "hypernode.cli.status.command", "show whether the node does its duty, on one screen"
    ),
    "check": Subcommand(
        "hypernode.cli.check.command",
        "check whether the node does its duty, its ledger, or every block",
        "hn_check",
    ),
    "duty": Subcommand("hypernode.cli.duty", "show what became of this node's slots, and why"),
    "ledger": Subcommand(
        "hypernode.cli.ledger.command", "repair, prune, snapshot, import or export the ledger"
    ),
    "feed": Subcommand(
        "hypernode.cli.reg_feed", "show what became of every registration, and why", "hn_reg_feed"
    ),
    "register": Subcommand("hypernode.cli.register", "print what registers or unregisters a hypernode"),
    "rewards": Subcommand("hypernode.cli.rewards.command", "compute the rewards of a week", "hn_rewards"),
    "sim": Subcommand("hypernode.cli.sim.command", "simulate networks: run, connectivity, study"),
    "vectors": Subcommand("hypernode.vectors", "run test vectors and report every difference"),
}

RENAMED: Final[dict[str, str]] = {"simulate": "sim connectivity", "study": "sim study"}
"""Commands that had another name, told for one release."""


def main(argv: list[str] | None = None) -> int:
    """Run the subcommand that the first argument names with the others; returns its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    return run_subcommand("hypernode", SUBCOMMANDS, arguments, RENAMED)


def start(*before: str) -> int:
    """``main`` as a process of its own: the arguments are ``before`` and those of the command line, and
    whatever becomes of what it prints ends as ``cli.output`` says."""
    arguments = [*before, *sys.argv[1:]]
    known = SUBCOMMANDS.get(arguments[0]) if arguments else None
    name = known.script or " ".join(before or arguments[:1]) if known else "hypernode"
    return run_command(name, lambda: main(arguments))


if __name__ == "__main__":
    sys.exit(start())
