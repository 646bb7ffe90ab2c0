from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import channels, environments
from storage.calls import PendingCall, open_request, seal_request
from storage.db import Database
from storage.migrations import migrate
from storage.rotation import NEW_FILE, finish_rotation, reseal, rotate_master
from storage.secrets import FILE_NAME, SealBroken, Sealer, load_master

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    sealer = Sealer(load_master(tmp_path, None))
    with database.transaction() as tx:
        channels.put_channel(tx, id="c", key="email", type="email", now=NOW)
        channels.put_settings(
            tx, "c", "development", {"host": "h", "password": "one"}, NOW,
            secret_names={"password"}, seal=sealer.seal,
        )  # fmt: skip
        environments.put_variable(tx, "development", "token", "two", NOW, seal=sealer.seal)
    yield database
    database.close()


def secrets_of(database: Database, folder: Path) -> tuple[str, str]:
    unseal = Sealer(load_master(folder, None)).unseal
    channel = channels.channels_for(database.read(), "development", unseal)["email"]
    variables = environments.variables_for(database.read(), "development", unseal)
    return channel.settings["password"], variables["token"]


@pytest.mark.req("R-48")
def test_after_a_rotation_only_the_new_key_opens_everything(
    database: Database, tmp_path: Path
) -> None:
    old = Sealer(load_master(tmp_path, None))
    assert rotate_master(database, tmp_path) == 2
    assert secrets_of(database, tmp_path) == ("one", "two")
    with pytest.raises(SealBroken):
        channels.channels_for(database.read(), "development", old.unseal)
    assert (tmp_path / FILE_NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("is_committed", [False, True])
def test_a_rotation_cut_short_is_settled_with_the_key_that_opens(
    database: Database, tmp_path: Path, is_committed: bool
) -> None:
    fresh = "another master key of some length"
    (tmp_path / NEW_FILE).write_text(fresh + "\n")
    if is_committed:
        with database.transaction() as tx:
            reseal(tx, Sealer(load_master(tmp_path, None)), Sealer(fresh))
    finish_rotation(database, tmp_path)
    assert secrets_of(database, tmp_path) == ("one", "two")
    assert not (tmp_path / NEW_FILE).exists()


def test_a_value_that_does_not_open_stops_the_rotation(database: Database, tmp_path: Path) -> None:
    before = (tmp_path / FILE_NAME).read_text()
    with database.transaction() as tx:
        tx.run("UPDATE variables SET environment = 'production'")
    with pytest.raises(SealBroken):
        rotate_master(database, tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == before
    finish_rotation(database, tmp_path)
    assert (tmp_path / FILE_NAME).read_text() == before


@pytest.mark.req("R-48")
def test_requests_that_wait_to_be_made_open_after_a_rotation(
    database: Database, tmp_path: Path
) -> None:
    seal = Sealer(load_master(tmp_path, None)).seal
    request = seal_request({"signing_key": "k"}, "r1", seal)
    call = PendingCall("r1", "development", "fetch_1", 1, request, 15.0, 1, 0)
    with database.transaction() as tx:
        tx.insert_calls([call], NOW)
    assert rotate_master(database, tmp_path) == 3
    with database.transaction() as tx:
        (found,) = tx.claim_calls(NOW, 1, timedelta(minutes=1), 1)
    unseal = Sealer(load_master(tmp_path, None)).unseal
    assert open_request(found, unseal) == {"signing_key": "k"}
