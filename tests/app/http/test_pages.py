"""Cursors are opaque, survive a round trip, and nothing else decodes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.pages import decode_cursor, encode_cursor, read_page
from app.http.query import parse_query
from storage.keyset import Keyset

parts = st.text(max_size=40) | st.integers(-(2**62), 2**62)


@given(st.lists(parts, min_size=1, max_size=3))
def test_a_cursor_survives_the_round_trip(key: list[str | int]) -> None:
    text = encode_cursor(tuple(key))
    assert decode_cursor(text) == tuple(key)
    assert not set(text) & set("+/= \"'[]{}")


@pytest.mark.parametrize(
    "text", ["", "after", "%%%", "bnVsbA", "e30", "W3RydWVd", "W251bGxd", "W1tdXQ", "é", "A" * 3000]
)
def test_anything_else_counts_as_no_cursor(text: str) -> None:
    assert decode_cursor(text) is None


@pytest.mark.parametrize(
    ("raw", "limit"),
    [(b"", 50), (b"page_size=0", 1), (b"page_size=-3", 1), (b"page_size=51", 50),
     (b"page_size=7", 7), (b"page_size=x", 50), (b"page_size=", 50)],
)  # fmt: skip
def test_page_sizes_are_clamped(raw: bytes, limit: int) -> None:
    assert read_page(parse_query(raw)) == Keyset(limit=limit)
