"""Store accepted triggers and the idempotency keys that guard them (E-3)."""

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
_UNGUARDED: Final = (None, None, None)


class Kept(NamedTuple):
    """The trigger that was accepted under an idempotency key."""

    trigger_id: str
    body_hash: bytes
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
            f"INSERT INTO triggers ({_COLUMNS}, idempotency_key, body_hash, request_id)"
            f" VALUES ({marks(18)})",
            [
                (
                    t.id, t.environment, t.workflow, t.version, t.version_id, t.source_type,
                    dumps(t.data), t.actor.collection if t.actor else None,
                    t.actor.id if t.actor else None, t.tenant, t.cancellation_key,
                    dumps(t.settings), dumps(t.pending) if t.pending is not None else None,
                    t.priority, to_micros(t.inserted_at), *(t.guard or _UNGUARDED),
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

    def guarded(self, environment: str, keys: Sequence[str], since: datetime) -> dict[str, Kept]:
        """Return what was accepted under these idempotency keys since an instant.

        A key that is older is taken from its trigger, so that it can be used anew.
        """
        found: dict[str, Kept] = {}
        limit = to_micros(since)
        for start in range(0, len(keys), 500):
            part = keys[start : start + 500]
            rows = self.rows(
                "SELECT idempotency_key, id, body_hash, request_id, inserted_at FROM triggers"
                f" WHERE environment = ? AND idempotency_key IN ({marks(len(part))})",
                (environment, *part),
            )
            for key, id_, body_hash, request_id, inserted_at in rows:
                if inserted_at > limit:
                    found[key] = Kept(id_, bytes(body_hash), request_id)
                else:
                    self.run("UPDATE triggers SET idempotency_key = NULL WHERE id = ?", (id_,))
        return found
