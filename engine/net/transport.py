"""Carry HTTP requests: only to checked addresses, only so long, only so much.

httpx's request and response run on aiohttp's connections. httpx's client is
left out on purpose: it keeps cookies and reads proxies from the environment.
"""

from __future__ import annotations

import asyncio
import re
import socket
import ssl
import time
import zlib
from collections.abc import Sequence
from contextvars import ContextVar
from typing import Final

import aiohttp
import httpx
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.http_exceptions import HttpProcessingError
from httpx_aiohttp import AiohttpTransport

from engine.net import smtp
from engine.net.addresses import Network, read_address
from engine.net.exchange import (
    FailureKind,
    Headers,
    HttpAnswer,
    HttpRequest,
    NetFailure,
    SmtpAnswer,
    SmtpMail,
    Transport,
)
from engine.net.guard import RefusedUrl, Resolve, Target, UnresolvedHost, check_url
from engine.net.slots import Slots

__all__ = [
    "HttpAnswer",
    "HttpRequest",
    "HttpTransport",
    "NetFailure",
    "SmtpAnswer",
    "SmtpMail",
    "Transport",
]

MAX_ANSWER: Final = 1024 * 1024
CONNECT_TIMEOUT: Final = 5.0
PER_HOST: Final = 20
USER_AGENT: Final = "Tocsin"

# The connection's own business: a template must not frame or route the request.
_OURS: Final = frozenset(
    (
        "accept-encoding",
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authorization",
        "proxy-connection",
        "te",  # codespell:ignore te
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")

_target: ContextVar[Target] = ContextVar("target")


class HttpTransport:
    """Send requests over pooled connections; `aclose` ends them.

    Requests that may reach private addresses and those that may not never
    share a connection. At most `per_host` are in flight per host; waiting for
    a place is not counted against the deadlines.
    """

    def __init__(
        self,
        *,
        allowed_networks: Sequence[Network] = (),
        resolve: Resolve | None = None,
        ssl_context: ssl.SSLContext | None = None,
        max_answer: int = MAX_ANSWER,
        per_host: int = PER_HOST,
    ) -> None:
        self._allowed_networks = tuple(allowed_networks)
        self._resolve = resolve
        self._ssl_context = ssl_context
        self._max_answer = max_answer
        self._hosts = Slots(per_host)
        self._pools: dict[bool, AiohttpTransport] = {}

    async def send(
        self,
        request: HttpRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - an answer, not an exception, is promised
        allow_private: bool = False,
    ) -> HttpAnswer | NetFailure:
        """Send once; whatever goes wrong on the way is a `NetFailure`.

        `timeout` bounds the whole exchange, from the name look-up to the last
        byte of the answer. Redirects are answers like any other.
        """
        total = request.timeout if timeout is None else timeout
        async with self._hosts.hold(_host_key(request.url)):
            started = time.perf_counter()
            try:
                async with asyncio.timeout(total):
                    return await self._exchange(request, total, allow_private, started)
            except _FAULTS as error:
                kind, message = _read_failure(error, total)
                duration = time.perf_counter() - started
                return NetFailure(kind=kind, message=message, duration=duration)

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        """Hand one mail to its server, within the mail's own deadline.

        The server is the operator's setting, often on this very machine, so
        the guard against private addresses does not apply.
        """
        tls_context = None if mail.tls == "none" else self._tls()
        return await smtp.hand_over(mail, tls_context=tls_context)

    async def aclose(self) -> None:
        """Close every connection; the transport can be used again afterwards."""
        pools, self._pools = self._pools, {}
        for pool in pools.values():
            await pool.aclose()

    async def _exchange(
        self, request: HttpRequest, total: float, allow_private: bool, started: float
    ) -> HttpAnswer:
        """Check, connect, send, read."""
        target = await check_url(
            request.url,
            allow_private=allow_private,
            allowed_networks=self._allowed_networks,
            https_only=request.https_only,
            resolve=self._resolve,
        )
        _target.set(target)
        outgoing = httpx.Request(
            _method(request.method),
            target.url,
            headers=_headers(request.headers),
            content=request.body,
            extensions={"timeout": {"connect": min(CONNECT_TIMEOUT, total), "read": total}},
        )
        response = await self._pool(allow_private).handle_async_request(outgoing)
        try:
            body = await _read_body(response, self._max_answer)
        finally:
            # An answer that was not read to its end takes its connection with it.
            await response.aclose()
        return HttpAnswer(
            status=response.status_code,
            headers=tuple(response.headers.multi_items()),
            body=body,
            duration=time.perf_counter() - started,
        )

    def _pool(self, allow_private: bool) -> AiohttpTransport:
        """Give the pool of connections of this reach, opened on first use."""
        pool = self._pools.get(allow_private)
        if pool is None:
            pool = self._pools[allow_private] = AiohttpTransport(client=self._session())
        return pool

    def _tls(self) -> ssl.SSLContext:
        """Load the certificate authorities once; SSL_CERT_FILE names private ones."""
        if self._ssl_context is None:
            self._ssl_context = httpx.create_ssl_context()
        return self._ssl_context

    def _session(self) -> aiohttp.ClientSession:
        """Open a session that keeps nothing but its connections."""
        connector = aiohttp.TCPConnector(
            resolver=_CheckedResolver(),
            use_dns_cache=False,
            limit=0,
            ssl=self._tls(),
        )
        return aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            skip_auto_headers=("Accept", "Accept-Encoding", "Content-Type", "User-Agent"),
        )


class _CheckedResolver(AbstractResolver):
    """Answer with the addresses that the guard has checked, and with no others."""

    async def resolve(self, host: str, port: int = 0, family: int = 0) -> list[ResolveResult]:
        target = _target.get()
        if host != target.host:
            raise OSError(f"{host} was not checked")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=_FAMILIES[read_address(address).version],
                proto=0,
                flags=0,
            )
            for address in target.addresses
        ]

    async def close(self) -> None:
        """Hold nothing to release."""


