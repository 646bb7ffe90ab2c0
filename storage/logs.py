"""Keep logs in one table per day, so that retention drops tables (R-23).

A run's timeline entries are packed: one row per pass, an array of entries.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, Final

from storage.ids import ordered_ksuid
from storage.records import JsonObject, MessageEvent
from storage.sql import Sql, dumps, from_micros, loads, to_micros

_SHAPES: Final = {
    "run_events": "id INTEGER PRIMARY KEY, environment TEXT NOT NULL, run_id TEXT NOT NULL,"
    " entries TEXT NOT NULL",
    "message_events": (
        "id INTEGER PRIMARY KEY, environment TEXT NOT NULL, message_id TEXT NOT NULL,"
        " event TEXT NOT NULL, data TEXT NOT NULL, inserted_at INTEGER NOT NULL"
    ),
    "delivery_logs": (
        "id TEXT PRIMARY KEY, environment TEXT NOT NULL, message_id TEXT NOT NULL,"
        " attempt INTEGER NOT NULL, entry TEXT NOT NULL, inserted_at INTEGER NOT NULL"
    ),
}
_INDEXED: Final = {
    "run_events": "run_id",
    "message_events": "message_id",
    "delivery_logs": "message_id",
}


def days_of(sql: Sql, name: str) -> list[str]:
    """Return the days that have a table of this log, oldest first."""
    return [r[0] for r in sql.rows("SELECT day FROM log_days WHERE name = ? ORDER BY day", (name,))]


def _across_days(
    sql: Sql, name: str, columns: str, where: str, params: Sequence[Any]
) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = []
    for day in days_of(sql, name):
        rows.extend(sql.rows(f"SELECT {columns} FROM {name}_{day} WHERE {where}", params))
    return rows


def run_timeline(sql: Sql, environment: str, run_id: str) -> list[JsonObject]:
    """Return a run's timeline entries in the order they happened."""
    rows = _across_days(
        sql,
        "run_events",
        "entries",
        "run_id = ? AND environment = ? ORDER BY id",
        (run_id, environment),
    )
    return [entry for row in rows for entry in loads(row[0])]


def message_events(sql: Sql, environment: str, message_id: str) -> list[MessageEvent]:
    """Return a message's events in the order they happened."""
    rows = _across_days(
        sql,
        "message_events",
        "id, event, data, inserted_at",
        "message_id = ? AND environment = ? ORDER BY rowid",
        (message_id, environment),
    )
    return [
        MessageEvent(
            id=ordered_ksuid(from_micros(r[3]), r[0], message_id), environment=environment,
            message_id=message_id, event=r[1], data=loads(r[2]), inserted_at=from_micros(r[3]),
        )
        for r in rows
    ]  # fmt: skip


def delivery_logs(
    sql: Sql, environment: str, message_id: str
) -> list[tuple[str, JsonObject, datetime]]:
    """Return (id, entry, instant) of each delivery attempt that left the process."""
    rows = _across_days(
        sql,
        "delivery_logs",
        "id, entry, inserted_at",
        "message_id = ? AND environment = ? ORDER BY rowid",
        (message_id, environment),
    )
    return [(r[0], loads(r[1]), from_micros(r[2])) for r in rows]


class LogVerbs(Sql):
    """Append to today's log tables."""

    def _table(self, name: str, now: datetime) -> str:
        """Return today's table, created in this transaction if it is the day's first."""
        day = now.strftime("%Y%m%d")
        table = f"{name}_{day}"
        known = self.__dict__.setdefault("_known_days", set())
        if (name, day) not in known:
            if self.row("SELECT 1 FROM log_days WHERE name = ? AND day = ?", (name, day)) is None:
                self.run(f"CREATE TABLE {table} ({_SHAPES[name]})")
                self.run(f"CREATE INDEX {table}_key ON {table} ({_INDEXED[name]})")
                self.run("INSERT INTO log_days (name, day) VALUES (?, ?)", (name, day))
                # Remembered only from the next transaction on: this one may roll back.
                return table
            known.add((name, day))
        return table

    def forget_log_days(self) -> None:
        """Forget which tables exist, since a rollback may have taken one back."""
        self.__dict__.pop("_known_days", None)

    def log_timeline(
        self, entries: Iterable[tuple[str, str, list[JsonObject]]], now: datetime
    ) -> None:
        """Append packed timeline entries: (environment, run id, entries)."""
        table = self._table("run_events", now)
        self.many(
            f"INSERT INTO {table} (environment, run_id, entries) VALUES (?,?,?)",
            [(environment, run, dumps(items)) for environment, run, items in entries if items],
        )

    def log_message_events(self, events: Iterable[MessageEvent], now: datetime) -> None:
        """Append message events; their ids are derived from their rows when read."""
        table = self._table("message_events", now)
        self.many(
            f"INSERT INTO {table} (environment, message_id, event, data, inserted_at)"
            " VALUES (?,?,?,?,?)",
            [
                (e.environment, e.message_id, e.event, dumps(e.data), to_micros(e.inserted_at))
                for e in events
            ],
        )

    def log_deliveries(
        self, entries: Iterable[tuple[str, str, str, int, JsonObject]], now: datetime
    ) -> None:
        """Append delivery-log entries: (id, environment, message id, attempt, entry)."""
        table = self._table("delivery_logs", now)
        at = to_micros(now)
        self.many(
            f"INSERT OR IGNORE INTO {table} (id, environment, message_id, attempt, entry,"
            f" inserted_at)"
            " VALUES (?,?,?,?,?,?)",
            [(i, e, m, a, dumps(entry), at) for i, e, m, a, entry in entries],
        )

    def drop_log_days(self, before: datetime) -> list[str]:
        """Drop the log tables of whole days before `before`; return their names."""
        limit = before.strftime("%Y%m%d")
        dropped: list[str] = []
        for name, day in self.rows("SELECT name, day FROM log_days WHERE day < ?", (limit,)):
            self.run(f"DROP TABLE IF EXISTS {name}_{day}")
            self.run("DELETE FROM log_days WHERE name = ? AND day = ?", (name, day))
            dropped.append(f"{name}_{day}")
        self.__dict__["_known_days"] = set()
        return dropped
