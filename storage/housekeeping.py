"""Look at the file: figures for metrics, and whether it may be opened at all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

import apsw

from storage.backup import newest_good_backup
from storage.db import MINIMUM_SQLITE, Database
from storage.errors import Corrupt, StorageError
from storage.sql import Sql, from_micros

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
        wal_bytes=wal.stat().st_size if wal.exists() else 0,
        file_bytes=path.stat().st_size,
    )


def _count(sql: Sql, query: str) -> int:
    return int(sql.value(f"SELECT count(*) FROM ({query} LIMIT {_BACKLOG_CAP})"))


def _age(since: int | None, now: datetime) -> float:
    if since is None:
        return 0.0
    return max((now - from_micros(since)).total_seconds(), 0.0)


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
        f"`tocsin restore {good} --data {path.parent} --force` puts the newest good backup back"
        if good
        else ("there is no good backup in the data folder")
    )
    raise Corrupt(f"The data file {path} is damaged ({finding}) and was left alone; {advice}.")


def _finding(path: Path) -> str | None:
    database = Database(path)
    try:
        found = database.quick_check()
        if found != "ok":
            return " ".join(found.split())  # SQLite reports in lines
        names = {row[0] for row in database.read().rows("SELECT name FROM sqlite_schema")}
        if names and "_sqlite_migrations" not in names:
            return "it belongs to another program"
        return None
    finally:
        database.close()
