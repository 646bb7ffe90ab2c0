"""Store open batches, their activities, throttle windows and frequency slots."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from storage.records import JsonObject, RecipientRef, Window
from storage.sql import Sql, dumps, from_micros, loads, maybe_instant, maybe_micros, to_micros

_COLUMNS: Final = (
    "id, environment, workflow, step_key, step_ref, collection, recipient, batch_key,"
    " holder_run_id,"
    " opened_at, closes_at, limit_at, generation, count, total, settings"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activity:
    """One item collected by a window: whose run brought it, and with which data."""

    id: str
    run_id: str
    cancellation_key: str | None
    actor: RecipientRef | None
    data: JsonObject
    inserted_at: datetime


def _window(row: Sequence[Any]) -> Window:
    return Window(
        id=row[0],
        environment=row[1],
        workflow=row[2],
        step_key=row[3],
        step_ref=row[4],
        recipient=RecipientRef(row[5], row[6]),
        batch_key=row[7],
        holder_run_id=row[8],
        opened_at=from_micros(row[9]),
        closes_at=from_micros(row[10]),
        limit_at=maybe_instant(row[11]),
        generation=row[12],
        count=row[13],
        total=row[14],
        settings=loads(row[15]),
    )


def _activity(row: Sequence[Any]) -> Activity:
    return Activity(
        id=row[0],
        run_id=row[1],
        cancellation_key=row[2],
        actor=RecipientRef(row[3], row[4]) if row[4] is not None else None,
        data=loads(row[5]),
        inserted_at=from_micros(row[6]),
    )


_ITEM: Final = "id, run_id, cancellation_key, actor_collection, actor_id, data, inserted_at"


def live_activities(sql: Sql, window_id: str) -> list[Activity]:
    """Return a window's activities that were not cancelled, oldest first."""
    rows = sql.rows(
        f"SELECT {_ITEM} FROM window_items WHERE window_id = ? AND cancelled_at IS NULL"
        " ORDER BY seq",
        (window_id,),
    )
    return [_activity(row) for row in rows]


def rendered_activities(sql: Sql, window_id: str, order: str, limit: int) -> list[Activity]:
    """Return the first (asc) or last (desc) `limit` live activities, oldest first."""
    direction = "DESC" if order == "desc" else "ASC"
    rows = sql.rows(
        f"SELECT {_ITEM} FROM window_items WHERE window_id = ? AND cancelled_at IS NULL"
        f" ORDER BY seq {direction} LIMIT ?",
        (window_id, limit),
    )
    found = [_activity(row) for row in rows]
    return found[::-1] if order == "desc" else found


