"""What writes and reads in turns does it on one connection: no commit empties its pages."""

from __future__ import annotations

import threading

import apsw
import pytest

from storage.db import Database
from storage.migrations import migrate


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    yield database
    database.close()


def note(database: Database, value: int) -> None:
    database.write(lambda tx: tx.run("INSERT INTO counters VALUES ('n', ?)", (value,)))


def test_the_writers_thread_reads_on_the_writers_connection(database):
    note(database, 7)
    with database.transaction() as tx:
        assert database.read().connection is tx.connection
    assert database.read().value("SELECT value FROM counters WHERE name = 'n'") == 7


def test_every_other_thread_reads_on_a_connection_that_cannot_write(database):
    note(database, 7)
    found: list[object] = []

    def elsewhere() -> None:
        found.append(database.read().value("SELECT value FROM counters WHERE name = 'n'"))
        with pytest.raises(apsw.ReadOnlyError):
            database.read().run("DELETE FROM counters")
        found.append("refused")

    thread = threading.Thread(target=elsewhere)
    thread.start()
    thread.join()
    assert found == [7, "refused"]


def test_a_thread_that_has_written_nothing_reads_read_only(database):
    with pytest.raises(apsw.ReadOnlyError):
        database.read().run("DELETE FROM counters")
