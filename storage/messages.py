"""Store messages, their outbox rows, and the queries of lists and feeds."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from storage.records import (
    DeliveryStatus,
    JsonObject,
    Message,
    MessageBrief,
    NewMessage,
    Outbound,
    RecipientRef,
)
from storage.sql import (
    Sql,
    dumps,
    from_micros,
    loads,
    marks,
    maybe_instant,
    maybe_micros,
    to_micros,
)

COLUMNS: Final = (
    "id, environment, run_id, trigger_id, workflow, version_id, step_ref, iteration, categories,"
    " channel_id, channel_type, provider, collection, recipient, tenant, address, actors, status,"
    " data, filter_data, metadata, attempts, total_activities, total_actors, scheduled_at, seen_at,"
    " read_at, interacted_at, link_clicked_at, archived_at, inserted_at, updated_at"
)
_ENGAGEMENTS: Final = ("seen", "read", "interacted", "link_clicked", "archived")


def message_from_row(r: Sequence[Any]) -> Message:
    """Build the record from a row of `COLUMNS`."""
    return Message(
        id=r[0], environment=r[1], run_id=r[2], trigger_id=r[3], workflow=r[4], version_id=r[5],
        step_ref=r[6], iteration=r[7], categories=tuple(loads(r[8])), channel_id=r[9],
        channel_type=r[10], provider=r[11], recipient=RecipientRef(r[12], r[13]), tenant=r[14],
        address=r[15], actors=tuple(RecipientRef(*a) for a in loads(r[16])),
        status=DeliveryStatus(r[17]), data=loads(r[18]), filter_data=loads(r[19]),
        metadata=loads(r[20]), attempts=r[21], total_activities=r[22], total_actors=r[23],
        scheduled_at=maybe_instant(r[24]), seen_at=maybe_instant(r[25]),
        read_at=maybe_instant(r[26]), interacted_at=maybe_instant(r[27]),
        link_clicked_at=maybe_instant(r[28]), archived_at=maybe_instant(r[29]),
        inserted_at=from_micros(r[30]), updated_at=from_micros(r[31]),
    )  # fmt: skip


def get_messages(sql: Sql, environment: str, ids: Sequence[str]) -> dict[str, Message]:
    """Return messages of an environment by id."""
    found: dict[str, Message] = {}
    for start in range(0, len(ids), 500):
        part = list(ids[start : start + 500])
        for row in sql.rows(
            f"SELECT {COLUMNS} FROM messages WHERE id IN ({marks(len(part))}) AND environment = ?",
            [*part, environment],
        ):
            found[row[0]] = message_from_row(row)
    return found


def get_content(sql: Sql, environment: str, message_id: str) -> JsonObject | None:
    """Return what was rendered for a message."""
    row = sql.row(
        "SELECT content FROM messages WHERE id = ? AND environment = ?", (message_id, environment)
    )
    return None if row is None else loads(row[0])


def briefs_of_runs(sql: Sql, run_ids: Sequence[str]) -> dict[str, tuple[MessageBrief, ...]]:
    """Return the statuses of these runs' messages, for message-status conditions."""
    found: dict[str, list[MessageBrief]] = {}
    for start in range(0, len(run_ids), 500):
        part = list(run_ids[start : start + 500])
        for row in sql.rows(
            "SELECT m.run_id, m.id, m.step_ref, m.status, m.address, m.seen_at, m.read_at,"
            " m.interacted_at, m.link_clicked_at, m.archived_at,"
            " CASE m.channel_type WHEN 'in_app_feed' THEN NULL ELSE m.inserted_at END"
            " FROM runs r JOIN messages m INDEXED BY messages_once"
            " ON m.trigger_id = r.trigger_id AND m.run_id = r.id"
            f" WHERE r.id IN ({marks(len(part))})",
            part,
        ):
            engaged = frozenset(
                n for n, at in zip(_ENGAGEMENTS, row[5:10], strict=True) if at is not None
            )
            found.setdefault(row[0], []).append(
                MessageBrief(
                    id=row[1], step_ref=row[2], status=DeliveryStatus(row[3]), address=row[4],
                    engagement=engaged, inserted_at=maybe_instant(row[10]),
                )
            )  # fmt: skip
    return {run: tuple(items) for run, items in found.items()}


