"""The subjects of ``LOG``: what an operator can have logged in detail.

The words are made only where somebody listens: some of these things happen hundreds of times a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Subjects:
    """Detailed lines by subject: ``is_on`` tells whether a subject is logged, ``write`` takes its lines."""

    is_on: Callable[[str], bool]
    write: Callable[[str, str], None]

    def log(self, subject: str, words: Callable[[], str]) -> None:
        """Log a line on a subject.  What a peer sent is in it only in parsed form."""
        if self.is_on(subject):
            self.write(subject, f"{subject}: {words()}")


SILENT: Final = Subjects(lambda subject: False, lambda subject, words: None)
