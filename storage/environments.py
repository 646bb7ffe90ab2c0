"""Keep the account, its environments and their variables."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.records import JsonObject
from storage.sql import Sql, from_micros, loads, maybe_instant, to_micros
from storage.tx import Tx

Seal = Callable[[Any, str], bytes]
Unseal = Callable[[bytes, str], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """The one account of an installation."""

    name: str
    timezone: str
    is_sending_paused: bool
    clock_anchor: datetime | None
    inserted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """An isolated world of recipients, runs, keys and definition versions."""

    key: str
    name: str
    position: int
    is_enhanced_security: bool
    default_preferences: JsonObject
    inserted_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Variable:
    """A value that templates and settings may name; secret ones are sealed at rest."""

    key: str
    value: str
    is_secret: bool


# ---------------------------------------------------------------- account


def get_account(sql: Sql) -> Account | None:
    """Return the account, or None before the first start."""
    row = sql.row(
        "SELECT name, timezone, sending_paused, clock_anchor, inserted_at FROM account WHERE id = 1"
    )
    if row is None:
        return None
    return Account(
        name=row[0],
        timezone=row[1],
        is_sending_paused=bool(row[2]),
        clock_anchor=maybe_instant(row[3]),
        inserted_at=from_micros(row[4]),
    )


def put_account(tx: Tx, *, name: str | None, timezone: str | None, now: datetime) -> None:
    """Create the account or change what is given of it."""
    tx.run(
        "INSERT INTO account (id, name, timezone, inserted_at)"
        " VALUES (1, coalesce(?1, 'Tocsin'), coalesce(?2, 'Etc/UTC'), ?3)"
        " ON CONFLICT (id) DO UPDATE SET name = coalesce(?1, name),"
        " timezone = coalesce(?2, timezone)",
        (name, timezone, to_micros(now)),
    )


def set_sending_paused(tx: Tx, is_paused: bool) -> None:
    """Hold back, or let go, every message on its way out."""
    tx.run("UPDATE account SET sending_paused = ? WHERE id = 1", (int(is_paused),))


def set_clock_anchor(tx: Tx, anchor: datetime | None) -> None:
    """Remember where the accelerated clock started; None for the plain clock."""
    value = None if anchor is None else to_micros(anchor)
    tx.run("UPDATE account SET clock_anchor = ? WHERE id = 1", (value,))


def latest_instant(sql: Sql) -> datetime | None:
    """Return the newest instant that the engine has written, or None."""
    value = sql.value(
        "SELECT max(at) FROM (SELECT max(started_at) AS at FROM epochs"
        " UNION ALL SELECT max(inserted_at) FROM triggers"
        " UNION ALL SELECT max(updated_at) FROM runs"
        " UNION ALL SELECT max(updated_at) FROM messages"
        " UNION ALL SELECT max(updated_at) FROM recipients)"
    )
    return maybe_instant(value)


# ----------------------------------------------------------- environments


def list_environments(sql: Sql) -> list[Environment]:
    """Return all environments in their order."""
    rows = sql.rows(
        "SELECT key, name, position, enhanced_security, default_preferences, inserted_at"
        " FROM environments ORDER BY position, inserted_at, key"
    )
    return [_environment(row) for row in rows]


def get_environment(sql: Sql, key: str) -> Environment | None:
    """Return one environment, or None."""
    row = sql.row(
        "SELECT key, name, position, enhanced_security, default_preferences, inserted_at"
        " FROM environments WHERE key = ?",
        (key,),
    )
    return None if row is None else _environment(row)


def _environment(row: tuple[Any, ...]) -> Environment:
    return Environment(
        key=row[0],
        name=row[1],
        position=row[2],
        is_enhanced_security=bool(row[3]),
        default_preferences=loads(row[4]),
        inserted_at=from_micros(row[5]),
    )


def put_environment(
    tx: Tx,
    key: str,
    now: datetime,
    *,
    name: str | None = None,
    is_enhanced_security: bool | None = None,
) -> None:
    """Create an environment behind the last one, or change what is given of it."""
    is_enhanced = None if is_enhanced_security is None else int(is_enhanced_security)
    tx.run(
        "INSERT INTO environments (key, name, position, enhanced_security, inserted_at)"
        " VALUES (?1, coalesce(?2, ?3), (SELECT coalesce(max(position) + 1, 0) FROM environments),"
        " coalesce(?4, 0), ?5) ON CONFLICT (key) DO UPDATE SET name = coalesce(?2, name),"
        " enhanced_security = coalesce(?4, enhanced_security)",
        (key, name, key.replace("_", " ").replace("-", " ").title(), is_enhanced, to_micros(now)),
    )


# -------------------------------------------------------------- variables


def variable_row(environment: str, key: str) -> str:
    """Name the row to which a secret variable is sealed."""
    return f"variables/{environment}/{key}"


def put_variable(
    tx: Tx,
    environment: str,
    key: str,
    value: str,
    now: datetime,
    *,
    seal: Seal | None = None,
) -> None:
    """Store a variable; with `seal` it is a secret one, and sealed."""
    stored = value if seal is None else seal(value, variable_row(environment, key)).hex()
    tx.run(
        "INSERT INTO variables (environment, key, value, type, updated_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, key) DO UPDATE SET value = excluded.value,"
        " type = excluded.type, updated_at = excluded.updated_at",
        (environment, key, stored, "public" if seal is None else "secret", to_micros(now)),
    )


def delete_variable(tx: Tx, environment: str, key: str) -> bool:
    """Forget a variable; tells whether there was one."""
    return tx.run("DELETE FROM variables WHERE environment = ? AND key = ?", (environment, key)) > 0


def list_variables(sql: Sql, environment: str, unseal: Unseal | None) -> list[Variable]:
    """Return an environment's variables; without `unseal` secret values are empty."""
    rows = sql.rows(
        "SELECT key, value, type FROM variables WHERE environment = ? ORDER BY key", (environment,)
    )
    found = []
    for key, stored, kind in rows:
        is_secret, value = kind == "secret", str(stored)
        if is_secret:
            row = variable_row(environment, key)
            value = "" if unseal is None else str(unseal(bytes.fromhex(stored), row))
        found.append(Variable(key=key, value=value, is_secret=is_secret))
    return found


def variables_for(sql: Sql, environment: str, unseal: Unseal) -> dict[str, str]:
    """Return the values by key, as templates see them."""
    return {v.key: v.value for v in list_variables(sql, environment, unseal)}


# ---------------------------------------------------------------- imports


def imported_content(sql: Sql, folder: str, environment: str) -> str | None:
    """Return the hash of what was last imported from a folder, or None."""
    value = sql.value(
        "SELECT content_hash FROM bootstrap_imports WHERE path = ? AND environment = ?",
        (folder, environment),
    )
    return None if value is None else str(value)


def note_import(tx: Tx, folder: str, environment: str, content: str, now: datetime) -> None:
    """Remember what was imported from a folder."""
    tx.run(
        "INSERT INTO bootstrap_imports (path, environment, content_hash, applied_at)"
        " VALUES (?, ?, ?, ?) ON CONFLICT (path, environment) DO UPDATE SET"
        " content_hash = excluded.content_hash, applied_at = excluded.applied_at",
        (folder, environment, content, to_micros(now)),
    )
