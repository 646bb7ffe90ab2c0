"""Stand before the designer: nobody passes without signing in, or from another site.

Three gates, because each alone has a hole: this ASGI wrapper checks every
request and the socket's handshake; each page asks again when it is opened;
each handler that changes something asks once more, since a page that is open
outlives its session.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, urlsplit

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from designer.services import DesignerServices
from designer.theme import ASSET_ROUTE

SOCKET: Final = "/_nicegui_ws/"
FAVICON: Final = "/favicon.ico"
_NO_STORE: Final = ("cache-control", "no-store")

# NiceGUI compiles templates and event handlers in the browser: inline and eval cannot go.
POLICY: Final = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval';"
    " style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:;"
    " connect-src 'self' ws: wss:; frame-src 'self'; object-src 'none'; base-uri 'none';"
    " form-action 'self'; frame-ancestors 'none'"
)
HEADERS: Final = (
    ("x-content-type-options", "nosniff"),
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("permissions-policy", "camera=(), geolocation=(), microphone=(), payment=()"),
)


class Guard:
    """Wrap the designer's host app: session, origin and security headers."""

    def __init__(self, app: ASGIApp, services: DesignerServices) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on what may pass; everything else gets a short answer."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is None:
            await self._app(scope, receive, self._with_headers(scope, send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not signed in"})
        else:
            await refusal(scope, receive, self._with_headers(scope, send))

    def _refusal(self, scope: Scope) -> Response | None:
        path: str = scope["path"]
        if path.startswith(("/_nicegui/", f"{ASSET_ROUTE}/")) or path == FAVICON:
            return None  # the same files for everyone
        if path.startswith(SOCKET) and not self.is_own_origin(scope):
            return PlainTextResponse("This page was opened from another site.", 403)
        if self._services.session_of(scope) is not None:
            return None
        if path.startswith(SOCKET) or scope.get("method") != "GET":
            return PlainTextResponse("Sign in first.", 401)
        return RedirectResponse(login_address(scope), 303, dict([_NO_STORE]))

    def is_own_origin(self, scope: Scope) -> bool:
        """Tell whether the browser's page came from this server; no Origin passes (not a page)."""
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        origin = headers.get(b"origin")
        if origin is None:
            return True
        return urlsplit(origin).netloc in own_hosts(
            headers.get(b"host", ""), self._services.origins
        )

    def _with_headers(self, scope: Scope, send: Send) -> Send:
        is_https = scope.get("scheme") in ("https", "wss")

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = list(message.get("headers", ()))
                names = {name.lower() for name, _ in headers}
                extra = list(HEADERS)
                if b"content-security-policy" not in names:
                    extra += [("content-security-policy", POLICY), ("x-frame-options", "DENY")]
                if is_https:
                    extra.append(("strict-transport-security", "max-age=31536000"))
                headers += [
                    (name.encode(), value.encode())
                    for name, value in extra
                    if name.encode() not in names
                ]
                message = {**message, "headers": headers}
            await send(message)

        return sending


def own_hosts(host: str, origins: Iterable[str]) -> set[str]:
    """Give the `host:port` forms that count as this server."""
    return ({host} | {urlsplit(origin).netloc for origin in origins}) - {""}


def login_address(scope: Scope) -> str:
    """Give the sign-in address that leads back to the page that was asked for."""
    path = scope.get("root_path", "") + quote(scope["path"])
    query = scope.get("query_string", b"").decode("latin-1")
    wanted = f"{path}?{query}" if query else path
    return "/login" if wanted == "/" else f"/login?next={quote(wanted, safe='/')}"
