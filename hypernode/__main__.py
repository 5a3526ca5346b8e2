"""``python -m hypernode COMMAND …``: a table of commands, each in a module of its own that is imported
only when it is asked for, so that starting is quick."""

from __future__ import annotations

import importlib
import sys
from dataclasses import dataclass
from typing import Final

from hypernode.cli.output import run_command


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A module with ``main(argv: list[str]) -> int``, and what the command does in one line.  ``script`` is
    the file that starts it too."""

    module: str
    help: str
    script: str = ""


SUBCOMMANDS: Final[dict[str, Subcommand]] = {
    "devnet": Subcommand(
        "hypernode.cli.devnet", "run a local network of hypernodes with its own companion chain"
    ),
    "instance": Subcommand("hypernode.cli.instance", "run one hypernode", "hn_instance"),
    "client": Subcommand("hypernode.cli.client.command", "ask a running hypernode", "hn_client"),
    "check": Subcommand(
        "hypernode.cli.check.command",
        "check whether the node does its duty, its ledger, or every block",
        "hn_check",
    ),
    "ledger": Subcommand(
        "hypernode.cli.ledger.command", "repair, prune, snapshot, import or export the ledger"
    ),
    "feed": Subcommand(
        "hypernode.cli.reg_feed", "show what became of every registration, and why", "hn_reg_feed"
    ),
    "register": Subcommand("hypernode.cli.register", "print what registers or unregisters a hypernode"),
    "rewards": Subcommand("hypernode.cli.rewards.command", "compute the rewards of a week", "hn_rewards"),
    "simulate": Subcommand(
        "hypernode.cli.sim.connectivity", "simulate how well hypernodes are connected", "hn_simulate"
    ),
    "sim": Subcommand("hypernode.cli.sim.run", "play a network through faults on virtual time"),
    "study": Subcommand(
        "hypernode.cli.sim.study", "play networks under constant trouble, and write what they teach"
    ),
    "vectors": Subcommand("hypernode.vectors", "run test vectors and report every difference"),
}

USAGE_ERROR: Final = 2
"""Exit status of a command line that cannot be understood, as argparse has it."""


def main(argv: list[str] | None = None) -> int:
    """Run the subcommand that the first argument names with the others; returns its exit status."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(format_usage(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else USAGE_ERROR
    subcommand = SUBCOMMANDS.get(arguments[0])
    if subcommand is None:
        print(f"hypernode: no command {arguments[0]!r}\n{format_usage()}", file=sys.stderr)
        return USAGE_ERROR
    result: int = importlib.import_module(subcommand.module).main(list(arguments[1:]))
    return result


def start(*before: str) -> int:
    """``main`` as a process of its own: the arguments are ``before`` and those of the command line, and
    whatever becomes of what it prints ends as ``cli.output`` says."""
    arguments = [*before, *sys.argv[1:]]
    known = SUBCOMMANDS.get(arguments[0]) if arguments else None
    name = known.script or arguments[0] if known else "hypernode"
    return run_command(name, lambda: main(arguments))


def format_usage() -> str:
    """The commands with a line on each."""
    width = max(len(name) for name in SUBCOMMANDS)
    lines = [f"  {name:<{width}}  {command.help}" for name, command in SUBCOMMANDS.items()]
    return "\n".join(["usage: python -m hypernode COMMAND [arguments]", "", "commands:", *lines])


if __name__ == "__main__":
    sys.exit(start())
