"""Page through lists that are short enough to be read whole, such as a message's events."""

from __future__ import annotations

from collections.abc import Sequence

from app.http.pages import Entry
from storage.keyset import Key, Keyset, Slice


def short_page(entries: Sequence[Entry], keyset: Keyset) -> Slice[Entry]:
    """Give the page that a keyset asks for; a cursor of no entry counts as absent."""
    after = _index(entries, keyset.after)
    before = _index(entries, keyset.before) if after is None else None
    if before is not None:
        start, end = max(0, before - keyset.limit), before
    else:
        start = 0 if after is None else after + 1
        end = start + keyset.limit
    rows = list(entries[start:end])
    return Slice(
        rows=rows,
        has_earlier=start > 0 and bool(rows),
        has_later=bool(rows) and end < len(entries),
    )


def _index(entries: Sequence[Entry], key: Key | None) -> int | None:
    if key is None:
        return None
    return next((at for at, (own, _) in enumerate(entries) if own == key), None)
