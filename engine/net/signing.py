"""Sign requests so that their receiver can tell them from forgeries.

Header grammar: `t=<unix milliseconds>,s=<base64 of HMAC-SHA256>` over
`<t>.<body>`, with exactly the bytes that are sent.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.net.exchange import HttpRequest

FETCH_SIGNATURE: Final = "x-knock-signature"
"""On requests of fetch steps and on outbound webhooks."""

WEBHOOK_SIGNATURE: Final = "x-webhook-signature"
"""On messages of webhook channels."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def sign(key: str, body: bytes, now: datetime) -> str:
    """Give the header's value for this body at this instant."""
    millis = str((now - _EPOCH) // timedelta(milliseconds=1))
    digest = hmac.new(key.encode(), millis.encode() + b"." + body, hashlib.sha256).digest()
    return f"t={millis},s={base64.b64encode(digest).decode()}"


def signed(request: HttpRequest, header: str, key: str, now: datetime) -> HttpRequest:
    """Give the request with its signature, in place of any of that name."""
    kept = tuple(pair for pair in request.headers if pair[0].lower() != header)
    value = sign(key, request.body or b"", now)
    return replace(request, headers=(*kept, (header, value)))
