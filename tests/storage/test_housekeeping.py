from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import apsw
import pytest

from storage import faults, housekeeping
from storage.backup import take_backup
from storage.db import Database
from storage.errors import Corrupt, StorageError
from storage.migrations import migrate, pending
from storage.sql import to_micros

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = (
    "INSERT INTO runs (id, environment, partition, trigger_id, workflow, version, collection,"
    " recipient, status, phase, state, attempt, error_count, ready_at, priority, lease_epoch,"
    " row_version, inserted_at, updated_at)"
    " VALUES (?, 'development', 0, 't', 'w', 1, '$users', 'u', ?, ?, '{}', 1, 0, ?, 5, 0, 0, 0, 0)"
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    faults.arm("")
    database.close()


def test_figures_tell_depth_and_age(database: Database) -> None:
    with database.transaction() as tx:
        tx.run(RUN, ("r1", "queued", "ready", to_micros(NOW - timedelta(seconds=30))))
        tx.run(RUN, ("r2", "queued", "ready", to_micros(NOW - timedelta(seconds=10))))
        tx.run("INSERT INTO outbox VALUES ('m','e','c',1,?,?,0,NULL)", (to_micros(NOW), 0))
    found = housekeeping.figures(database.read(), database.path, NOW + timedelta(seconds=5))
    assert found.runs_by_phase == {"ready": 2, "leased": 0}
    assert (found.oldest_ready_seconds, found.oldest_outbox_seconds) == (35.0, 5.0)
    assert (found.outbox, found.timers, found.triggers_pending) == (1, 0, 0)
    assert found.wal_bytes > 0


@pytest.mark.req("R-21")
@pytest.mark.parametrize("damage", ["flipped", "empty", "text", "foreign"])
def test_a_damaged_file_is_left_alone_and_the_newest_good_backup_named(
    database: Database, tmp_path: Path, damage: str
) -> None:
    path, backups = database.path, tmp_path / "backups"
    good = take_backup(path, backups, NOW).path
    database.close()
    content = bytearray(path.read_bytes())
    path.with_name(path.name + "-wal").unlink(missing_ok=True)
    if damage == "flipped":
        content[4096 * 2 : 4096 * 9] = b"\xa5" * 4096 * 7
    path.write_bytes({"empty": b"", "text": b"no database " * 500}.get(damage, bytes(content)))
    if damage == "foreign":
        path.unlink()
        other = apsw.Connection(str(path))
        other.execute("CREATE TABLE notes (x)")
        other.close()
    before = path.read_bytes()
    with pytest.raises(Corrupt, match="restore") as caught:
        housekeeping.check_file(path, backups)
    assert str(good) in caught.value.message
    assert path.read_bytes() == before


def test_a_sound_file_and_a_missing_one_pass(database: Database, tmp_path: Path) -> None:
    housekeeping.check_file(database.path, tmp_path / "backups")
    housekeeping.check_file(tmp_path / "none.db", tmp_path / "backups")
    (tmp_path / "fresh.db").touch()
    housekeeping.check_file(tmp_path / "fresh.db", tmp_path / "backups")


@pytest.mark.req("R-18")
def test_an_sqlite_with_the_wal_reset_bug_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(apsw, "SQLITE_VERSION_NUMBER", 3_051_002)
    with pytest.raises(StorageError, match=r"3\.51\.3 or newer"):
        housekeeping.check_file(tmp_path / "none.db", tmp_path)


@pytest.mark.req("R-19")
def test_a_crash_in_a_migration_leaves_the_old_schema(tmp_path: Path) -> None:
    path = tmp_path / "fresh.db"
    faults.arm("in_migration:1:raise")
    with pytest.raises(faults.InjectedFault):
        migrate(path)
    faults.arm("")
    names = pending(path)
    left = apsw.Connection(str(path)).execute("SELECT name FROM sqlite_schema").fetchall()
    assert names == ["m0001_foundation"]
    assert not {"account", "runs"} & {row[0] for row in left}
    assert migrate(path) == names
