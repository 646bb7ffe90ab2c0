"""Resolve dotted paths of the wire against a run's scope."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

ROOTS: Final = frozenset(
    {"data", "recipient", "actor", "tenant", "vars", "workflow", "run", "refs"}
)
_LIQUID: Final = re.compile(r"\{\{|\{%")
_MAX_PARTS: Final = 64


class _Missing:
    """The one value that says "nothing there", since null is a value."""

    def __repr__(self) -> str:
        return "missing"


MISSING: Final = _Missing()


def has_liquid(text: object) -> bool:
    """Tell whether a string holds Liquid that must be rendered."""
    return isinstance(text, str) and _LIQUID.search(text) is not None


def lookup(scope: Mapping[str, Any], path: str) -> Any:
    """Return what `path` points at, or `MISSING`; an unknown root reads from `data`."""
    parts = path.strip().split(".")[:_MAX_PARTS]
    if parts[0] not in ROOTS:
        parts = ["data", *parts]
    value: Any = scope
    for part in parts:
        if isinstance(value, Mapping):
            value = value.get(part, MISSING)
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
        if value is MISSING:
            return MISSING
    return value


def nested(path: str, value: Any, existing: Mapping[str, Any]) -> dict[str, Any]:
    """Return `existing` with `value` stored at a dotted path, siblings kept."""
    head, _, rest = path.partition(".")
    if not rest:
        return {**existing, head: value}
    below = existing.get(head)
    inner = below if isinstance(below, Mapping) else {}
    return {**existing, head: nested(rest, value, inner)}
