"""Keep API keys as hashes, and the public keys that verify user tokens."""

from __future__ import annotations

import hashlib
import secrets
import uuid
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from storage.errors import StorageError
from storage.records import Instant
from storage.sql import Sql, from_micros, maybe_instant, to_micros
from storage.tx import Tx

_RANDOM_BYTES: Final = 24  # 192 bits
_SHOWN: Final = 7


class KeyKind(StrEnum):
    """Who holds a key: a server, or anybody who looks at a web page."""

    SECRET = "secret"  # noqa: S105 - the name of a kind
    PUBLIC = "public"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOwner:
    """What a live key opens."""

    environment: str
    kind: KeyKind
    is_enhanced: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiKey:
    """A key as shown in lists: a public one whole, a secret one by its first letters."""

    id: str
    environment: str
    kind: KeyKind
    name: str
    shown: str
    inserted_at: Instant
    revoked_at: Instant | None


def hash_key(plain: bytes) -> str:
    """Hash a key for storing and finding it; random keys need no salt."""
    return hashlib.sha256(plain).hexdigest()


def create(
    tx: Tx,
    *,
    environment: str,
    kind: KeyKind,
    name: str,
    now: datetime,
    plain: str | None = None,
) -> str:
    """Store a key and return it, for the only time if it is a secret one.

    A given `plain` key may be any text and exists afterwards, even if it was
    revoked before.

    Raises:
        StorageError: that text already opens something else.
    """
    prefix = "pk_" if kind is KeyKind.PUBLIC else "sk_"
    key = plain if plain is not None else prefix + secrets.token_urlsafe(_RANDOM_BYTES)
    digest = hash_key(key.encode())
    found = tx.row("SELECT environment, kind FROM api_keys WHERE hash = ?", (digest,))
    if found is not None:
        if found != (environment, kind.value):
            raise StorageError(
                f"The key {name!r} is already a {found[1]} key of {found[0]}; "
                "give each environment keys of its own."
            )
        tx.run("UPDATE api_keys SET revoked_at = NULL WHERE hash = ?", (digest,))
        return key
    shown = key if kind is KeyKind.PUBLIC else key[: min(_SHOWN, len(key) // 2)]
    tx.run(
        "INSERT INTO api_keys (hash, id, environment, kind, name, prefix, inserted_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (digest, str(uuid.uuid4()), environment, kind.value, name, shown, to_micros(now)),
    )
    return key


def lookup(sql: Sql, plain: bytes) -> KeyOwner | None:
    """Find what a live key opens: one indexed read, never cached (revocation is at once)."""
    found = sql.row(
        "SELECT k.environment, k.kind, e.enhanced_security FROM api_keys k"
        " JOIN environments e ON e.key = k.environment"
        " WHERE k.hash = ? AND k.revoked_at IS NULL",
        (hash_key(plain),),
    )
    if found is None:
        return None
    return KeyOwner(environment=found[0], kind=KeyKind(found[1]), is_enhanced=bool(found[2]))


def revoke(tx: Tx, environment: str, id: str, now: datetime) -> bool:
    """End a key; False if the environment has no live key of that id."""
    changed = tx.run(
        "UPDATE api_keys SET revoked_at = ? WHERE environment = ? AND id = ?"
        " AND revoked_at IS NULL",
        (to_micros(now), environment, id),
    )
    return changed == 1


def list_keys(sql: Sql, environment: str) -> list[ApiKey]:
    """List the environment's keys, oldest first, revoked ones too."""
    rows = sql.rows(
        "SELECT id, environment, kind, name, prefix, inserted_at, revoked_at FROM api_keys"
        " WHERE environment = ? ORDER BY inserted_at, id",
        (environment,),
    )
    return [
        ApiKey(
            id=row[0],
            environment=row[1],
            kind=KeyKind(row[2]),
            name=row[3],
            shown=row[4],
            inserted_at=from_micros(row[5]),
            revoked_at=maybe_instant(row[6]),
        )
        for row in rows
    ]


def add_signing_key(tx: Tx, environment: str, public_key: str, now: datetime) -> str:
    """Store the public half (PEM) of a signing key; the same one twice is one."""
    id = hashlib.sha256(f"{environment}\x1f{public_key}".encode()).hexdigest()[:32]
    tx.run(
        "INSERT INTO signing_keys (id, environment, public_key, inserted_at) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (id) DO NOTHING",
        (id, environment, public_key, to_micros(now)),
    )
    return id


def signing_keys(sql: Sql, environment: str) -> tuple[str, ...]:
    """Give the environment's live public signing keys, newest first."""
    rows = sql.rows(
        "SELECT public_key FROM signing_keys WHERE environment = ? ORDER BY inserted_at DESC",
        (environment,),
    )
    return tuple(row[0] for row in rows)
