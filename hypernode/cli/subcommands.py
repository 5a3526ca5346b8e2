"""Commands in a table: the first argument names a module, which is imported only then, so that starting is
quick."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

USAGE_ERROR: Final = 2
"""Exit status of a command line that cannot be understood, as argparse has it."""


@dataclass(frozen=True, slots=True)
class Subcommand:
    """A module with ``main(argv: list[str]) -> int``, and what the command does in one line.  ``script`` is
    the file that starts it too."""

    module: str
    help: str
    script: str = ""


def run_subcommand(
    program: str,
    commands: Mapping[str, Subcommand],
    arguments: Sequence[str],
    renamed: Mapping[str, str] | None = None,
) -> int:
    """Run the command that the first argument names with the others; returns its exit status.  ``renamed``:
    names that a command had before, each with its present one."""
    if not arguments or arguments[0] in ("-h", "--help", "help"):
        print(format_usage(program, commands), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else USAGE_ERROR
    subcommand = commands.get(arguments[0])
    if subcommand is None:
        problem = f"{program}: no command {arguments[0]!r}"
        if arguments[0].startswith("-"):
            problem = f"{program}: expected a command before {arguments[0]!r}"
        if renamed and arguments[0] in renamed:
            problem = f"{program}: {arguments[0]!r} is now {renamed[arguments[0]]!r}"
        print(f"{problem}\n{format_usage(program, commands)}", file=sys.stderr)
        return USAGE_ERROR
    result: int = importlib.import_module(subcommand.module).main(list(arguments[1:]))
    return result


def format_usage(program: str, commands: Mapping[str, Subcommand]) -> str:
    """The commands with a line on each."""
    width = max(map(len, commands))
    lines = [f"  {name:<{width}}  {command.help}" for name, command in commands.items()]
    return "\n".join([f"usage: python -m {program} COMMAND [arguments]", "", "commands:", *lines])
