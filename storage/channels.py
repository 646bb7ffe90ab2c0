"""Keep channels, and their provider and settings in each environment."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any, Final

from storage.records import Channel, JsonObject
from storage.sql import Sql, dumps, from_micros, loads, to_micros
from storage.tx import Tx

Seal = Callable[[Any, str], bytes]
Unseal = Callable[[bytes, str], Any]

DEVELOPMENT: Final = "development"
CATCH_ALL: Final = "catch_all"
# In-app channels have no provider to choose: storing the message delivers it.
IN_APP_TYPES: Final = frozenset({"in_app", "in_app_feed", "in_app_guide"})

_COLUMNS: Final = (
    "c.id, c.key, c.name, c.type, coalesce(s.provider, c.provider), coalesce(s.is_sandbox, 0),"
    " coalesce(s.settings, '{}'), s.sealed, s.conditions, c.inserted_at,"
    " max(c.updated_at, coalesce(s.updated_at, 0))"
)
_JOIN: Final = (
    " FROM channels c LEFT JOIN channel_settings s ON s.channel_id = c.id AND s.environment = ?"
)


def settings_row(channel_id: str, environment: str) -> str:
    """Name the row to which a channel's secrets are sealed."""
    return f"channel_settings/{channel_id}/{environment}"


def channels_for(
    sql: Sql, environment: str, unseal: Unseal | None, *, with_archived: bool = False
) -> dict[str, Channel]:
    """Return an environment's channels by key; without `unseal` their secrets are left out."""
    where = "" if with_archived else " WHERE c.archived_at IS NULL"
    rows = sql.rows(f"SELECT {_COLUMNS}{_JOIN}{where} ORDER BY c.key", (environment,))
    return {row[1]: _channel(row, environment, unseal) for row in rows}


def get_channel(
    sql: Sql, environment: str, id_or_key: str, unseal: Unseal | None = None
) -> Channel | None:
    """Return one channel by its id or its key, archived ones too."""
    row = sql.row(
        f"SELECT {_COLUMNS}{_JOIN} WHERE c.id = ? OR c.key = ?",
        (environment, id_or_key, id_or_key),
    )
    return None if row is None else _channel(row, environment, unseal)


def _channel(row: tuple[Any, ...], environment: str, unseal: Unseal | None) -> Channel:
    settings = loads(row[6])
    if unseal is not None and row[7] is not None:
        settings |= unseal(row[7], settings_row(row[0], environment))
    return Channel(
        id=row[0],
        key=row[1],
        name=row[2],
        type=row[3],
        provider=row[4] or default_provider(row[3], environment),
        is_sandbox=bool(row[5]),
        settings=settings,
        conditions=None if row[8] is None else loads(row[8]),
        created_at=from_micros(row[9]),
        updated_at=from_micros(row[10]),
    )


def default_provider(type_: str, environment: str) -> str | None:
    """Say what sends where nothing was chosen; None counts as not configured."""
    if type_ in IN_APP_TYPES:
        return type_
    return CATCH_ALL if environment == DEVELOPMENT else None


def put_channel(
    tx: Tx,
    *,
    id: str,
    key: str,
    type: str,
    now: datetime,
    name: str | None = None,
    provider: str | None = None,
) -> str:
    """Create a channel or change its name and provider; returns the id it has.

    An existing channel keeps its id and its type: both are what messages
    and workflows hold on to.
    """
    tx.run(
        "INSERT INTO channels (id, key, name, type, provider, inserted_at, updated_at)"
        " VALUES (?1, ?2, coalesce(?3, ?4), ?5, ?6, ?7, ?7) ON CONFLICT (key) DO UPDATE SET"
        " name = coalesce(?3, name), provider = coalesce(?6, provider), updated_at = ?7,"
        " archived_at = NULL WHERE name IS NOT coalesce(?3, name)"
        " OR provider IS NOT coalesce(?6, provider) OR archived_at IS NOT NULL",
        (id, key, name, _title(key), type, provider, to_micros(now)),
    )
    return str(tx.value("SELECT id FROM channels WHERE key = ?", (key,)))


def _title(key: str) -> str:
    words = key.replace("_", " ").replace("-", " ")
    return {"sms": "SMS", "in app": "In-app"}.get(words, words.capitalize())


def archive_channel(tx: Tx, id: str, now: datetime) -> bool:
    """Take a channel out of use; tells whether it was in use."""
    instant = to_micros(now)
    return (
        tx.run(
            "UPDATE channels SET archived_at = ?, updated_at = ?"
            " WHERE id = ? AND archived_at IS NULL",
            (instant, instant, id),
        )
        > 0
    )


def put_settings(
    tx: Tx,
    channel_id: str,
    environment: str,
    settings: Mapping[str, Any],
    now: datetime,
    *,
    secret_names: Collection[str],
    seal: Seal,
    provider: str | None = None,
    is_sandbox: bool = False,
    conditions: JsonObject | None = None,
) -> None:
    """Replace a channel's settings in one environment; those named secret are sealed."""
    public = {name: value for name, value in settings.items() if name not in secret_names}
    hidden = {name: value for name, value in settings.items() if name in secret_names}
    sealed = seal(hidden, settings_row(channel_id, environment)) if hidden else None
    tx.run(
        "INSERT INTO channel_settings (channel_id, environment, provider, is_sandbox, settings,"
        " sealed, conditions, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (channel_id, environment) DO UPDATE SET provider = excluded.provider,"
        " is_sandbox = excluded.is_sandbox, settings = excluded.settings,"
        " sealed = excluded.sealed, conditions = excluded.conditions,"
        " updated_at = excluded.updated_at",
        (
            channel_id,
            environment,
            provider,
            int(is_sandbox),
            dumps(public),
            sealed,
            None if conditions is None else dumps(conditions),
            to_micros(now),
        ),
    )
