"""Look after the file: figures for metrics, invariants, and what has run out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import apsw

from storage.backup import newest_good_backup
from storage.db import MINIMUM_SQLITE, Database
from storage.errors import Corrupt, StorageError
from storage.sql import Sql, from_micros, to_micros
from storage.tx import Tx

_SLICE: Final = 500
_BACKLOG_CAP: Final = 100_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """How much waits, and since when; cheap enough to read at every scrape."""

    runs_by_phase: dict[str, int]
    triggers_pending: int
    outbox: int
    timers: int
    oldest_ready_seconds: float
    oldest_outbox_seconds: float
    counters: dict[str, int]
    wal_bytes: int
    file_bytes: int


def figures(sql: Sql, path: Path, now: datetime) -> Figures:
    """Read the figures; counts above 100,000 are given as 100,000.

    Only partial indexes are counted, never a whole table.
    """
    phases = {
        "ready": _count(sql, "SELECT 1 FROM runs WHERE phase = 'ready'"),
        "leased": _count(sql, "SELECT 1 FROM runs WHERE phase = 'leased'"),
    }
    oldest_trigger = sql.value("SELECT min(inserted_at) FROM triggers WHERE pending IS NOT NULL")
    oldest = [
        value
        for value in (
            sql.value("SELECT min(ready_at) FROM runs WHERE phase = 'ready'"),
            oldest_trigger,
        )
        if value is not None
    ]
    wal = path.with_name(path.name + "-wal")
    return Figures(
        runs_by_phase=phases,
        triggers_pending=_count(sql, "SELECT 1 FROM triggers WHERE pending IS NOT NULL"),
        outbox=_count(sql, "SELECT 1 FROM outbox"),
        timers=_count(sql, "SELECT 1 FROM timers"),
        oldest_ready_seconds=_age(min(oldest, default=None), now),
        oldest_outbox_seconds=_age(
            sql.value("SELECT min(due_at) FROM outbox WHERE lease_until IS NULL"), now
        ),
        counters={str(name): int(value) for name, value in sql.rows("SELECT * FROM counters")},
        wal_bytes=wal.stat().st_size if wal.exists() else 0,
        file_bytes=path.stat().st_size,
    )


def _count(sql: Sql, query: str) -> int:
    return int(sql.value(f"SELECT count(*) FROM ({query} LIMIT {_BACKLOG_CAP})"))


def _age(since: int | None, now: datetime) -> float:
    if since is None:
        return 0.0
    return max((now - from_micros(since)).total_seconds(), 0.0)


# ------------------------------------------------------------- invariants

_INVARIANTS: Final = {
    "a run waits on a timer that does not exist": (
        "SELECT r.id FROM runs r WHERE r.phase = 'timer'"
        " AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.subject = r.id)"
    ),
    "a run waits on a batch that is not open": (
        "SELECT r.id FROM runs r WHERE r.phase = 'window'"
        " AND NOT EXISTS (SELECT 1 FROM windows w WHERE w.holder_run_id = r.id"
        " AND w.closed_at IS NULL)"
    ),
    "a run waits on a call that does not exist": (
        "SELECT r.id FROM runs r WHERE r.phase = 'call'"
        " AND NOT EXISTS (SELECT 1 FROM calls c WHERE c.run_id = r.id)"
    ),
    "an open batch has no timer": (
        "SELECT w.id FROM windows w WHERE w.closed_at IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM timers t WHERE t.subject = w.id)"
    ),
    "a run has no trigger": (
        "SELECT r.id FROM runs r WHERE NOT EXISTS (SELECT 1 FROM triggers t"
        " WHERE t.id = r.trigger_id)"
    ),
    "a message has no run": (
        "SELECT m.id FROM messages m WHERE NOT EXISTS (SELECT 1 FROM runs r WHERE r.id = m.run_id)"
    ),
    "a message is to be sent but does not exist": (
        "SELECT o.message_id FROM outbox o WHERE NOT EXISTS"
        " (SELECT 1 FROM messages m WHERE m.id = o.message_id)"
    ),
    "a queued message is not on its way out": (
        "SELECT m.id FROM messages m WHERE m.status = 'queued' AND NOT EXISTS"
        " (SELECT 1 FROM outbox o WHERE o.message_id = m.id)"
    ),
    "an ended run still counts as processing": (
        "SELECT id FROM runs WHERE (phase = 'done') <> (status IN ('completed', 'cancelled'))"
    ),
}


def broken_invariants(sql: Sql) -> list[str]:
    """Name what should be impossible in this file, each with one example; reads all rows."""
    findings = []
    for sentence, query in _INVARIANTS.items():
        example = sql.value(f"{query} LIMIT 1")
        if example is not None:
            findings.append(f"{sentence} (for example {example})")
    return findings


# -------------------------------------------------------------- upkeep


def purge_expired(tx: Tx, now: datetime, *, log_days: int) -> int:
    """Drop old log days and one slice of expired rows; returns how many rows went.

    Small slices, so that writers are never kept waiting: call it again while
    it returns a full slice.
    """
    tx.drop_log_days(now - timedelta(days=log_days))
    at = to_micros(now)
    gone = tx.run(
        "DELETE FROM idempotency_keys WHERE (environment, endpoint, key) IN"
        " (SELECT environment, endpoint, key FROM idempotency_keys WHERE expires_at <= ? LIMIT ?)",
        (at, _SLICE),
    )
    gone += tx.run("DELETE FROM sessions WHERE expires_at <= ?", (at,))
    return gone + tx.run("DELETE FROM throttles WHERE ends_at <= ?", (at,))


# ------------------------------------------------------------ opening a file


def sqlite_version() -> str:
    """Name the SQLite that serves the file."""
    return apsw.sqlite_lib_version()


def check_file(path: Path, backups: Path) -> None:
    """Refuse a file that is damaged or not Tocsin's, before anything is written to it.

    Raises:
        Corrupt: names the newest good backup, if there is one.
        StorageError: the SQLite is too old, or the file belongs to something else.
    """
    if apsw.SQLITE_VERSION_NUMBER < MINIMUM_SQLITE:
        raise StorageError(
            f"SQLite {sqlite_version()} can damage a data file that two processes write; "
            "install apsw 3.51.3 or newer."
        )
    if not path.exists():
        return
    size = path.stat().st_size
    if size == 0 and not newest_good_backup(backups):
        return  # A first start was killed before its first page.
    finding = "it is empty" if size == 0 else _finding(path)
    if finding is None:
        return
    good = newest_good_backup(backups)
    advice = (
        f"`tocsin restore {good} --force` puts the newest good backup back"
        if good
        else ("there is no good backup in the data folder")
    )
    raise Corrupt(f"The data file {path} is damaged ({finding}) and was left alone; {advice}.")


def _finding(path: Path) -> str | None:
    database = Database(path)
    try:
        found = database.quick_check()
        if found != "ok":
            return found
        names = {row[0] for row in database.read().rows("SELECT name FROM sqlite_schema")}
        if names and "_sqlite_migrations" not in names:
            return "it belongs to another program"
        return None
    finally:
        database.close()
