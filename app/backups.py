"""Back the data file up at a steady pace while it is served."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from app.folder import DataFolder
from app.settings import Settings
from engine.timing.clock import SystemClock
from storage.backup import list_backups, prune_backups, take_backup
from storage.errors import StorageError

_log = structlog.get_logger("app.backups")
_RETRY_SECONDS = 600.0


async def back_up_regularly(settings: Settings, folder: DataFolder) -> None:
    """Take a backup whenever the newest is too old; a failed one is tried again. Never ends."""
    clock = SystemClock()
    pace = timedelta(hours=settings.backup_every_hours)
    started = clock.now()
    while True:
        if not pace:
            await asyncio.Event().wait()
        # A fresh folder has nothing worth keeping yet: its first pause begins at the start.
        newest = max((b.taken_at for b in list_backups(folder.backups)), default=started)
        wait = (newest + pace - clock.now()).total_seconds()
        if wait > 0:
            await asyncio.sleep(min(wait, 3600.0))
            continue
        if not await asyncio.to_thread(_back_up, settings, folder):
            await asyncio.sleep(_RETRY_SECONDS)


def _back_up(settings: Settings, folder: DataFolder) -> bool:
    try:
        backup = take_backup(folder.database, folder.backups, SystemClock().now())
        pruned = prune_backups(folder.backups, settings.backup_keep)
    except (StorageError, OSError) as error:
        _log.error("backup.failed", error=str(error))
        return False
    _log.info("backup.taken", path=str(backup.path), size=backup.size, pruned=len(pruned))
    return True
