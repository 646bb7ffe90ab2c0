"""Name every request, so that an answer, a log line and a replay can be matched."""

from __future__ import annotations

import base64
import secrets
from typing import Final

_BYTES: Final = 15  # 20 characters of base64url, and 120 random bits
_AT_ONCE: Final = 64
_ready: list[str] = []


def new_request_id() -> str:
    """Return 20 fresh characters of base64url."""
    while True:
        try:
            return _ready.pop()
        except IndexError:
            # Asking the system for each id by itself costs more than all the rest of an id.
            taken = secrets.token_bytes(_BYTES * _AT_ONCE)
            text = base64.urlsafe_b64encode(taken).decode()
            _ready.extend(text[at : at + 20] for at in range(0, len(text), 20))
