"""Copy the data file while it is served, verify the copy, and put one back."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import apsw

from storage.db import FILE_NAME, translate
from storage.errors import Corrupt, StorageError
from storage.faults import crash_point

_NAME: Final = re.compile(r"^tocsin-(\d{8}T\d{6}Z)(?:-[a-z]+)?(?:-\d+)?\.db$")
_PAGES_PER_STEP: Final = 8192
_MIGRATIONS: Final = "_sqlite_migrations"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """One verified copy of the data file."""

    path: Path
    taken_at: datetime
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What a restore put back, and what may now happen a second time."""

    backup: Path
    replaced: Path | None
    unsent_messages: int
    unfinished_runs: int
    pending_timers: int


@contextmanager
def _opened(path: Path, flags: int) -> Iterator[apsw.Connection]:
    connection = None
    try:
        connection = apsw.Connection(str(path), flags=flags)
        yield connection
    except apsw.Error as error:
        raise translate(error) from error
    finally:
        if connection is not None:
            connection.close()


# ---------------------------------------------------------------- taking


def take_backup(source: Path, folder: Path, now: datetime, *, reason: str = "") -> Backup:
    """Copy the data file as it is at one instant, verify the copy and give it its name.

    Writers go on meanwhile. A crash leaves an unnamed part that the next
    backup removes, never a named copy that is incomplete.

    Raises:
        Corrupt: the copy did not pass; nothing was named.
    """
    folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    for leftover in folder.glob("*.part"):
        leftover.unlink()
    target = _free_name(folder, now, reason)
    part = target.with_suffix(".part")
    _copy(source, part)
    findings = verify_backup(part)
    if findings:
        part.unlink()
        raise Corrupt(f"The backup did not pass its check and was not kept: {findings[0]}.")
    part.chmod(0o600)
    _sync(part)
    crash_point("before_backup_named")
    part.replace(target)
    _sync(folder)
    return Backup(path=target, taken_at=now, size=target.stat().st_size)


def _free_name(folder: Path, now: datetime, reason: str) -> Path:
    stem = f"tocsin-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}" + (f"-{reason}" if reason else "")
    path, number = folder / f"{stem}.db", 1
    while path.exists():
        number += 1
        path = folder / f"{stem}-{number}.db"
    return path


def _copy(source: Path, target: Path) -> None:
    with (
        _opened(source, apsw.SQLITE_OPEN_READWRITE) as read,
        _opened(target, apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE) as write,
    ):
        read.execute("PRAGMA query_only = ON")
        # One snapshot for the whole copy: otherwise each foreign commit starts it anew.
        read.execute("BEGIN; SELECT 1 FROM sqlite_schema LIMIT 1")
        with write.backup("main", read, "main") as copying:
            while not copying.done:
                copying.step(_PAGES_PER_STEP)
                if copying.page_count:
                    crash_point("in_backup")
        read.execute("COMMIT")
        # A copy that is one file, whoever opens it.
        write.execute("PRAGMA journal_mode = DELETE")


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def verify_backup(path: Path) -> list[str]:
    """Return what is wrong with a copy; empty if it is sound and Tocsin's."""
    try:
        with _opened(path, apsw.SQLITE_OPEN_READONLY) as connection:
            found = [str(row[0]) for row in connection.execute("PRAGMA integrity_check(5)")]
            if found != ["ok"]:
                return found
            return [] if _is_ours(connection) else ["it is not a data file of Tocsin"]
    except StorageError as error:
        return [error.message]


def _is_ours(connection: apsw.Connection) -> bool:
    names = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema")}
    return {_MIGRATIONS, "account", "runs"} <= names


def list_backups(folder: Path) -> list[Backup]:
    """Return the named copies, newest first."""
    found = []
    for path in folder.glob("tocsin-*.db"):
        match = _NAME.match(path.name)
        if match:
            taken = datetime.strptime(match[1], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
            found.append(Backup(path=path, taken_at=taken, size=path.stat().st_size))
    return sorted(found, key=lambda backup: (backup.taken_at, backup.path.name), reverse=True)


def prune_backups(folder: Path, keep: int) -> list[Path]:
    """Delete all but the newest `keep` copies and return what was deleted."""
    surplus = [backup.path for backup in list_backups(folder)[max(keep, 1) :]]
    for path in surplus:
        path.unlink()
    return surplus


def newest_good_backup(folder: Path) -> Path | None:
    """Return the newest copy that passes its check, or None."""
    return next((b.path for b in list_backups(folder) if not verify_backup(b.path)), None)


# ------------------------------------------------------------- restoring


def restore_backup(backup: Path, folder: Path, now: datetime, *, force: bool = False) -> Restored:
    """Put a verified copy into the folder, with sending paused; the caller holds the lock.

    With `force` the data file that is there moves into `backups/`, whole.

    Raises:
        Corrupt: the copy did not pass; nothing was touched.
        StorageError: a data file is there and `force` was not given.
    """
    findings = verify_backup(backup)
    if findings:
        raise Corrupt(
            f"{backup} is damaged and was not restored. Choose another: `tocsin restore` lists "
            "the backups."
        )
    current = folder / FILE_NAME
    if current.exists() and not force:
        raise StorageError(
            f"{current} exists and would be overwritten. Add --force to move it aside first."
        )
    draft = folder / f"{FILE_NAME}.restoring"
    draft.unlink(missing_ok=True)
    shutil.copyfile(backup, draft)
    draft.chmod(0o600)
    with _opened(draft, apsw.SQLITE_OPEN_READWRITE) as connection:
        connection.execute("UPDATE account SET sending_paused = 1")
        counts = [
            int(str(connection.execute(query).fetchall()[0][0]))
            for query in (
                "SELECT count(*) FROM outbox",
                "SELECT count(*) FROM runs WHERE phase <> 'done'",
                "SELECT count(*) FROM timers",
            )
        ]
    _sync(draft)
    replaced = _move_aside(current, folder / "backups", now) if current.exists() else None
    draft.replace(current)
    _sync(folder)
    return Restored(
        backup=backup,
        replaced=replaced,
        unsent_messages=counts[0],
        unfinished_runs=counts[1],
        pending_timers=counts[2],
    )


def _move_aside(current: Path, backups: Path, now: datetime) -> Path:
    backups.mkdir(mode=0o700, exist_ok=True)
    target = backups / f"replaced-{now.astimezone(UTC):%Y%m%dT%H%M%S%fZ}.db"
    # The companions first: a data file must never meet another file's WAL.
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            current.with_name(current.name + suffix).replace(target.with_name(target.name + suffix))
    current.replace(target)
    return target
