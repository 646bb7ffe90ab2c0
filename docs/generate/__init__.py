"""Write the pages of `docs/reference/` from the code, so that they cannot be out of date.

`python -m docs.generate` writes them; `--check` only says which differ. Each
page is one function here; what the code has no words for is in `wording`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from docs.generate import (
    api,
    bootstrap,
    commands,
    conditions,
    errors,
    filters,
    index,
    providers,
    settings,
    statuses,
    steps,
    timeline,
)

FOLDER: Final = Path(__file__).resolve().parent.parent / "reference"
NOTICE: Final = (
    "<!-- Written by `python -m docs.generate` from the code. Change the code, not this page. -->"
)
PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "README.md": index.page,
    "settings.md": settings.page,
    "commands.md": commands.page,
    "bootstrap.md": bootstrap.page,
    "steps.md": steps.page,
    "conditions.md": conditions.page,
    "filters.md": filters.page,
    "providers.md": providers.page,
    "api.md": api.page,
    "errors.md": errors.page,
    "statuses.md": statuses.page,
    "timeline.md": timeline.page,
}


def pages() -> dict[str, str]:
    """Give the text of every page by its file name."""
    return {name: f"{NOTICE}\n\n{write().strip()}\n" for name, write in PAGES.items()}


def stale() -> list[str]:
    """Name the pages whose file differs from what the code says now."""
    return [name for name, text in pages().items() if _stored(name) != text]


def write_pages() -> list[str]:
    """Write the pages that differ and return their names."""
    changed = stale()
    FOLDER.mkdir(exist_ok=True)
    for name, text in pages().items():
        if name in changed:
            (FOLDER / name).write_text(text, encoding="utf-8")
    return changed


def _stored(name: str) -> str:
    path = FOLDER / name
    return path.read_text(encoding="utf-8") if path.is_file() else ""
