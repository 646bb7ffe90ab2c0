"""Find out what the key in the `Authorization` header opens."""

from __future__ import annotations

from typing import Final

from engine.errors import Unauthenticated
from storage import api_keys
from storage.api_keys import KeyOwner
from storage.sql import Sql

_SCHEME: Final = b"bearer "


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
    owner = api_keys.lookup(sql, key)
    if owner is None:
        raise Unauthenticated(
            "The API key is unknown or was revoked: check which environment it belongs to",
            code="api_key_missing",
        )
    return owner


def _bearer(headers: list[tuple[bytes, bytes]]) -> bytes:
    for name, value in headers:
        if name == b"authorization" and value[: len(_SCHEME)].lower() == _SCHEME:
            return value[len(_SCHEME) :].strip()
    return b""