class WindowVerbs(Sql):
    """Open, append to, move, close and cancel batches; take throttle and frequency slots."""

    def open_window(
        self,
        environment: str,
        workflow: str,
        step_key: str,
        recipient: RecipientRef,
        batch_key: str,
    ) -> Window | None:
        """Return the batch that is open for this identity (engine E-55)."""
        row = self.row(
            f"SELECT {_COLUMNS} FROM windows WHERE environment = ? AND workflow = ?"
            " AND step_key = ? AND collection = ? AND recipient = ? AND batch_key = ?"
            " AND closed_at IS NULL",
            (environment, workflow, step_key, *recipient, batch_key),
        )
        return None if row is None else _window(row)

    def live_activities(self, window_id: str) -> list[Activity]:
        """Return a batch's activities that were not cancelled, oldest first."""
        return live_activities(self, window_id)

    def get_window(self, window_id: str) -> Window | None:
        """Return a batch that is still open."""
        row = self.row(
            f"SELECT {_COLUMNS} FROM windows WHERE id = ? AND closed_at IS NULL", (window_id,)
        )
        return None if row is None else _window(row)

    def insert_window(self, w: Window) -> None:
        """Store a batch that opens."""
        self.run(
            f"INSERT INTO windows ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
            (
                w.id, w.environment, w.workflow, w.step_key, w.step_ref, *w.recipient, w.batch_key,
                w.holder_run_id, to_micros(w.opened_at), to_micros(w.closes_at),
                maybe_micros(w.limit_at), w.generation, w.count, w.total, dumps(w.settings),
            ),
        )  # fmt: skip

    def save_window(self, w: Window) -> None:
        """Write back holder, close time, generation and counts."""
        self.run(
            "UPDATE windows SET holder_run_id = ?, closes_at = ?, generation = ?, count = ?,"
            " total = ? WHERE id = ?",
            (w.holder_run_id, to_micros(w.closes_at), w.generation, w.count, w.total, w.id),
        )

    def freeze_window(self, window_id: str, now: datetime) -> None:
        """Close a batch for good."""
        self.run("UPDATE windows SET closed_at = ? WHERE id = ?", (to_micros(now), window_id))

    def abandon_window(self, window_id: str, now: datetime) -> list[str]:
        """Close a batch that cannot be read; return the run that waits in it, if one does."""
        row = self.row(
            "SELECT holder_run_id FROM windows WHERE id = ? AND closed_at IS NULL", (window_id,)
        )
        self.freeze_window(window_id, now)
        return [row[0]] if row is not None and row[0] is not None else []

    def append_activity(self, window_id: str, seq: int, item: Activity) -> None:
        """Add an activity at the end of a batch."""
        actor = item.actor or (None, None)
        self.run(
            f"INSERT INTO window_items (window_id, seq, {_ITEM}) VALUES (?,?,?,?,?,?,?,?,?)",
            (
                window_id, seq, item.id, item.run_id, item.cancellation_key, *actor,
                dumps(item.data), to_micros(item.inserted_at),
            ),
        )  # fmt: skip

    def cancel_activities(self, run_ids: Sequence[str], now: datetime) -> list[tuple[str, str]]:
        """Remove these runs' activities from open batches; return (run, window) pairs."""
        done: list[tuple[str, str]] = []
        for run_id in run_ids:
            for window_id, seq in self.rows(
                "SELECT i.window_id, i.seq FROM window_items i JOIN windows w ON w.id = i.window_id"
                " WHERE i.run_id = ? AND i.cancelled_at IS NULL AND w.closed_at IS NULL",
                (run_id,),
            ):
                self.run(
                    "UPDATE window_items SET cancelled_at = ? WHERE window_id = ? AND seq = ?",
                    (to_micros(now), window_id, seq),
                )
                self.run("UPDATE windows SET count = count - 1 WHERE id = ?", (window_id,))
                done.append((run_id, window_id))
        return done

    def throttle(
        self, identity: tuple[str, str, str, str, str, str]
    ) -> tuple[datetime, int] | None:
        """Return when this throttle window ends and how many passed it."""
        row = self.row(
            "SELECT ends_at, used FROM throttles WHERE environment = ? AND workflow = ?"
            " AND step_ref = ? AND collection = ? AND recipient = ? AND throttle_key = ?",
            identity,
        )
        return None if row is None else (from_micros(row[0]), row[1])

    def save_throttle(
        self, identity: tuple[str, str, str, str, str, str], ends_at: datetime, used: int
    ) -> None:
        """Open a throttle window, or count one more in it."""
        self.run(
            "INSERT OR REPLACE INTO throttles (environment, workflow, step_ref, collection,"
            " recipient, throttle_key, ends_at, used) VALUES (?,?,?,?,?,?,?,?)",
            (*identity, to_micros(ends_at), used),
        )

    def slot_holders(
        self, environment: str, workflow: str, tenant: str, recipients: Sequence[RecipientRef]
    ) -> set[RecipientRef]:
        """Return which of these recipients hold their only slot already (E-22)."""
        return {
            recipient
            for recipient in recipients
            if self.row(
                "SELECT 1 FROM frequency_slots WHERE environment = ? AND workflow = ?"
                " AND collection = ? AND recipient = ? AND tenant = ?",
                (environment, workflow, *recipient, tenant),
            )
            is not None
        }

    def take_frequency_slot(
        self, environment: str, workflow: str, recipient: RecipientRef, tenant: str, run_id: str
    ) -> bool:
        """Take the only slot of a recipient (and tenant); False when it is taken (E-22)."""
        self.run(
            "INSERT OR IGNORE INTO frequency_slots (environment, workflow, collection, recipient,"
            " tenant, run_id) VALUES (?,?,?,?,?,?)",
            (environment, workflow, *recipient, tenant, run_id),
        )
        holder = self.value(
            "SELECT run_id FROM frequency_slots WHERE environment = ? AND workflow = ?"
            " AND collection = ? AND recipient = ? AND tenant = ?",
            (environment, workflow, *recipient, tenant),
        )
        return bool(holder == run_id)
