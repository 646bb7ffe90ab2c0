"""Store due times: rows in an indexed table, so that a restart loses nothing (R-12)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from storage.sql import Sql, from_micros, marks, to_micros


class Timer(NamedTuple):
    """Something due: a sleeping run (`run`) or an open window (`window`)."""

    due_at: datetime
    kind: str
    subject: str
    generation: int
    environment: str


class TimerVerbs(Sql):
    """Set, take and drop timers."""

    def set_timers(self, timers: Sequence[Timer]) -> None:
        """Store new timers."""
        self.many(
            "INSERT INTO timers (due_at, kind, subject, generation, environment) VALUES"
            " (?,?,?,?,?)",
            [(to_micros(t.due_at), t.kind, t.subject, t.generation, t.environment) for t in timers],
        )

    def take_due(self, now: datetime, limit: int) -> list[Timer]:
        """Remove and return what is due, oldest first."""
        rows = self.rows(
            "SELECT id, due_at, kind, subject, generation, environment FROM timers"
            " WHERE due_at <= ? ORDER BY due_at, id LIMIT ?",
            (to_micros(now), limit),
        )
        for start in range(0, len(rows), 500):
            part = [row[0] for row in rows[start : start + 500]]
            self.run(f"DELETE FROM timers WHERE id IN ({marks(len(part))})", part)
        return [Timer(from_micros(r[1]), r[2], r[3], r[4], r[5]) for r in rows]

    def drop_timers(self, subjects: Sequence[str]) -> None:
        """Delete the timers of these runs or windows."""
        self.many("DELETE FROM timers WHERE subject = ?", [(s,) for s in subjects])

    def move_timer(self, subject: str, due_at: datetime, generation: int) -> None:
        """Move a window's timer in place."""
        self.run(
            "UPDATE timers SET due_at = ?, generation = ? WHERE subject = ?",
            (to_micros(due_at), generation, subject),
        )


def next_due(sql: Sql) -> datetime | None:
    """Return the earliest due instant, or None when nothing waits."""
    value = sql.value("SELECT min(due_at) FROM timers")
    return None if value is None else from_micros(value)
