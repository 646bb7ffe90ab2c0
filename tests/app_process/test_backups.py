from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest

from app.backups import back_up_regularly
from app.folder import DataFolder
from app.settings import load_settings
from storage.backup import list_backups
from storage.migrations import migrate


async def run_until(folder: DataFolder, hours: float, count: int, seconds: float) -> int:
    """Let backups be taken until there are `count`, or the time is over; tell how many."""
    settings = load_settings(backup_every_hours=hours, backup_keep=2)
    task = asyncio.create_task(back_up_regularly(settings, folder))
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            while len(list_backups(folder.backups)) < count:  # noqa: ASYNC110 - a file is waited for
                await asyncio.sleep(0.02)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    return len(list_backups(folder.backups))


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    folder = DataFolder(tmp_path)
    folder.create()
    migrate(folder.database)
    return folder


@pytest.mark.req("R-22")
async def test_backups_are_taken_at_their_pace_and_old_ones_go(folder: DataFolder) -> None:
    assert await run_until(folder, 1e-6, 2, 20) == 2
    await run_until(folder, 1e-6, 3, 0.5)
    assert len(list_backups(folder.backups)) <= 3


async def test_no_pace_means_no_backups_and_a_fresh_folder_waits_its_time(
    folder: DataFolder,
) -> None:
    assert await run_until(folder, 0, 1, 0.2) == 0
    assert await run_until(folder, 24, 1, 0.2) == 0


async def test_a_backup_that_fails_does_not_end_the_server(
    folder: DataFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    folder.database.write_bytes(b"broken" * 1000)
    assert await run_until(folder, 1e-6, 1, 0.5) == 0
    assert "backup.failed" in capsys.readouterr().out
