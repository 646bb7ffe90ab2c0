"""Answer lists in pages with opaque cursors, clamped sizes and `page_info`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, TypeVar

import orjson

from app.http.query import Query
from storage.keyset import Key, Keyset, Slice
from storage.records import JsonObject

T = TypeVar("T")
SIZE: Final = 50
_MOST_CURSOR: Final = 2000
_INTEGER: Final = 2**63


def read_page(query: Query) -> Keyset:
    """Read `after`, `before` and `page_size`; what cannot be read counts as absent."""
    size = query.number("page_size")
    return Keyset(
        limit=SIZE if size is None else min(max(size, 1), SIZE),
        after=decode_cursor(query.text("after")),
        before=decode_cursor(query.text("before")),
    )


def page(
    slice_: Slice[T],
    *,
    size: int,
    key_of: Callable[[T], Key],
    shape: Callable[[T], JsonObject],
    name: str = "entries",
) -> JsonObject:
    """Write a page; `name` is `items` for message-like lists."""
    rows = slice_.rows
    entries = [{**shape(row), "__cursor": encode_cursor(key_of(row))} for row in rows]
    info = {
        "__typename": "PageInfo",
        "after": entries[-1]["__cursor"] if rows and slice_.has_later else None,
        "before": entries[0]["__cursor"] if rows and slice_.has_earlier else None,
        "page_size": size,
    }
    return {name: entries, "page_info": info}


def empty_page(size: int = SIZE, name: str = "entries") -> JsonObject:
    """Write a page without entries, for filters that can match nothing."""
    info = {"__typename": "PageInfo", "after": None, "before": None, "page_size": size}
    return {name: [], "page_info": info}


def encode_cursor(key: Key) -> str:
    """Write a sort key as an opaque cursor."""
    return base64.urlsafe_b64encode(orjson.dumps(key)).decode().rstrip("=")


def decode_cursor(text: str | None) -> Key | None:
    """Read a cursor back; None for anything that `encode_cursor` did not write."""
    if not text or len(text) > _MOST_CURSOR:
        return None
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        key: Any = orjson.loads(raw)
    except (binascii.Error, ValueError):
        return None
    if not isinstance(key, list) or not all(_is_part(part) for part in key):
        return None
    return tuple(key)


def _is_part(value: Any) -> bool:
    if isinstance(value, str):
        return True
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < _INTEGER
