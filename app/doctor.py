"""Examine a data folder: what is well, what is wrong, what to do about it."""

from __future__ import annotations

import shutil
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Final

from app.folder import DataFolder, holder_of
from app.seals import open_sealer
from app.settings import Settings
from storage.backup import list_backups, verify_backup
from storage.channels import channels_for
from storage.db import Database
from storage.environments import get_account, list_environments
from storage.errors import StorageError
from storage.housekeeping import check_file, sqlite_version
from storage.invariants import violations
from storage.migrations import pending
from storage.secrets import FILE_NAME

_LOW_DISK: Final = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at."""

    is_well: bool
    sentence: str


def examine(settings: Settings, folder: DataFolder) -> list[Finding]:
    """Look at versions, lock, disk, key, file, schema, invariants and backups."""
    folder.require()
    found = [Finding(True, f"Tocsin {version('tocsin')}, SQLite {sqlite_version()}")]
    holder = holder_of(folder)
    found.append(Finding(True, f"served by process {holder}" if holder else "not being served"))
    found += _machine(folder.path)
    found += _master_key(settings, folder)
    found += _file(settings, folder)
    found.append(_backups(folder))
    found.append(
        Finding(
            True,
            "older SQLite tools (command line shells, Litestream builds before 3.51.3) must not "
            "write or checkpoint the live file",
        )
    )
    return found


def _machine(path: Path) -> Iterator[Finding]:
    free = shutil.disk_usage(path).free
    yield Finding(free > _LOW_DISK, f"{free // 1024**2:,} MB free on the disk of {path}")


def _master_key(settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    if settings.secret:
        yield Finding(True, "the master key comes from TOCSIN_SECRET")
        return
    path = folder.path / FILE_NAME
    if not path.exists():
        yield Finding(False, f"{path} is missing: put it back, or stored secrets stay closed")
        return
    mode = stat.S_IMODE(path.stat().st_mode)
    advice = "" if mode == 0o600 else f" and not 600: run `chmod 600 {path}`"
    yield Finding(mode == 0o600, f"the master key's file mode is {mode:o}{advice}")


def _file(settings: Settings, folder: DataFolder) -> Iterator[Finding]:
    try:
        check_file(folder.database, folder.backups)
        lacking = pending(folder.database)
    except StorageError as error:
        yield Finding(False, error.message)
        return
    yield Finding(True, "the data file passes its quick check")
    if lacking:
        yield Finding(False, f"the schema lacks {', '.join(lacking)}: run `tocsin migrate`")
        return
    yield Finding(True, "the schema is this release's")
    database = Database(folder.database)
    try:
        broken = violations(database.read())
        for rule, ids in broken.items():
            yield Finding(False, f"the rule {rule} is broken, by {ids[0]} for one; report it")
        if not broken:
            yield Finding(True, "all invariants hold")
        yield _seals(settings, folder, database)
        account = get_account(database.read())
        if account is not None and account.is_sending_paused:
            command = f"tocsin restore --resume --data {folder.path}"
            yield Finding(True, f"sending is paused since a restore: `{command}` lets it go on")
    finally:
        database.close()


def _seals(settings: Settings, folder: DataFolder, database: Database) -> Finding:
    """Open every sealed channel secret once."""
    path = folder.path / FILE_NAME
    if settings.secret is None and not path.exists():
        return Finding(False, "stored secrets cannot be opened without the master key")
    try:
        sealer = open_sealer(settings)
        for environment in list_environments(database.read()):
            channels_for(database.read(), environment.key, sealer.unseal, with_archived=True)
    except StorageError as error:
        return Finding(False, error.message)
    return Finding(True, "stored secrets open with the master key")


def _backups(folder: DataFolder) -> Finding:
    known = list_backups(folder.backups)
    if not known:
        return Finding(True, "there is no backup yet: `tocsin backup` takes one")
    findings = verify_backup(known[0].path)
    if findings:
        return Finding(False, f"the newest backup {known[0].path} is damaged: {findings[0]}")
    return Finding(True, f"{len(known)} backups, the newest is sound: {known[0].path}")
