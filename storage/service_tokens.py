"""Keep the tokens of the management API as hashes; they belong to no environment."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from storage.api_keys import hash_key
from storage.records import Instant
from storage.sql import Sql, from_micros, maybe_instant, to_micros
from storage.tx import Tx

PREFIX: Final = "knock_st_"
_KIND: Final = "service"
# An API key always has an environment, so no look-up of API keys finds these.
_NO_ENVIRONMENT: Final = ""
_SHOWN: Final = len(PREFIX) + 4


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceToken:
    """A token as lists show it: by its first letters."""

    id: str
    name: str
    shown: str
    inserted_at: Instant
    revoked_at: Instant | None


def create_service_token(tx: Tx, name: str, now: datetime, *, plain: str | None = None) -> str:
    """Store a token and return it for the only time; a given one exists afterwards."""
    token = plain or PREFIX + secrets.token_urlsafe(24)
    shown = token[: min(_SHOWN, len(token) // 2)]
    tx.run(
        "INSERT INTO api_keys (hash, id, environment, kind, name, prefix, inserted_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET name = excluded.name,"
        " revoked_at = NULL",
        (
            hash_key(token.encode()),
            str(uuid.uuid4()),
            _NO_ENVIRONMENT,
            _KIND,
            name,
            shown,
            to_micros(now),
        ),
    )
    return token


def find_service_token(sql: Sql, plain: str) -> ServiceToken | None:
    """Return the live token behind what a client sent, or None."""
    row = sql.row(
        "SELECT id, name, prefix, inserted_at, revoked_at FROM api_keys"
        " WHERE hash = ? AND kind = ? AND revoked_at IS NULL",
        (hash_key(plain.encode("utf-8", "replace")), _KIND),
    )
    return None if row is None else _token(row)


def list_service_tokens(sql: Sql) -> list[ServiceToken]:
    """Return all tokens, oldest first, revoked ones too."""
    rows = sql.rows(
        "SELECT id, name, prefix, inserted_at, revoked_at FROM api_keys WHERE kind = ?"
        " ORDER BY inserted_at, id",
        (_KIND,),
    )
    return [_token(row) for row in rows]


def revoke_service_token(tx: Tx, id: str, now: datetime) -> bool:
    """End a token; False if there is no live one of that id."""
    changed = tx.run(
        "UPDATE api_keys SET revoked_at = ? WHERE id = ? AND kind = ? AND revoked_at IS NULL",
        (to_micros(now), id, _KIND),
    )
    return changed == 1


def _token(row: tuple[str, str, str, int, int | None]) -> ServiceToken:
    return ServiceToken(
        id=row[0],
        name=row[1],
        shown=row[2],
        inserted_at=from_micros(row[3]),
        revoked_at=maybe_instant(row[4]),
    )
