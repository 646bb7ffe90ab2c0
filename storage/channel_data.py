"""Store what reaches a recipient on a channel: tokens, devices, connections."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import NamedTuple

from storage.recipients import by_collection
from storage.records import JsonObject, RecipientRef
from storage.sql import Sql, dumps, loads, marks, maybe_instant, to_micros
from storage.tx import Tx


class ChannelKind(NamedTuple):
    """What channel data needs to know of its channel."""

    id: str
    type: str
    provider: str | None


def find_channels(sql: Sql, environment: str, names: Collection[str]) -> dict[str, ChannelKind]:
    """Find live channels by id or key; the answer is by the name asked for."""
    found: dict[str, ChannelKind] = {}
    for name in names:
        row = sql.row(
            "SELECT c.id, c.type, coalesce(s.provider, c.provider) FROM channels c"
            " LEFT JOIN channel_settings s ON s.channel_id = c.id AND s.environment = ?"
            " WHERE (c.id = ? OR c.key = ?) AND c.archived_at IS NULL"
            " ORDER BY c.id = ? DESC LIMIT 1",
            (environment, name.lower(), name, name.lower()),
        )
        if row is not None:
            found[name] = ChannelKind(*row)
    return found


def get(sql: Sql, environment: str, ref: RecipientRef, channel_id: str) -> JsonObject | None:
    """Return a recipient's data for one channel; None if unset."""
    text = sql.value(
        "SELECT data FROM channel_data WHERE environment = ? AND collection = ?"
        " AND recipient = ? AND channel_id = ?",
        (environment, ref.collection, ref.id, channel_id),
    )
    return None if text is None else loads(text)


def changed_at(sql: Sql, environment: str, ref: RecipientRef, channel_id: str) -> datetime | None:
    """Return when a recipient's data for one channel was set last."""
    value = sql.value(
        "SELECT updated_at FROM channel_data WHERE environment = ? AND collection = ?"
        " AND recipient = ? AND channel_id = ?",
        (environment, ref.collection, ref.id, channel_id),
    )
    return maybe_instant(value)


def get_many(
    sql: Sql, environment: str, refs: Collection[RecipientRef]
) -> dict[RecipientRef, dict[str, JsonObject]]:
    """Return all channel data of these recipients, by recipient and channel id."""
    found: dict[RecipientRef, dict[str, JsonObject]] = {}
    for collection, ids in by_collection(refs):
        rows = sql.rows(
            "SELECT recipient, channel_id, data FROM channel_data"
            f" WHERE environment = ? AND collection = ? AND recipient IN ({marks(len(ids))})",
            (environment, collection, *ids),
        )
        for recipient, channel_id, data in rows:
            found.setdefault(RecipientRef(collection, recipient), {})[channel_id] = loads(data)
    return found


def put_many(
    tx: Tx,
    environment: str,
    items: Iterable[tuple[RecipientRef, str, JsonObject]],
    now: datetime,
) -> None:
    """Replace the data of each (recipient, channel id) whole."""
    at = to_micros(now)
    tx.many(
        "INSERT INTO channel_data (environment, collection, recipient, channel_id, data,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, collection, recipient, channel_id)"
        " DO UPDATE SET data = excluded.data, updated_at = excluded.updated_at",
        [
            (environment, ref.collection, ref.id, channel_id, dumps(data), at)
            for ref, channel_id, data in items
        ],
    )


def delete(tx: Tx, environment: str, ref: RecipientRef, channel_id: str) -> bool:
    """Delete a recipient's data for one channel; False if there was none."""
    changed = tx.run(
        "DELETE FROM channel_data WHERE environment = ? AND collection = ?"
        " AND recipient = ? AND channel_id = ?",
        (environment, ref.collection, ref.id, channel_id),
    )
    return changed == 1
