"""Runs the cases of vector files and keeps the score."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypernode.vectors.formats import (
    FORMATS,
    Format,
    kind_of,
    list_extra_cases,
    load_run_case,
    recognise_format,
)
from hypernode.vectors.outcome import Agree, Differs, DiffersAsDocumented, Json, Outcome


class UnreadableVectors(Exception):
    """A file or folder that cannot be read as vectors: words that name it and what was expected."""


@dataclass(frozen=True, slots=True)
class Result:
    """The outcome of one case: its kind and its place in the file's ``cases`` (extra ones come after)."""

    kind: str
    index: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Report:
    """All outcomes of one file.  ``format_name`` is ``unknown`` for a format that nobody here judges."""

    path: Path
    format_name: str
    results: tuple[Result, ...]

    def counts(self) -> dict[str, tuple[int, int, int]]:
        """Per kind, in the order of the file: agree, differ as documented, differ."""
        numbers: Counter[tuple[str, type]] = Counter((r.kind, type(r.outcome)) for r in self.results)
        kinds = dict.fromkeys(r.kind for r in self.results)
        return {k: (numbers[k, Agree], numbers[k, DiffersAsDocumented], numbers[k, Differs]) for k in kinds}

    @property
    def differs(self) -> bool:
        return any(isinstance(r.outcome, Differs) for r in self.results)


def list_files(arguments: Sequence[str]) -> list[Path]:
    """The files named, and the ``*.json`` of the folders named, in order.  Raises UnreadableVectors."""
    files: list[Path] = []
    for argument in arguments:
        path = Path(argument)
        if path.is_dir():
            found = sorted(path.glob("*.json"))
            if not found:
                raise UnreadableVectors(f"{path}: no *.json in this folder; expected vector files")
            files += found
        else:
            files.append(path)
    return files


def load_document(path: Path) -> Json:
    """A vector file: a JSON object with a list ``cases``.  Raises UnreadableVectors."""
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UnreadableVectors(f"{path}: {error.strerror or error}; expected a vector file") from error
    except (ValueError, RecursionError) as error:
        raise UnreadableVectors(f"{path}: not JSON ({error}); expected a vector file") from error
    if not isinstance(document, dict) or not isinstance(document.get("cases"), list):
        raise UnreadableVectors(f"{path}: expected a JSON object with a list 'cases'")
    return document


def run_file(path: Path) -> Report:
    """Judge every case of one file.  Raises UnreadableVectors."""
    document = load_document(path)
    known = recognise_format(document)
    if known is None:
        names = ", ".join(f.name for f in FORMATS)
        unknown = Result(
            "file", 0, Differs(f"a format of vectors: {names}", "unknown format: no case fits one")
        )
        return Report(path, "unknown", (unknown,))
    return Report(path, known.name, tuple(_run_cases(known, document)))


def _run_cases(known: Format, document: Json) -> Iterator[Result]:
    cases = document["cases"]
    for index, case in enumerate(cases):
        yield _run_one(known, document, case, index, extra=False)
    try:
        extra = list_extra_cases(known.name, document)
    except Exception as error:
        yield Result("file", len(cases), Differs("the file's own records", describe_error(error)))
        return
    for index, case in enumerate(extra, start=len(cases)):
        yield _run_one(known, document, case, index, extra=True)


def _run_one(known: Format, document: Json, case: object, index: int, *, extra: bool) -> Result:
    if not isinstance(case, dict):
        return Result("file", index, Differs("an object", f"{type(case).__name__}"))
    kind = kind_of(case)
    if not extra and kind not in known.kinds:
        expected = f"a kind of {known.name}: {', '.join(known.kinds)}"
        return Result(kind, index, Differs(expected, f"unknown kind {kind!r}"))
    try:
        return Result(kind, index, load_run_case(known.name)(document, case))
    except Exception as error:  # whatever it is, this case was not judged: it counts as a difference
        return Result(kind, index, Differs("an outcome", describe_error(error)))


def describe_error(error: Exception) -> str:
    """The exception's kind and text, as an outcome shows it."""
    return f"raised {type(error).__name__}: {error}"
