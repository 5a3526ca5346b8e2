"""The findings as a table on a terminal, as lines elsewhere, as an object for programs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

from rich.table import Table
from rich.text import Text

from hypernode.cli.output import make_console
from hypernode.health.findings import Finding, Severity

Found = Mapping[str, list[Finding]]

_STYLES: Final[Mapping[Severity, str]] = {
    Severity.OK: "green",
    Severity.NOTE: "cyan",
    Severity.WARNING: "yellow",
    Severity.ERROR: "bold red",
}


def make_table(found: Found) -> Table:
    """A line a finding, its remedy below it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading in ("", "what", "found, and what to do"):
        table.add_column(heading, overflow="fold")
    for name, findings in found.items():
        for finding in findings:
            words = Text(finding.found)
            if finding.remedy:
                words.append(f"\n→ {finding.remedy}", style="italic")
            mark = Text(finding.severity.word, style=_STYLES[finding.severity])
            table.add_row(mark, Text(name), words)
    return table


def format_lines(found: Found) -> str:
    """The same as text: severity, row, words; a remedy on a line of its own."""
    lines = []
    for name, findings in found.items():
        for finding in findings:
            lines.append(f"{finding.severity.word:<8} {name:<13} {finding.found}")
            if finding.remedy:
                lines.append(f"{'':<22} -> {finding.remedy}")
    return "\n".join(lines)


def summarise(found: Found) -> str:
    """How many of each, the worst first."""
    counts = Counter(finding.severity for findings in found.values() for finding in findings)
    return ", ".join(_count(severity, counts[severity]) for severity in sorted(counts, reverse=True))


def _count(severity: Severity, count: int) -> str:
    is_many = count != 1 and severity is not Severity.OK
    return f"{count} {severity.word}{'s' if is_many else ''}"


def print_found(found: Found, *, is_terminal: bool) -> None:
    """For people."""
    if is_terminal:
        make_console().print(make_table(found))
    else:
        print(format_lines(found))
    print(summarise(found))


def to_json(found: Found) -> list[dict[str, object]]:
    """One object a finding, in order."""
    return [{"row": name, **finding.to_object()} for name, findings in found.items() for finding in findings]
