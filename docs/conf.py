"""Settings of Sphinx: only what ships with it, offline, and no warning is let pass (``make docs``)."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
sys.path.insert(0, str(HERE.parent))

from reference_tables import make_pages, write_pages  # noqa: E402

from hypernode import __version__  # noqa: E402  (the path comes first)

project = "hypernode"
author = "The Bismuth hypernode developers"
copyright = "the Bismuth hypernode developers, GPL-3.0-or-later"
version = release = __version__

extensions = ["sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_static_path = ["_static"]
html_theme_options = {"description": "A hypernode for Bismuth", "page_width": "1100px"}
autodoc_default_options = {"members": True, "show-inheritance": True, "ignore-module-all": True}
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
# A class is named for what it is in its own module; two modules may each have their Report.
suppress_warnings = ["ref.python"]

_CODE: Final = re.compile(r"(``.+?``)", re.DOTALL)
_MARKUP: Final = re.compile(r"([\\*|`]|(?<=\w)_(?!\w))")


def escape_prose(text: str) -> str:
    """A docstring is plain text with ``code``: what reStructuredText would take for more is escaped."""
    parts = _CODE.split(text)
    return "".join(part if i % 2 else _MARKUP.sub(r"\\\1", part) for i, part in enumerate(parts))


def process_docstring(
    app: object, what: str, name: str, obj: object, options: object, lines: list[str]
) -> None:
    """Escape the prose in place; bullets at the start of a line stay bullets."""
    text = "\n".join(
        line.replace("* ", "\0", 1) if line.lstrip().startswith("* ") else line for line in lines
    )
    lines[:] = escape_prose(text).replace("\0", "* ").split("\n")


def setup(app: Any) -> None:
    """Called by Sphinx."""
    write_pages(HERE / "_generated", make_pages(HERE.parent))
    app.connect("autodoc-process-docstring", process_docstring)
