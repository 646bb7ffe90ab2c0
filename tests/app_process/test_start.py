from __future__ import annotations

import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest
from served import tocsin

from app.settings import Settings, load_settings
from app.start import bring_up_to_date, data_folder, make_ready
from storage.api_keys import lookup
from storage.backup import list_backups
from storage.channels import put_settings
from storage.db import Database
from storage.environments import set_sending_paused
from storage.errors import StorageError
from storage.migrations import pending
from storage.secrets import Sealer, load_master

KEY = "a master key of some length"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings(data=tmp_path / "data")
    data_folder(settings).create()
    return settings


def forget_migration(path: Path) -> None:
    """Make the file look as if its newest migration were still to come."""
    database = Database(path)
    with database.transaction() as tx:
        tx.run("DELETE FROM _sqlite_migrations")
    database.close()


def test_a_fresh_folder_gets_a_closed_file_and_keys_for_the_command_line(
    settings: Settings,
) -> None:
    from app.local_keys import read_local_keys

    prepared = make_ready(settings)
    folder = data_folder(settings)
    assert prepared.setup_token
    assert folder.database.stat().st_mode & 0o777 == 0o600
    assert folder.local_keys.stat().st_mode & 0o777 == 0o600
    keys = read_local_keys(folder)
    assert set(keys) == {"development", "production"}
    database = Database(folder.database)
    owner = lookup(database.read(), keys["production"].encode())
    database.close()
    assert owner is not None
    assert owner.environment == "production"
    make_ready(settings)
    assert read_local_keys(folder) == keys


def test_a_backup_is_taken_before_a_migration_and_none_without_one(settings: Settings) -> None:
    folder = data_folder(settings)
    make_ready(settings)
    assert list_backups(folder.backups) == []
    forget_migration(folder.database)
    assert pending(folder.database) == ["m0001_foundation"]
    # The tables are there already, so the migration itself fails: the copy must exist by then.
    with pytest.raises(Exception, match="already exists"):
        bring_up_to_date(folder)
    assert len(list_backups(folder.backups)) == 1
    assert list_backups(folder.backups)[0].path.name.endswith("-migration.db")


def test_no_migrate_refuses_an_older_schema_and_touches_nothing(settings: Settings) -> None:
    folder = data_folder(settings)
    make_ready(settings)
    forget_migration(folder.database)
    with pytest.raises(StorageError, match="--no-migrate"):
        make_ready(settings, may_migrate=False)
    assert list_backups(folder.backups) == []


def test_a_lost_master_key_is_not_silently_replaced(settings: Settings) -> None:
    make_ready(settings)
    folder = data_folder(settings)
    database = Database(folder.database)
    sealer = Sealer(load_master(folder.path, None))
    with database.transaction() as tx:
        now = datetime(2026, 6, 1, tzinfo=UTC)
        put_settings(
            tx, "c", "development", {"password": "x"}, now, secret_names={"password"},
            seal=sealer.seal,
        )  # fmt: skip
    database.close()
    (folder.path / "master.key").unlink()
    with pytest.raises(StorageError, match=r"master\.key is missing: put it back"):
        make_ready(settings)
    assert not (folder.path / "master.key").exists()
    make_ready(settings.model_copy(update={"secret": load_settings(secret=KEY).secret}))


def test_an_accelerated_clock_is_said_loudly(settings: Settings) -> None:
    prepared = make_ready(settings.model_copy(update={"clock_rate": 600.0}))
    assert "600 TIMES AS FAST" in prepared.notes[0]


@pytest.mark.crash
@pytest.mark.req("R-19")
def test_a_first_start_that_was_killed_in_its_migration_is_repeated_by_the_next(
    tmp_path: Path, child_environ: dict[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (data / "tocsin.db").touch()
    fault = {"TOCSIN_FAULT": "in_migration:1"}
    killed = tocsin("migrate", environ=child_environ | fault, data=data)
    assert killed.returncode == -signal.SIGKILL
    assert (data / "tocsin.db-wal").exists()
    again = tocsin("migrate", environ=child_environ, data=data)
    assert (again.returncode, again.stderr) == (0, "")


def test_a_start_says_that_sending_is_paused_and_how_it_goes_on(settings: Settings) -> None:
    assert not any("PAUSED" in note for note in make_ready(settings).notes)
    database = Database(data_folder(settings).database)
    database.write(lambda tx: set_sending_paused(tx, True))
    database.close()
    notes = make_ready(settings).notes
    assert any("SENDING IS PAUSED" in note and "restore --resume" in note for note in notes)
