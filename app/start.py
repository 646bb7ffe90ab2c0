"""Make a data folder ready to be served: check, back up, migrate, declare."""

from __future__ import annotations

from dataclasses import dataclass

import structlog

from app.bootstrap import prepare
from app.clock import settle_clock
from app.folder import DataFolder
from app.local_keys import ensure_local_keys
from app.prepared import Prepared
from app.seals import open_sealer
from app.settings import Settings
from engine.timing.clock import SystemClock
from storage.backup import take_backup
from storage.db import Database
from storage.environments import get_account
from storage.errors import StorageError
from storage.housekeeping import check_file
from storage.ids import RandomIds
from storage.migrations import is_blank, migrate, pending
from storage.rotation import finish_rotation, has_sealed
from storage.secrets import FILE_NAME

_log = structlog.get_logger("app.start")


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrated:
    """What bringing the schema up to date did."""

    applied: list[str]
    backup: str | None


def data_folder(settings: Settings) -> DataFolder:
    """Give the data folder that the settings name."""
    return DataFolder(settings.data)


def bring_up_to_date(folder: DataFolder, *, may_migrate: bool = True) -> Migrated:
    """Check the data file and apply what migrations it lacks, after a backup.

    Raises:
        StorageError: it is damaged, newer than this release, or may not be migrated.
    """
    check_file(folder.database, folder.backups)
    names = pending(folder.database)
    if not names:
        return Migrated(applied=[], backup=None)
    is_new = is_blank(folder.database)
    if not may_migrate and not is_new:
        raise StorageError(
            f"The data folder lacks {len(names)} migrations ({', '.join(names)}) and --no-migrate "
            "was given. Run `tocsin migrate`, or start without that option."
        )
    backup = None
    if not is_new:
        now = SystemClock().now()
        backup = str(take_backup(folder.database, folder.backups, now, reason="migration").path)
    applied = migrate(folder.database)
    folder.database.chmod(0o600)
    return Migrated(applied=applied, backup=backup)


def _require_master_key(settings: Settings, database: Database) -> None:
    """Refuse to make a fresh key where stored secrets wait for the lost one."""
    path = settings.data / FILE_NAME
    if settings.secret is None and not path.exists() and has_sealed(database.read()):
        raise StorageError(
            f"The data file holds sealed secrets and {path} is missing: put it back. If it is "
            "lost, set TOCSIN_SECRET to a new key and enter the secrets again."
        )


def make_ready(settings: Settings, *, may_migrate: bool = True) -> Prepared:
    """Bring the folder to where it can be served; the caller holds its lock."""
    folder = data_folder(settings)
    migrated = bring_up_to_date(folder, may_migrate=may_migrate)
    if migrated.backup:
        _log.info("schema.migrated", applied=migrated.applied, backup=migrated.backup)
    database = Database(folder.database)
    try:
        finish_rotation(database, folder.path)
        _require_master_key(settings, database)
        sealer = open_sealer(settings)
        clock = settle_clock(database, settings.clock_rate)
        prepared = prepare(database, sealer, clock.now(), RandomIds(), settings.bootstrap)
        ensure_local_keys(database, folder, clock.now())
        account = get_account(database.read())
    finally:
        database.close()
    if account is not None and account.is_sending_paused:
        prepared.notes.append(
            "SENDING IS PAUSED since a restore. To let it go on: "
            f"tocsin restore --resume --data {folder.path}"
        )
    if settings.clock_rate != 1.0:
        _log.warning("clock.accelerated", rate=settings.clock_rate, now=clock.now().isoformat())
        prepared.notes.insert(
            0,
            f"THE CLOCK RUNS {settings.clock_rate:g} TIMES AS FAST: for tests and demonstrations.",
        )
    return prepared


def make_ready_and_seed(settings: Settings, *, may_migrate: bool, is_demo: bool) -> Prepared:
    """Bring the folder to where it can be served, for a demonstration with the samples in it."""
    prepared = make_ready(settings, may_migrate=may_migrate)
    if is_demo:
        from app.demo import seed

        prepared.sample = seed(settings)
    return prepared
