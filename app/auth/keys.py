"""Find out what the key in the `Authorization` header opens."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from engine.errors import Unauthenticated
from storage import api_keys
from storage.api_keys import KeyOwner
from storage.sql import Sql

_SCHEME: Final = b"bearer "
_THIS_TURN: Final[dict[tuple[Sql, bytes], KeyOwner]] = {}


def key_owner(sql: Sql, headers: list[tuple[bytes, bytes]]) -> KeyOwner:
    """Look the sent key up; any text may be a key.

    Raises:
        Unauthenticated: none was sent, or it is unknown or revoked.
    """
    key = _bearer(headers)
    if not key:
        raise Unauthenticated(
            "No API key was sent: add the header `Authorization: Bearer <key>`",
            code="authentication_required",
        )
    owner = _lookup(sql, key)
    if owner is None:
        raise Unauthenticated(
            "The API key is unknown or was revoked: check which environment it belongs to",
            code="api_key_missing",
        )
    return owner


def _lookup(sql: Sql, key: bytes) -> KeyOwner | None:
    """Look a key up once for all requests that are handled in one turn of the loop.

    Nothing is kept for longer: a key that is revoked is refused at once (R-41).
    """
    found = _THIS_TURN.get((sql, key))
    if found is not None:
        return found
    found = api_keys.lookup(sql, key)
    if found is not None:
        with contextlib.suppress(RuntimeError):  # no loop: nothing would end the turn
            asyncio.get_running_loop().call_soon(_THIS_TURN.clear)
            _THIS_TURN[sql, key] = found
    return found


def _bearer(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"authorization" and value[: len(_SCHEME)].lower() == _SCHEME:
            return value[len(_SCHEME) :].strip()
    return b""
