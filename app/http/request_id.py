"""Name every request, so that an answer, a log line and a replay can be matched."""

from __future__ import annotations

import base64
import secrets
from typing import Final

_BYTES: Final = 15  # 20 characters of base64url, and 120 random bits


def new_request_id() -> str:
    """Return 20 fresh characters of base64url."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_BYTES)).decode()
