"""Answer lists in pages with opaque cursors, clamped sizes and `page_info`."""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Callable
from typing import Any, Final

import orjson

from app.http.query import Query, UnusableFilter
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from storage.keyset import Key, Keyset, Slice
from storage.records import JsonObject
from storage.sql import Sql

Entry = tuple[Key, JsonObject]
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


def page(found: Slice[Entry], size: int, name: str = "entries") -> JsonObject:
    """Write a page; `name` is `items` for message-like lists."""
    entries = [{**body, "__cursor": encode_cursor(key)} for key, body in found.rows]
    info = {
        "__typename": "PageInfo",
        "after": entries[-1]["__cursor"] if entries and found.has_later else None,
        "before": entries[0]["__cursor"] if entries and found.has_earlier else None,
        "page_size": size,
    }
    return {name: entries, "page_info": info}


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


async def paged(
    request: ApiRequest, read: Callable[[Sql, Keyset], Slice[Entry]], name: str = "entries"
) -> Response:
    """Answer a page that `read` fetches on a thread of its own.

    Filters are read inside `read`: one that can match nothing gives an empty
    page, never an unfiltered one.
    """
    keyset = read_page(request.query)
    try:
        found = await asyncio.to_thread(lambda: read(request.sql, keyset))
    except UnusableFilter:
        found = Slice(rows=[])
    return json_response(page(found, keyset.limit, name))
