"""Store accepted triggers and the idempotency keys that guard them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from storage.records import JsonObject, RecipientRef, Trigger
from storage.sql import Sql, dumps, from_micros, loads, marks, to_micros

_COLUMNS: Final = (
    "id, environment, workflow, version, version_id, source_type, data, actor_collection,"
    " actor_id, tenant, cancellation_key, settings, pending, priority, inserted_at"
)


class StoredAnswer(NamedTuple):
    """The 2xx answer kept under an idempotency key."""

    body_hash: bytes
    response: JsonObject
    request_id: str


def trigger_from_row(row: Sequence[Any]) -> Trigger:
    """Build the record from a row of all columns."""
    return Trigger(
        id=row[0],
        environment=row[1],
        workflow=row[2],
        version=row[3],
        version_id=row[4],
        source_type=row[5],
        data=loads(row[6]),
        actor=RecipientRef(row[7], row[8]) if row[8] is not None else None,
        tenant=row[9],
        cancellation_key=row[10],
        settings=loads(row[11]),
        pending=loads(row[12]) if row[12] is not None else None,
        priority=row[13],
        inserted_at=from_micros(row[14]),
    )


def get_triggers(sql: Sql, ids: Sequence[str]) -> dict[str, Trigger]:
    """Return the triggers with these ids."""
    found: dict[str, Trigger] = {}
    for start in range(0, len(ids), 500):
        part = ids[start : start + 500]
        for row in sql.rows(
            f"SELECT {_COLUMNS} FROM triggers WHERE id IN ({marks(len(part))})", part
        ):
            found[row[0]] = trigger_from_row(row)
    return found


def pending_ids(sql: Sql, limit: int) -> list[str]:
    """Name triggers whose recipients are not all runs yet, urgent and old first."""
    rows = sql.rows(
        "SELECT id FROM triggers WHERE pending IS NOT NULL ORDER BY priority, inserted_at LIMIT ?",
        (limit,),
    )
    return [row[0] for row in rows]


class TriggerVerbs(Sql):
    """Accept and expand triggers."""

    def insert_triggers(self, triggers: Sequence[Trigger]) -> None:
        """Store accepted triggers."""
        self.many(
            f"INSERT INTO triggers ({_COLUMNS}) VALUES ({marks(15)})",
            [
                (
                    t.id, t.environment, t.workflow, t.version, t.version_id, t.source_type,
                    dumps(t.data), t.actor.collection if t.actor else None,
                    t.actor.id if t.actor else None, t.tenant, t.cancellation_key,
                    dumps(t.settings), dumps(t.pending) if t.pending is not None else None,
                    t.priority, to_micros(t.inserted_at),
                )
                for t in triggers
            ],
        )  # fmt: skip

    def pending_triggers(self, limit: int) -> list[Trigger]:
        """Return triggers whose recipients are not all runs yet, urgent and old first."""
        ids = pending_ids(self, limit)
        found = get_triggers(self, ids)
        return [found[id_] for id_ in ids]

    def subscribers_after(
        self, environment: str, parent: RecipientRef, after: int, limit: int
    ) -> list[tuple[int, RecipientRef, JsonObject]]:
        """Return the next subscribers of an object: (sequence, recipient, properties)."""
        rows = self.rows(
            "SELECT seq, recipient_collection, recipient_id, properties FROM subscriptions"
            " WHERE environment = ? AND object_collection = ? AND object_id = ? AND seq > ?"
            " ORDER BY seq LIMIT ?",
            (environment, *parent, after, limit),
        )
        return [(row[0], RecipientRef(row[1], row[2]), loads(row[3])) for row in rows]

    def pending_of_key(
        self, environment: str, workflow: str, cancellation_key: str
    ) -> list[tuple[str, JsonObject]]:
        """Return the expansions still going on of triggers with a cancellation key."""
        rows = self.rows(
            "SELECT id, pending FROM triggers WHERE environment = ? AND workflow = ?"
            " AND cancellation_key = ? AND pending IS NOT NULL",
            (environment, workflow, cancellation_key),
        )
        return [(row[0], loads(row[1])) for row in rows]

    def save_pending(self, trigger_id: str, pending: JsonObject | None) -> None:
        """Move the expansion's cursor, or end the expansion with None."""
        text = dumps(pending) if pending is not None else None
        self.run("UPDATE triggers SET pending = ? WHERE id = ?", (text, trigger_id))

    def stored_answer(
        self, environment: str, endpoint: str, key: str, now: datetime
    ) -> StoredAnswer | None:
        """Return the answer kept under an idempotency key that has not expired."""
        row = self.row(
            "SELECT body_hash, response, request_id FROM idempotency_keys"
            " WHERE environment = ? AND endpoint = ? AND key = ? AND expires_at > ?",
            (environment, endpoint, key, to_micros(now)),
        )
        return None if row is None else StoredAnswer(bytes(row[0]), loads(row[1]), row[2])

    def keep_answers(
        self, answers: Sequence[tuple[str, str, str, bytes, JsonObject, str, datetime]]
    ) -> None:
        """Keep 2xx answers: (environment, endpoint, key, hash, response, request id, expiry)."""
        self.many(
            "INSERT OR REPLACE INTO idempotency_keys (environment, endpoint, key, body_hash,"
            " response, request_id, expires_at) VALUES (?,?,?,?,?,?,?)",
            [(e, p, k, h, dumps(r), q, to_micros(x)) for e, p, k, h, r, q, x in answers],
        )

    def purge_idempotency(self, now: datetime, limit: int = 5000) -> int:
        """Delete expired keys, a slice at a time."""
        return self.run(
            "DELETE FROM idempotency_keys WHERE (environment, endpoint, key) IN"
            " (SELECT environment, endpoint, key FROM idempotency_keys WHERE expires_at <= ?"
            " LIMIT ?)",
            (to_micros(now), limit),
        )