class MessageVerbs(Sql):
    """Produce, claim for sending, and settle messages."""

    def insert_messages(self, items: Sequence[NewMessage]) -> None:
        """Store messages; one of the same (run, step, channel, address, iteration) stays (R-3)."""
        self.many(
            f"INSERT OR IGNORE INTO messages ({COLUMNS}, snapshot, content, overrides)"
            f" VALUES ({marks(35)})",
            [_message_row(item) for item in items],
        )

    def insert_outbox(
        self, items: Sequence[NewMessage], lease: tuple[int, datetime] | None
    ) -> None:
        """Store the intent to send; `lease` hands it to the worker that produced it."""
        epoch, until = (lease[0], to_micros(lease[1])) if lease else (0, None)
        self.many(
            "INSERT OR IGNORE INTO outbox (message_id, environment, channel_id, attempt, due_at,"
            " first_attempt_at, lease_epoch, lease_until) VALUES (?,?,?,1,?,?,?,?)",
            [
                (
                    i.message.id, i.message.environment, i.message.channel_id,
                    to_micros(i.message.scheduled_at or i.message.inserted_at),
                    to_micros(i.message.scheduled_at or i.message.inserted_at), epoch,
                    until if i.message.scheduled_at is None else None,
                )
                for i in items
            ],
        )  # fmt: skip

    def due_channels(self, now: datetime, exclude: Collection[str]) -> list[str]:
        """Name the channels that have messages due, those of `exclude` left out."""
        found: list[str] = []
        last = ""
        while True:
            row = self.row(
                "SELECT channel_id FROM outbox WHERE lease_until IS NULL AND channel_id > ?"
                " ORDER BY channel_id LIMIT 1",
                (last,),
            )
            if row is None:
                return found
            last = row[0]
            if last not in exclude and self._is_due(last, now):
                found.append(last)

    def _is_due(self, channel_id: str, now: datetime) -> bool:
        return (
            self.row(
                "SELECT 1 FROM outbox WHERE lease_until IS NULL AND channel_id = ? AND due_at <= ?"
                " LIMIT 1",
                (channel_id, to_micros(now)),
            )
            is not None
        )

    def claim_outbox(
        self,
        now: datetime,
        limit: int,
        lease: timedelta,
        epoch: int,
        exclude: Collection[str] = (),
    ) -> list[Outbound]:
        """Lease messages that are due, each channel's oldest first, equal shares per channel.

        Channels named in `exclude` are busy enough; a channel that hangs takes
        nothing from its neighbours.
        """
        channels = self.due_channels(now, exclude)
        if not channels:
            return []
        share = max(1, limit // len(channels))
        rows: list[tuple[Any, ...]] = []
        for channel in channels:
            rows += self.rows(
                "SELECT o.message_id, o.environment, o.channel_id, m.channel_type, m.provider,"
                " m.address, m.collection, m.recipient, m.tenant, m.content, m.overrides,"
                " o.attempt,"
                " o.first_attempt_at FROM outbox o JOIN messages m ON m.id = o.message_id"
                " WHERE o.lease_until IS NULL AND o.channel_id = ? AND o.due_at <= ?"
                " ORDER BY o.due_at LIMIT ?",
                (channel, to_micros(now), share),
            )
        until = to_micros(now + lease)
        self.many(
            "UPDATE outbox SET lease_epoch = ?, lease_until = ? WHERE message_id = ?",
            [(epoch, until, row[0]) for row in rows],
        )
        return [_outbound(row, epoch) for row in rows]

    def held_outbox(self, items: Sequence[tuple[str, int, int]]) -> set[str]:
        """Return which of (message, attempt, epoch) are still leased just so (R-6)."""
        held: set[str] = set()
        wanted = {i[0]: (i[1], i[2]) for i in items}
        ids = list(wanted)
        for start in range(0, len(ids), 500):
            part = ids[start : start + 500]
            for id_, attempt, epoch in self.rows(
                f"SELECT message_id, attempt, lease_epoch FROM outbox WHERE message_id IN"
                f" ({marks(len(part))})"
                " AND lease_until IS NOT NULL",
                part,
            ):
                if wanted[id_] == (attempt, epoch):
                    held.add(id_)
        return held

    def drop_outbox(self, message_ids: Sequence[str]) -> None:
        """Delete intents that are done with."""
        self.many("DELETE FROM outbox WHERE message_id = ?", [(m,) for m in message_ids])

    def reschedule_outbox(self, items: Sequence[tuple[str, datetime]]) -> None:
        """Free intents for another attempt at their instant."""
        self.many(
            "UPDATE outbox SET attempt = attempt + 1, due_at = ?, lease_until = NULL"
            " WHERE message_id = ?",
            [(to_micros(at), m) for m, at in items],
        )

    def release_outbox(self, message_ids: Sequence[str], epoch: int) -> None:
        """Give back intents that were leased and not attempted."""
        self.many(
            "UPDATE outbox SET lease_until = NULL WHERE message_id = ? AND lease_epoch = ?",
            [(m, epoch) for m in message_ids],
        )

    def free_outbox_leases(self, epoch: int) -> int:
        """Free intents whose worker's epoch is over.

        Not by time: the living worker knows what it holds, and a slow provider
        must not make a second attempt start beside the first.
        """
        return self.run(
            "UPDATE outbox SET lease_until = NULL WHERE lease_until IS NOT NULL AND"
            " lease_epoch < ?",
            (epoch,),
        )

    def free_lost_outbox(self, now: datetime, held: Collection[str]) -> int:
        """Free intents whose lease ended and that the living worker does not hold."""
        rows = self.rows(
            "SELECT message_id FROM outbox WHERE lease_until IS NOT NULL AND lease_until < ?",
            (to_micros(now),),
        )
        lost = [row for row in rows if row[0] not in held]
        self.many("UPDATE outbox SET lease_until = NULL WHERE message_id = ?", lost)
        return len(lost)

    def message_statuses(self, ids: Sequence[str]) -> dict[str, DeliveryStatus]:
        """Return the delivery status of these messages."""
        found: dict[str, DeliveryStatus] = {}
        for start in range(0, len(ids), 500):
            part = list(ids[start : start + 500])
            for row in self.rows(
                f"SELECT id, status FROM messages WHERE id IN ({marks(len(part))})", part
            ):
                found[row[0]] = DeliveryStatus(row[1])
        return found

    def update_statuses(
        self, changes: Sequence[tuple[str, DeliveryStatus, int, str | None]], now: datetime
    ) -> None:
        """Write (message, status, attempts, external id) after an attempt."""
        at = to_micros(now)
        self.many(
            "UPDATE messages SET status = ?, attempts = max(attempts, ?), updated_at = ?,"
            " metadata = CASE WHEN ? IS NULL THEN metadata"
            " ELSE json_set(metadata, '$.external_id', ?) END WHERE id = ?",
            [(s.value, n, at, x, x, m) for m, s, n, x in changes],
        )

    def set_engagement(
        self, message_id: str, field: str, at: datetime | None, now: datetime
    ) -> None:
        """Set or clear an engagement instant."""
        if field not in _ENGAGEMENTS:
            raise ValueError(f"no engagement {field!r}")
        self.run(
            f"UPDATE messages SET {field}_at = ?, updated_at = ? WHERE id = ?",
            (maybe_micros(at), to_micros(now), message_id),
        )


def _message_row(item: NewMessage) -> tuple[Any, ...]:
    m = item.message
    return (
        m.id, m.environment, m.run_id, m.trigger_id, m.workflow, m.version_id, m.step_ref,
        m.iteration, dumps(m.categories), m.channel_id, m.channel_type, m.provider,
        m.recipient[0], m.recipient[1], m.tenant, m.address, dumps([list(a) for a in m.actors]),
        m.status.value, dumps(m.data), dumps(m.filter_data), dumps(m.metadata), m.attempts,
        m.total_activities, m.total_actors, maybe_micros(m.scheduled_at), None, None, None, None,
        None, to_micros(m.inserted_at), to_micros(m.updated_at), dumps(item.snapshot),
        dumps(item.content), dumps(item.overrides),
    )  # fmt: skip


def _outbound(r: Sequence[Any], epoch: int) -> Outbound:
    return Outbound(
        message_id=r[0], environment=r[1], channel_id=r[2], channel_type=r[3], provider=r[4],
        address=r[5], recipient=RecipientRef(r[6], r[7]), tenant=r[8], content=loads(r[9]),
        overrides=loads(r[10]), attempt=r[11], first_attempt_at=from_micros(r[12]),
        lease_epoch=epoch,
    )  # fmt: skip
