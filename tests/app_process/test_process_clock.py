from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.clock import open_clock, settle_clock
from engine.timing.clock import SystemClock
from storage.db import Database
from storage.errors import StorageError
from storage.migrations import migrate
from storage.sql import to_micros


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    database.close()


def store_instant(database: Database, instant: datetime) -> None:
    with database.transaction() as tx:
        tx.run("INSERT INTO epochs (started_at, pid) VALUES (?, 1)", (to_micros(instant),))


def test_the_plain_clock_is_the_machines(database: Database) -> None:
    settle_clock(database, 1.0)
    difference = abs(open_clock(database, 1.0).now() - datetime.now(UTC))
    assert difference < timedelta(seconds=1)


def test_two_processes_agree_on_an_accelerated_clock(database: Database) -> None:
    first = settle_clock(database, 600.0)
    second = open_clock(database, 600.0)
    assert abs(second.now() - first.now()) < timedelta(seconds=60)


@pytest.mark.parametrize("rate", [600.0, 60.0, 6000.0, 0.5])
def test_time_never_runs_backwards_over_a_restart_with_another_rate(
    database: Database, rate: float
) -> None:
    settle_clock(database, 600.0)
    ahead = SystemClock().now() + timedelta(days=3)
    store_instant(database, ahead)
    clock = settle_clock(database, rate)
    assert ahead <= clock.now() < ahead + timedelta(hours=12)
    assert settle_clock(database, rate).now() >= ahead


def test_the_plain_clock_is_refused_while_it_is_behind(database: Database) -> None:
    settle_clock(database, 600.0)
    store_instant(database, SystemClock().now() + timedelta(days=3))
    with pytest.raises(StorageError, match="TOCSIN_CLOCK_RATE"):
        settle_clock(database, 1.0)


def test_the_plain_clock_comes_back_once_it_is_not_behind(database: Database) -> None:
    settle_clock(database, 600.0)
    settle_clock(database, 1.0)
    assert database.read().value("SELECT clock_anchor FROM account") is None


def test_a_wall_clock_that_was_set_back_does_not_stop_a_plain_start(database: Database) -> None:
    store_instant(database, SystemClock().now() + timedelta(hours=1))
    assert settle_clock(database, 1.0).rate == 1.0
