from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import faults
from storage.backup import (
    list_backups,
    newest_good_backup,
    prune_backups,
    restore_backup,
    take_backup,
    verify_backup,
)
from storage.db import Database
from storage.environments import get_account, put_account, put_environment
from storage.errors import Corrupt, StorageError
from storage.migrations import migrate

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    migrate(tmp_path / "tocsin.db")
    return tmp_path


@pytest.fixture
def database(folder: Path) -> Iterator[Database]:
    database = Database(folder / "tocsin.db")
    with database.transaction() as tx:
        put_account(tx, name="Acme", timezone=None, now=NOW)
    yield database
    faults.arm("")
    database.close()


def test_a_backup_holds_what_is_only_in_the_wal_and_opens_by_itself(
    folder: Path, database: Database
) -> None:
    made = take_backup(database.path, folder / "backups", NOW)
    assert made.path.name == "tocsin-20260601T120000Z.db"
    assert made.path.stat().st_mode & 0o777 == 0o600
    copy = Database(made.path)
    account = get_account(copy.read())
    copy.close()
    assert account is not None
    assert account.name == "Acme"
    assert [p.name for p in made.path.parent.iterdir() if p.suffix == ".part"] == []


@pytest.mark.req("R-22")
def test_a_backup_succeeds_while_another_connection_writes(
    folder: Path, database: Database
) -> None:
    stop, written = threading.Event(), []

    def write() -> None:
        other = Database(database.path)
        while not stop.is_set():
            with other.transaction() as tx:
                put_environment(tx, f"e{len(written)}", NOW)
            written.append(1)
        other.close()

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            made = take_backup(database.path, folder / "backups", NOW + timedelta(days=number))
            assert verify_backup(made.path) == []
    finally:
        stop.set()
        thread.join()
    assert written


def test_two_backups_of_one_second_do_not_meet(folder: Path, database: Database) -> None:
    names = {take_backup(database.path, folder / "backups", NOW).path.name for _ in range(3)}
    assert len(names) == 3
    assert len(list_backups(folder / "backups")) == 3


@pytest.mark.req("R-5")
@pytest.mark.parametrize("point", ["in_backup", "before_backup_named"])
def test_a_crash_in_a_backup_leaves_no_named_copy(
    folder: Path, database: Database, point: str
) -> None:
    faults.arm(f"{point}:1:raise")
    with pytest.raises(faults.InjectedFault):
        take_backup(database.path, folder / "backups", NOW)
    assert list_backups(folder / "backups") == []
    take_backup(database.path, folder / "backups", NOW)
    assert [p.suffix for p in (folder / "backups").iterdir()] == [".db"]


def test_only_the_newest_copies_are_kept_and_foreign_files_are_left(
    folder: Path, database: Database
) -> None:
    backups = folder / "backups"
    for day in range(4):
        take_backup(database.path, backups, NOW + timedelta(days=day))
    (backups / "mine.db").write_text("x")
    deleted = prune_backups(backups, 2)
    assert [b.taken_at.day for b in list_backups(backups)] == [4, 3]
    assert len(deleted) == 2
    assert (backups / "mine.db").exists()


@pytest.mark.req("R-22")
def test_a_restore_brings_back_the_state_paused_and_says_what_may_repeat(
    folder: Path, database: Database
) -> None:
    with database.transaction() as tx:
        tx.run("INSERT INTO outbox VALUES ('m', 'development', 'c', 1, ?, ?, 0, NULL)", (0, 0))
    made = take_backup(database.path, folder / "backups", NOW)
    with database.transaction() as tx:
        put_account(tx, name="Changed", timezone=None, now=NOW)
    database.close()
    done = restore_backup(made.path, folder, NOW, force=True)
    again = Database(folder / "tocsin.db")
    account = get_account(again.read())
    again.close()
    assert account is not None
    assert (account.name, account.is_sending_paused) == ("Acme", True)
    assert (done.unsent_messages, done.unfinished_runs, done.pending_timers) == (1, 0, 0)
    assert done.replaced is not None
    replaced = Database(done.replaced)
    kept = get_account(replaced.read())
    replaced.close()
    assert kept is not None
    assert kept.name == "Changed"


def test_a_restore_overwrites_nothing_unasked(folder: Path, database: Database) -> None:
    made = take_backup(database.path, folder / "backups", NOW)
    with pytest.raises(StorageError, match="--force"):
        restore_backup(made.path, folder, NOW)


@pytest.mark.req("R-21")
@pytest.mark.parametrize("damage", ["flipped", "truncated", "empty", "foreign"])
def test_a_damaged_copy_is_refused_and_nothing_is_touched(
    folder: Path, database: Database, damage: str
) -> None:
    good = take_backup(database.path, folder / "backups", NOW)
    bad = take_backup(database.path, folder / "backups", NOW + timedelta(days=1)).path
    content = bytearray(bad.read_bytes())
    if damage == "flipped":
        for offset in range(4096 * 3, len(content), 4096):
            content[offset : offset + 64] = b"\xff" * 64
    bad.write_bytes(
        {
            "truncated": bytes(content[: len(content) // 2]),
            "empty": b"",
            "foreign": b"hello" * 99,
        }.get(damage, bytes(content))
    )
    before = (folder / "tocsin.db").read_bytes()
    with pytest.raises(Corrupt, match="not restored"):
        restore_backup(bad, folder, NOW, force=True)
    assert (folder / "tocsin.db").read_bytes() == before
    assert newest_good_backup(folder / "backups") == good.path
