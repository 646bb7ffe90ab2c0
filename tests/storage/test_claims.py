"""Ready runs are claimed urgent first, in turns, and no more than memory holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import claims
from storage.db import Database
from storage.migrations import migrate
from storage.records import Run
from storage.sql import dumps, to_micros

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)
RUN = (
    "INSERT INTO runs (id, environment, partition, trigger_id, workflow, version, collection,"
    " recipient, status, phase, state, attempt, error_count, ready_at, priority, lease_epoch,"
    " row_version, inserted_at, updated_at) VALUES"
    " (?, 'development', 0, ?, ?, 1, '$users', 'u', 'queued', 'ready', ?, 0, 0, ?, ?, 0, 0, 0, 0)"
)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    database.close()


def add(
    database: Database, workflow: str, number: int, *, priority: int = 5, state: str = "{}",
    trigger: str = "t",
) -> None:  # fmt: skip
    with database.transaction() as tx:
        start = int(tx.value("SELECT count(*) FROM runs"))
        tx.many(
            RUN,
            [
                (f"r{start + n:06}", trigger, workflow, state, to_micros(NOW) + n, priority)
                for n in range(number)
            ],
        )


def claim(database: Database, limit: int = 128) -> list[Run]:
    with database.transaction() as tx:
        return tx.claim_runs(NOW, limit, timedelta(seconds=30), 1)


@pytest.mark.req("R-29")
def test_none_of_two_hundred_busy_workflows_starves(database: Database) -> None:
    names = [f"w{n:03}" for n in range(200)]
    for name in names:
        add(database, name, 20)
    served: Counter[str] = Counter()
    for _ in range(8):
        served.update(run.workflow for run in claim(database))
    assert set(served) == set(names)
    assert max(served.values()) - min(served.values()) <= 4


@pytest.mark.req("R-29")
def test_workflows_that_get_new_runs_at_once_do_not_starve_those_behind_them(
    database: Database,
) -> None:
    names = [f"w{n:03}" for n in range(100)]
    for name in names:
        add(database, name, 1)
    served: set[str] = set()
    for _ in range(3):
        runs = claim(database)
        served.update(run.workflow for run in runs)
        for run in runs:
            add(database, run.workflow, 1)
    assert served == set(names)


@pytest.mark.req("R-29")
def test_equal_shares_go_round_when_they_do_not_fit(database: Database) -> None:
    for n in range(50):
        add(database, f"w{n:03}", 100)
    served = Counter(run.workflow for _ in range(3) for run in claim(database))
    assert len(served) == 50
    assert max(served.values()) - min(served.values()) <= 4


def test_the_urgent_come_first_and_alone_fill_a_batch(database: Database) -> None:
    add(database, "slow", 10, priority=9)
    add(database, "urgent", 10, priority=1)
    assert {run.workflow for run in claim(database, 8)} == {"urgent"}
    assert Counter(run.workflow for run in claim(database, 8)) == {"urgent": 2, "slow": 6}


def test_what_one_workflow_does_not_need_the_others_get(database: Database) -> None:
    add(database, "few", 2)
    add(database, "many", 50)
    assert Counter(run.workflow for run in claim(database, 20)) == {"few": 2, "many": 18}
    assert len({run.id for run in claim(database, 20)}) == 20


@pytest.mark.req("R-30")
def test_a_batch_is_bounded_by_the_data_of_its_runs(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BATCH_BYTES", 10_000)
    add(database, "large", 10, state=dumps({"x": "x" * 3000}))
    assert [len(claim(database)) for _ in range(5)] == [3, 3, 3, 1, 0]


@pytest.mark.req("R-30")
def test_the_data_of_a_trigger_counts_once_and_the_first_run_always_fits(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BATCH_BYTES", 10_000)
    with database.transaction() as tx:
        for id_ in ("t1", "t2"):
            tx.run(
                "INSERT INTO triggers (id, environment, workflow, version, version_id, source_type,"
                " data, settings, priority, inserted_at)"
                " VALUES (?, 'development', 'w', 1, 'v', 'api', ?, '{}', 5, 0)",
                (id_, dumps({"x": "x" * 12_000})),
            )
    add(database, "w", 1, trigger="t1")
    add(database, "w", 1, trigger="t2")
    assert [len(claim(database)) for _ in range(3)] == [1, 1, 0]
    add(database, "w", 4, trigger="t2")
    monkeypatch.setattr(claims, "BATCH_BYTES", 20_000)
    assert len(claim(database)) == 4


@pytest.mark.req("R-29")
def test_a_large_run_that_found_no_room_comes_first_in_the_next_batch(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "BATCH_BYTES", 10_000)
    add(database, "busy", 50, state=dumps({"x": "x" * 500}))
    add(database, "heavy", 1, state=dumps({"x": "x" * 9_900}))
    batches = [[run.workflow for run in claim(database, 20)] for _ in range(2)]
    assert "heavy" not in batches[0]
    assert batches[1][0] == "heavy"
