"""Let browsers on other origins reach the endpoints that take a public key."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from app.http.responses import Headers, Response

# No credentials mode is used, so any origin is as safe as none.
ALLOW: Final[Headers] = (
    (b"access-control-allow-origin", b"*"),
    (
        b"access-control-expose-headers",
        b"x-request-id, retry-after, idempotent-replayed, original-x-request-id",
    ),
)
_PREFLIGHT: Final[Headers] = (
    (b"access-control-allow-methods", b"GET, PUT, POST, DELETE"),
    (
        b"access-control-allow-headers",
        b"authorization, content-type, accept, x-knock-user-token, x-knock-client, x-knock-branch",
    ),
    (b"access-control-max-age", b"7200"),
)


def preflight(methods: Sequence[str], *, is_public: bool) -> Response:
    """Answer `OPTIONS`; only a path open to browsers allows anything."""
    allow: Headers = ((b"allow", ", ".join((*methods, "OPTIONS")).encode()),)
    return Response(204, b"", allow + (_PREFLIGHT if is_public else ()))
