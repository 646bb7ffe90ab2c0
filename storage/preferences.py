"""Store preference sets of recipients, and read each environment's default set."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from storage.recipients import by_collection
from storage.records import JsonObject, RecipientRef
from storage.sql import Sql, dumps, loads, marks, to_micros
from storage.tx import Tx


def get(sql: Sql, environment: str, ref: RecipientRef, set_id: str) -> JsonObject | None:
    """Return one stored set, without defaults; None if there is none."""
    text = sql.value(
        "SELECT content FROM preference_sets WHERE environment = ? AND collection = ?"
        " AND recipient = ? AND set_id = ?",
        (environment, ref.collection, ref.id, set_id),
    )
    return None if text is None else loads(text)


def get_many(
    sql: Sql, environment: str, refs: Collection[RecipientRef]
) -> dict[RecipientRef, dict[str, JsonObject]]:
    """Return all stored sets of these recipients, by recipient and set id."""
    found: dict[RecipientRef, dict[str, JsonObject]] = {}
    for collection, ids in by_collection(refs):
        rows = sql.rows(
            "SELECT recipient, set_id, content FROM preference_sets"
            f" WHERE environment = ? AND collection = ? AND recipient IN ({marks(len(ids))})"
            " ORDER BY recipient, set_id",
            (environment, collection, *ids),
        )
        for recipient, set_id, content in rows:
            found.setdefault(RecipientRef(collection, recipient), {})[set_id] = loads(content)
    return found


def put_many(
    tx: Tx,
    environment: str,
    items: Iterable[tuple[RecipientRef, str, JsonObject]],
    now: datetime,
) -> None:
    """Replace the content of each (recipient, set id) whole."""
    at = to_micros(now)
    tx.many(
        "INSERT INTO preference_sets (environment, collection, recipient, set_id, content,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, collection, recipient, set_id)"
        " DO UPDATE SET content = excluded.content, updated_at = excluded.updated_at",
        [
            (environment, ref.collection, ref.id, set_id, dumps(content), at)
            for ref, set_id, content in items
        ],
    )


def delete(tx: Tx, environment: str, ref: RecipientRef, set_id: str) -> bool:
    """Delete one set; False if there was none."""
    changed = tx.run(
        "DELETE FROM preference_sets WHERE environment = ? AND collection = ?"
        " AND recipient = ? AND set_id = ?",
        (environment, ref.collection, ref.id, set_id),
    )
    return changed == 1


def environment_defaults(sql: Sql, environment: str) -> JsonObject:
    """Return the environment's default set; empty if nobody set one."""
    text = sql.value("SELECT default_preferences FROM environments WHERE key = ?", (environment,))
    found: JsonObject = {} if text is None else loads(text)
    return found


def set_environment_defaults(tx: Tx, environment: str, content: JsonObject) -> None:
    """Replace the environment's default set."""
    tx.run(
        "UPDATE environments SET default_preferences = ? WHERE key = ?",
        (dumps(content), environment),
    )