class _TooLarge(Exception):
    """The answer passed the cap."""


class _Invalid(ValueError):
    """The request cannot be written, or the answer cannot be read."""


async def _read_body(response: httpx.Response, cap: int) -> bytes:
    """Read as a stream and stop at the cap, before and after unpacking."""
    encoding = response.headers.get("content-encoding", "").strip().lower()
    wanted = encoding in ("gzip", "x-gzip", "deflate")
    unpack = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32) if wanted else None
    chunks: list[bytes] = []
    raw = size = 0
    async for chunk in response.aiter_raw():
        raw += len(chunk)
        if unpack is not None:
            try:
                chunk = unpack.decompress(chunk, cap - size + 1)
            except zlib.error:
                raise _Invalid("the answer's compression is broken") from None
        size += len(chunk)
        if max(raw, size) > cap:
            raise _TooLarge(f"the answer is larger than {cap} bytes")
        chunks.append(chunk)
    if unpack is not None and raw and not unpack.eof:
        raise _Invalid("the answer's compression is cut short")
    return b"".join(chunks)


def _method(method: str) -> str:
    if not _TOKEN.fullmatch(method):
        raise _Invalid("the request's method is malformed")
    return method.upper()


def _headers(headers: Headers) -> list[tuple[bytes, bytes]]:
    """Drop what frames the request; refuse what would break out of its line."""
    kept = [(b"accept-encoding", b"gzip, deflate")]
    names = set()
    for name, value in headers:
        if name.lower() in _OURS:
            continue
        if not _TOKEN.fullmatch(name) or _CONTROL.search(value):
            raise _Invalid("a request header is malformed")
        names.add(name.lower())
        kept.append((name.encode("ascii"), value.strip().encode("utf-8", "replace")))
    if "user-agent" not in names:
        kept.append((b"user-agent", USER_AGENT.encode()))
    return kept


def _host_key(url: str) -> str:
    """Name the server for the bound on requests in flight; any text will do."""
    return url.split("://", 1)[-1].split("/", 1)[0].split("?", 1)[0].lower()


def _read_failure(error: Exception, total: float) -> tuple[FailureKind, str]:
    """Sort a fault; the messages are ours, for the libraries' may quote the request."""
    cause = error.__cause__ if isinstance(error, httpx.HTTPError) else None
    match cause or error:
        case RefusedUrl() as refused:
            return "refused_url", refused.message
        case UnresolvedHost() as lost:
            return ("connection" if lost.is_temporary else "unresolved"), lost.message
        case _TooLarge() | _Invalid() as limit:
            return ("too_large" if isinstance(limit, _TooLarge) else "invalid"), str(limit)
        case aiohttp.ConnectionTimeoutError():
            return "timeout", f"no connection within {min(CONNECT_TIMEOUT, total):g} s"
        case TimeoutError() | httpx.TimeoutException():
            return "timeout", f"no complete answer within {total:g} s"
        case aiohttp.ClientSSLError() | ssl.SSLError():
            return "connection", "the TLS handshake failed: check the server's certificate"
        case aiohttp.ClientResponseError() | HttpProcessingError():
            return "invalid", "the answer is no valid HTTP"
        case aiohttp.InvalidURL():
            return "refused_url", "the URL is malformed"
        case aiohttp.ClientConnectorError():
            return "connection", "the connection was refused or could not be made"
        case _:
            return "connection", "the connection broke before the answer was complete"


_FAMILIES: Final = {4: socket.AF_INET, 6: socket.AF_INET6}
_FAULTS: Final = (
    RefusedUrl,
    UnresolvedHost,
    _TooLarge,
    _Invalid,
    aiohttp.ClientError,
    HttpProcessingError,
    httpx.HTTPError,
    OSError,
)
