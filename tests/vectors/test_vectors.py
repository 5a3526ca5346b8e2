"""Every case of every vector file agrees, or differs as documented."""

import json
from pathlib import Path
from typing import Any

import pytest

from hypernode.vectors.formats import FORMATS, kind_of, recognise_format
from hypernode.vectors.outcome import Differs, DiffersAsDocumented
from hypernode.vectors.runner import Report, run_file

FOLDER = Path(__file__).parent
FILES = sorted(FOLDER.glob("*.json"))


def load(path: Path) -> dict[str, Any]:
    """A vector file's object."""
    document: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return document


@pytest.fixture(scope="module", name="reports")
def make_reports() -> dict[str, Report]:
    """What came of each file, by name; filled as tests ask."""
    return {}


def get_report(reports: dict[str, Report], path: Path) -> Report:
    """The outcomes of a file, run once."""
    if path.name not in reports:
        reports[path.name] = run_file(path)
    return reports[path.name]


PAIRS = [(path, kind) for path in FILES for kind in dict.fromkeys(kind_of(c) for c in load(path)["cases"])]


@pytest.mark.parametrize(("path", "kind"), PAIRS, ids=lambda p: p.name if isinstance(p, Path) else p)
def test_no_case_of_a_kind_differs(path: Path, kind: str, reports: dict[str, Report]) -> None:
    results = [r for r in get_report(reports, path).results if r.kind == kind]
    assert results
    assert [r for r in results if isinstance(r.outcome, Differs)] == []


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_nothing_else_of_a_file_differs(path: Path, reports: dict[str, Report]) -> None:
    report = get_report(reports, path)
    assert len(report.results) >= len(load(path)["cases"])
    assert not report.differs


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_what_differs_as_documented_names_its_rule(path: Path, reports: dict[str, Report]) -> None:
    for result in get_report(reports, path).results:
        if isinstance(result.outcome, DiffersAsDocumented):
            assert result.outcome.rule.label.startswith(("1-data", "M", "rule ", "4-ledger", "5-pow"))
            assert result.outcome.text


def test_every_format_is_recognised_by_its_content() -> None:
    recognised = {path.stem: recognise_format(load(path)) for path in FILES}
    assert {name: f.name for name, f in recognised.items() if f is not None} == {n: n for n in recognised}
    assert {f.name for f in FORMATS} == set(recognised)
