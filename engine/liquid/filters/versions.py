"""The filter that compares versions."""

from __future__ import annotations

import re
from typing import Final

from engine.liquid.filters.registry import argument, filter

_VERSION: Final = re.compile(
    r"\s*v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?"
    r"(?:-([0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*))?(?:\+[0-9A-Za-z.-]+)?\s*",
    re.ASCII,
)
_Key = tuple[tuple[int, ...], bool, tuple[tuple[bool, int, str], ...]]


@filter("compare_versions")
def compare_versions(value: str, other: str) -> int:
    """Return -1, 0 or 1 by the precedence rules of Semantic Versioning 2."""
    left, right = _key(value), _key(other)
    return (left > right) - (left < right)


def _key(text: str) -> _Key:
    match = _VERSION.fullmatch(text[:256])
    if match is None:
        raise argument(f'compare_versions: expected a version such as "1.2.3", found {text[:40]!r}')
    numbers = tuple(int(part or 0) for part in match.group(1, 2, 3))
    # Without a pre-release ranks above with one; numeric parts rank below words.
    parts = tuple(
        (not part.isdigit(), int(part) if part.isdigit() else 0, part)
        for part in (match[4] or "").split(".")
        if part
    )
    return numbers, match[4] is None, parts
