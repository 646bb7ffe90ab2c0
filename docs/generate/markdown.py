"""Write the few Markdown forms that the reference needs."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence
from typing import Final

# Requirement numbers mean something to who maintains the code, nothing to a reader.
_REQUIREMENT: Final = re.compile(r"\s*\((?:engine )?[ERV]-\d+[^)]*\)")


def table(headers: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a table; a pipe or a line break in a cell does not end it."""
    lines = [_row(headers), _row(["---"] * len(headers))]
    return "\n".join([*lines, *(_row([_cell(text) for text in row]) for row in rows)])


def code(text: object) -> str:
    """Write text as code; nothing for the empty text."""
    return f"`{text}`" if str(text) else ""


def first_line(thing: object) -> str:
    """Give the first sentence of a docstring, without the number of its requirement."""
    text = (inspect.getdoc(thing) or "").partition("\n\n")[0]
    return _REQUIREMENT.sub("", " ".join(text.split()))


def sections(*parts: str) -> str:
    """Join parts of a page with one empty line between them."""
    return "\n\n".join(part.strip() for part in parts if part.strip())


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
