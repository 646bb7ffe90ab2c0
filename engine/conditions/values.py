"""Compare JSON values strictly, and shorten them for the log.

Strict means: `true` is not 1, `5` is not `"5"`, but 1 equals 1.0.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any, Final

# Data nested deeper equals nothing: a bound on recursion, far above what people write.
_MAX_DEPTH: Final = 64

_LOG_TEXT: Final = 1_024
_LOG_ITEMS: Final = 50
_LOG_DEPTH: Final = 6


class Missing:
    """The type of `MISSING`: a path that resolves to nothing, unlike null."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "MISSING"


MISSING: Final = Missing()


def equal(left: Any, right: Any) -> bool:
    """Compare two JSON values deeply and strictly."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, list | tuple | Mapping):
        return key(left) == key(right)
    return bool(left == right)


def key(value: Any, depth: int = 0) -> Hashable:
    """Give a hashable stand-in: two are equal exactly when the values are.

    It makes looking for many items in a long list linear instead of quadratic.
    """
    if isinstance(value, bool):
        return ("bool", value)
    if value is None or isinstance(value, str | int | float):
        return value
    if depth < _MAX_DEPTH:
        if isinstance(value, list | tuple):
            return ("list", tuple([key(item, depth + 1) for item in value]))
        if isinstance(value, Mapping):
            return ("map", frozenset([(name, key(value[name], depth + 1)) for name in value]))
    return object()


def is_number(value: Any) -> bool:
    """Say whether it is a JSON number; booleans are not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def has_item(items: Sequence[Any], wanted: Any) -> bool:
    """Say whether a list holds an item equal to `wanted`."""
    if isinstance(wanted, str):
        return wanted in items  # no other JSON type equals a text, so the fast search is strict
    target = key(wanted)
    return any(key(item) == target for item in items)


def shares_item(left: Iterable[Any], right: Iterable[Any]) -> bool:
    """Say whether two lists have an item in common."""
    return not {key(item) for item in left}.isdisjoint([key(item) for item in right])


def has_every_item(items: Iterable[Any], wanted: Iterable[Any]) -> bool:
    """Say whether a list holds every wanted item."""
    return {key(item) for item in items}.issuperset([key(item) for item in wanted])


def scalar_text(value: bool | int | float) -> str:
    """Write a boolean or number as JSON does."""
    if isinstance(value, bool):
        return "true" if value else "false"
    # Python refuses to print enormous integers; JSON readers never make them.
    return repr(value) if isinstance(value, float) or value.bit_length() <= 256 else ""


def shortened(value: Any, depth: int = 0) -> Any:
    """Cut a value down to what a log line may hold; the result is plain JSON."""
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 63 else scalar_text(value)
    if isinstance(value, str):
        return str(value) if len(value) <= _LOG_TEXT else value[:_LOG_TEXT] + "…"
    if depth >= _LOG_DEPTH:
        return "…"
    if isinstance(value, Mapping):
        names = list(value)[:_LOG_ITEMS]
        short = {str(name): shortened(value[name], depth + 1) for name in names}
        return short if len(value) <= _LOG_ITEMS else {**short, "…": len(value) - _LOG_ITEMS}
    if isinstance(value, list | tuple):
        items = [shortened(item, depth + 1) for item in value[:_LOG_ITEMS]]
        return items if len(value) <= _LOG_ITEMS else [*items, "…"]
    return type(value).__name__
