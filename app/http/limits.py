"""Bound what a request may cost before anything looks at it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import orjson

from engine.errors import InvalidInput, MalformedBody, Problem, TooLarge

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]

BODY: Final = 1024 * 1024
BODY_LARGE: Final = 16 * 1024 * 1024
DEPTH: Final = 64
_DISCARD_SECONDS: Final = 5.0


class ClientGone(Exception):
    """The client closed the connection before its request was complete."""


async def read_body(receive: Receive, headers: list[tuple[bytes, bytes]], limit: int) -> bytes:
    """Read the body, holding no more than `limit` bytes of it.

    Raises:
        TooLarge: it is longer, or says so in advance.
        ClientGone: the connection closed midway.
    """
    for name, value in headers:
        if name == b"content-length" and value.isdigit() and int(value[:20]) > limit:
            raise _too_large(limit)
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientGone
        chunk: bytes = message.get("body", b"")
        size += len(chunk)
        if size > limit:
            raise _too_large(limit)
        if not message.get("more_body", False):
            return b"".join((*chunks, chunk)) if chunks else chunk
        chunks.append(chunk)


async def discard_body(receive: Receive, most: int = 4 * BODY_LARGE) -> None:
    """Read and forget what a client still sends, up to `most` bytes or five seconds.

    A client that is cut off while it sends sees a broken connection and
    retries; one that may finish reads our refusal.
    """
    size = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_DISCARD_SECONDS):
            while size < most:
                message = await receive()
                size += len(message.get("body", b""))
                if message["type"] == "http.disconnect" or not message.get("more_body", False):
                    return


def parse_json(body: bytes) -> Any:
    """Parse JSON that nests no deeper than 64 levels.

    Raises:
        MalformedBody: it is not JSON in UTF-8.
        InvalidInput: it nests too deeply.
    """
    # Counting brackets is an upper bound on the depth, and cheaper than walking.
    is_deep = body.count(b"{") + body.count(b"[") > DEPTH
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if is_deep and "depth limit" in str(error):
            raise _too_deep() from None
        raise MalformedBody(f"The body is not valid JSON: {error}") from None
    if is_deep and _is_deeper(value, DEPTH):
        raise _too_deep()
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(limit):
        level = [
            item
            for parent in level
            for item in (parent.values() if isinstance(parent, dict) else parent)
            if isinstance(item, (dict, list))
        ]
    return bool(level)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"The body is larger than {limit} bytes, the limit of this endpoint")


def _too_deep() -> InvalidInput:
    message = f"The body nests deeper than {DEPTH} levels"
    return InvalidInput(problems=[Problem(message=message, rule="json.depth")])
