"""Find the activities behind messages: what a batch collected, trigger by trigger."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from storage.keyset import Keyset, Slice, fetch_slice
from storage.message_filter import DataEquals, data_equals
from storage.records import RecipientRef
from storage.sql import Sql, from_micros, loads, maybe_instant, to_micros
from storage.windows import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBatch:
    """A batch that a run came out of, and which of its activities templates saw."""

    window_id: str
    order: str
    limit: int


def run_began(sql: Sql, environment: str, run_id: str) -> datetime | None:
    """Return when a run began; None if it is no longer there."""
    value = sql.value(
        "SELECT inserted_at FROM runs WHERE id = ? AND environment = ?", (run_id, environment)
    )
    return maybe_instant(value)


def last_batch(sql: Sql, environment: str, run_id: str, until: datetime) -> ClosedBatch | None:
    """Return the batch that a run had come out of last at an instant, if any.

    A run may pass several; one that it only flushed or was absorbed by is not its own.
    """
    row = sql.row(
        "SELECT w.id, w.settings FROM window_items i JOIN windows w ON w.id = i.window_id"
        " WHERE i.run_id = ?1 AND w.holder_run_id = ?1 AND w.environment = ?2"
        " AND w.closed_at <= ?3 ORDER BY w.closed_at DESC, w.id DESC LIMIT 1",
        (run_id, environment, to_micros(until)),
    )
    if row is None:
        return None
    settings = loads(row[1])
    return ClosedBatch(
        window_id=row[0],
        order=settings.get("order", "asc"),
        limit=int(settings.get("render_limit", 10)),
    )


def batch_page(
    sql: Sql, batch: ClosedBatch, data: Sequence[DataEquals], keyset: Keyset
) -> Slice[tuple[int, Activity]]:
    """Page through what a batch collected, oldest first, what was cancelled left out."""
    statement = (
        "SELECT seq, id, run_id, cancellation_key, actor_collection, actor_id, data, inserted_at"
        " FROM window_items WHERE window_id = ? AND cancelled_at IS NULL"
    )
    params: list[Any] = [batch.window_id]
    for term in data:
        text, values = data_equals("data", term)
        statement += f" AND {text}"
        params += values
    found = fetch_slice(sql, statement, params, keyset, columns=("seq",))
    return found.map(lambda row: (row[0], _activity(row)))


def _activity(row: Sequence[Any]) -> Activity:
    return Activity(
        id=row[1],
        run_id=row[2],
        cancellation_key=row[3],
        actor=None if row[5] is None else RecipientRef(row[4], row[5]),
        data=loads(row[6]),
        inserted_at=from_micros(row[7]),
    )
