"""Lists that are read whole are paged like all others."""

from __future__ import annotations

import pytest

from app.api.short_lists import short_page
from storage.keyset import Key, Keyset

ENTRIES = [((name,), {"id": name}) for name in "abcde"]


@pytest.mark.parametrize(
    ("after", "before", "names", "has_earlier", "has_later"),
    [
        (None, None, "ab", False, True),
        ("b", None, "cd", True, True),
        ("d", None, "e", True, False),
        ("e", None, "", False, False),
        (None, "e", "cd", True, True),
        (None, "b", "a", False, True),
        (None, "a", "", False, False),
        ("b", "e", "cd", True, True),
        ("gone", None, "ab", False, True),
        (None, "gone", "ab", False, True),
    ],
)
def test_pages_go_both_ways(
    after: str | None, before: str | None, names: str, has_earlier: bool, has_later: bool
) -> None:
    def key(name: str | None) -> Key | None:
        return None if name is None else (name,)

    found = short_page(ENTRIES, Keyset(limit=2, after=key(after), before=key(before)))
    assert "".join(body["id"] for _, body in found.rows) == names
    assert (found.has_earlier, found.has_later) == (has_earlier, has_later)
