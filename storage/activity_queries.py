"""Find the activities behind messages: what a batch collected, trigger by trigger."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from storage.keyset import Keyset, Slice, fetch_slice
from storage.message_filter import DataEquals, data_equals
from storage.records import Instant, RecipientRef
from storage.sql import Sql, from_micros, loads, marks, maybe_instant
from storage.windows import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where a run began, and the batch it last came out of, if any."""

    run_id: str
    inserted_at: Instant
    window_id: str | None
    closed_at: Instant | None
    order: str
    limit: int


def run_origins(sql: Sql, environment: str, run_ids: Collection[str]) -> dict[str, Origin]:
    """Return where these runs come from, those that still exist."""
    ids = list(dict.fromkeys(run_ids))
    rows = sql.rows(
        "SELECT r.id, r.inserted_at, w.id, w.closed_at, r.state -> '$.batch.order',"
        " r.state -> '$.batch.limit' FROM runs r LEFT JOIN windows w"
        " ON w.id = r.state ->> '$.batch.window_id' AND w.environment = r.environment"
        f" WHERE r.id IN ({marks(len(ids))}) AND r.environment = ?",
        [*ids, environment],
    )
    return {row[0]: _origin(row) for row in rows}


def _origin(row: Sequence[Any]) -> Origin:
    return Origin(
        run_id=row[0],
        inserted_at=from_micros(row[1]),
        window_id=row[2],
        closed_at=maybe_instant(row[3]),
        order="asc" if row[4] is None else loads(row[4]),
        limit=10 if row[5] is None else loads(row[5]),
    )


def window_page(
    sql: Sql, window_id: str, data: Sequence[DataEquals], keyset: Keyset
) -> Slice[tuple[int, Activity]]:
    """Page through what a batch collected, oldest first, what was cancelled left out.

    The window is one that `run_origins` has named, so that the environment is checked.
    """
    statement = (
        "SELECT seq, id, run_id, cancellation_key, actor_collection, actor_id, data, inserted_at"
        " FROM window_items WHERE window_id = ? AND cancelled_at IS NULL"
    )
    params: list[Any] = [window_id]
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
