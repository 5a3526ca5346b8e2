"""``hypernode vectors FILE_OR_FOLDER…``: runs test vectors and reports where we agree and differ (spec,
README).

Exit status: 0 every case agrees or differs as documented, 1 a case differs, 2 usage or an unreadable file.
"""

from __future__ import annotations

import argparse
import sys

from hypernode.vectors.outcome import Agree, DiffersAsDocumented, Outcome
from hypernode.vectors.runner import Report, UnreadableVectors, list_files, run_file

SHOWN_CHARS = 400
"""Of an expected or computed value: enough to see the difference, a few lines of a terminal."""


def main(argv: list[str]) -> int:
    """Run the files and folders named and print what came of each; see the module for the exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m hypernode vectors", description="Run test vectors made with the legacy software."
    )
    parser.add_argument(
        "path", nargs="+", metavar="FILE_OR_FOLDER", help="vector files, or folders of *.json"
    )
    try:
        reports = [run_file(path) for path in list_files(parser.parse_args(argv).path)]
    except UnreadableVectors as error:
        print(f"vectors: {error}", file=sys.stderr)
        return 2
    for report in reports:
        _print_report(report)
    totals = [sum(column) for column in zip(*(c for r in reports for c in r.counts().values()), strict=True)]
    agree, documented, differ = totals or [0, 0, 0]
    print(f"total: {agree} agree, {documented} differ as documented, {differ} differ")
    return 1 if differ else 0


def _print_report(report: Report) -> None:
    print(f"{report.path} ({report.format_name})")
    for kind, (agree, documented, differ) in report.counts().items():
        print(f"  {kind}: {agree} agree, {documented} differ as documented, {differ} differ")
    for result in report.results:
        if not isinstance(result.outcome, Agree):
            print(f"    {report.path.name} #{result.index} {result.kind}: {_describe(result.outcome)}")


def _describe(outcome: Outcome) -> str:
    if isinstance(outcome, Agree):
        return "agrees"
    words = f"expected {_shorten(outcome.expected)}, got {_shorten(outcome.got)}"
    if isinstance(outcome, DiffersAsDocumented):
        return f"differs as documented ({outcome.rule.label}: {outcome.text}): {words}"
    return f"DIFFERS: {words}"


def _shorten(value: object) -> str:
    # ascii(): vectors hold text of strangers, and a terminal is no place for control characters
    text = ascii(value)
    return text if len(text) <= SHOWN_CHARS else f"{text[:SHOWN_CHARS]}… ({len(text)} characters)"
