from __future__ import annotations

import pytest

from designer.paging import decode_cursor, encode_cursor


def test_a_cursor_survives_the_address() -> None:
    text = encode_cursor((1_780_000_000_000_000, "3Ed6LzrkjONEoOPP3MVYuc8XDyf"))

    assert text is not None
    assert decode_cursor(text, 2) == (1_780_000_000_000_000, "3Ed6LzrkjONEoOPP3MVYuc8XDyf")


@pytest.mark.parametrize("text", ["", "!!!", "bnVsbA", "W10", "e30", "WzEsW11d", "W251bGwsMV0"])
def test_a_cursor_that_was_tampered_with_counts_as_none(text: str) -> None:
    assert decode_cursor(text, 2) is None
