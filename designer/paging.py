"""Page through long lists by the address: the cursor is a part of the link, so links last."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from designer.elements import div, icon, link, span
from designer.visit import Visit
from storage.dashboard import SCAN, Cursor, Page


def encode_cursor(cursor: Cursor | None) -> str | None:
    """Write a cursor into an address."""
    if cursor is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(list(cursor))).decode().rstrip("=")


def decode_cursor(text: str, length: int) -> Cursor | None:
    """Read a cursor from an address; one that was tampered with counts as none."""
    if not text:
        return None
    try:
        parts = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError):
        return None
    is_cursor = isinstance(parts, list) and len(parts) == length
    return tuple(parts) if is_cursor and all(isinstance(p, str | int) for p in parts) else None


def pager(visit: Visit, path: str, page: Page[Any], noun: str, **query: str | None) -> None:
    """Draw how far the list goes, and links to its beginning and to what is older."""
    is_first = not visit.query("after")
    if is_first and page.next is None:
        return
    with div("pager"):
        if page.next is not None and page.looked_at >= SCAN:
            span(f"Looked through {page.looked_at:,} {noun}; there are older ones.")
        with div("links"):
            if not is_first:
                link("Newest", visit.address(path, **query), "button")
            if page.next is not None:
                after = encode_cursor(page.next)
                with link(None, visit.address(path, **query, after=after), "button"):
                    span(f"Older {noun}")
                    icon("right")
