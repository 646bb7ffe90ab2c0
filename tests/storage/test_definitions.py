from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from storage import definitions
from storage.db import Database
from storage.migrations import migrate
from storage.records import WorkflowStatus, WorkflowVersion
from storage.tx import Tx

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
DEV = "development"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    yield database
    database.close()


def commit(tx: Tx, number: int, environment: str = DEV, key: str = "w") -> None:
    draft = {"name": f"W{number}", "steps": []}
    definitions.save_draft(tx, environment, key, draft, f"h{number}", now=NOW)
    definitions.add_version(
        tx,
        WorkflowVersion(
            id=f"{environment}-{key}-{number}",
            environment=environment,
            key=key,
            number=number,
            definition=draft,
            content_hash=f"h{number}",
            status=WorkflowStatus.ACTIVE,
            author="ann",
            message=f"commit {number}",
            inserted_at=NOW + timedelta(minutes=number),
        ),
    )


def test_a_draft_alone_is_no_current_version(database: Database) -> None:
    draft = {"steps": [], "name": "Wörld", "x": [1.5, None]}
    with database.transaction() as tx:
        definitions.save_draft(tx, DEV, "w", draft, "h", now=NOW)
    sql = database.read()
    assert definitions.current_version(sql, DEV, "w") is None
    assert definitions.current_number(sql, DEV, "w") is None
    found = definitions.get_workflow(sql, DEV, "w")
    assert found is not None
    assert found.draft == draft
    assert list(found.draft) == ["steps", "name", "x"]
    assert (found.status, found.version, found.has_changes) == ("active", None, True)
    assert found.draft_updated_at == NOW


def test_the_newest_commit_is_current_and_older_ones_stay_readable(database: Database) -> None:
    with database.transaction() as tx:
        commit(tx, 1)
        commit(tx, 2)
    sql = database.read()
    current = definitions.current_version(sql, DEV, "w")
    assert current is not None
    assert (current.number, current.id, current.definition["name"]) == (2, f"{DEV}-w-2", "W2")
    assert current.inserted_at == NOW + timedelta(minutes=2)
    number = definitions.current_number(sql, DEV, "w")
    assert number == definitions.CurrentVersion(
        number=2, id=current.id, status=WorkflowStatus.ACTIVE
    )
    older = definitions.get_version(sql, DEV, "w", 1)
    assert older is not None
    assert older == definitions.version_by_id(sql, f"{DEV}-w-1")
    assert definitions.versions(sql, DEV, "w") == [2, 1]
    assert [v.message for v in definitions.version_summaries(sql, DEV, "w")] == [
        "commit 2",
        "commit 1",
    ]
    assert definitions.get_version(sql, DEV, "w", 3) is None


def test_environments_do_not_see_each_other(database: Database) -> None:
    with database.transaction() as tx:
        commit(tx, 1)
        commit(tx, 1, environment="production")
        commit(tx, 2)
        definitions.set_status(tx, "production", "w", WorkflowStatus.INACTIVE)
    sql = database.read()
    dev = definitions.current_version(sql, DEV, "w")
    production = definitions.current_version(sql, "production", "w")
    assert dev is not None
    assert production is not None
    assert (dev.number, dev.status) == (2, WorkflowStatus.ACTIVE)
    assert (production.number, production.status) == (1, WorkflowStatus.INACTIVE)


def test_archiving_holds_in_every_environment_and_for_good(database: Database) -> None:
    with database.transaction() as tx:
        commit(tx, 1)
        commit(tx, 1, environment="production")
        commit(tx, 1, key="other")
        assert definitions.archive(tx, "w", now=NOW) == 2
        assert definitions.archive(tx, "w", now=NOW) == 0
        assert not definitions.set_status(tx, DEV, "w", WorkflowStatus.ACTIVE)
    sql = database.read()
    current = definitions.current_version(sql, "production", "w")
    assert current is not None
    assert current.status is WorkflowStatus.ARCHIVED
    assert [w.key for w in definitions.list_workflows(sql, DEV)] == ["other"]
    everything = definitions.list_workflows(sql, DEV, with_archived=True)
    assert [w.key for w in everything] == ["other", "w"]
    assert definitions.archived_keys(sql, ["w", "other", "x"]) == {"w"}


def test_a_status_is_set_once_and_only_where_it_is_asked(database: Database) -> None:
    with database.transaction() as tx:
        commit(tx, 1)
        assert definitions.set_status(tx, DEV, "w", WorkflowStatus.INACTIVE)
        assert not definitions.set_status(tx, DEV, "w", WorkflowStatus.INACTIVE)
        assert not definitions.set_status(tx, DEV, "missing", WorkflowStatus.INACTIVE)


def test_the_hot_reads_use_indexes_only(database: Database) -> None:
    with database.transaction() as tx:
        commit(tx, 1)
    statements: list[str] = []
    sql = database.read()
    sql.connection.exec_trace = lambda _c, text, _b: statements.append(text) or True
    definitions.current_version(sql, DEV, "w")
    definitions.current_number(sql, DEV, "w")
    sql.connection.exec_trace = None
    assert len(statements) == 2
    for statement in statements:
        plan = sql.rows("EXPLAIN QUERY PLAN " + statement, (DEV, "w"))
        assert all("SEARCH" in row[3] for row in plan), plan


def test_resources_and_files_are_kept_byte_by_byte(database: Database) -> None:
    with database.transaction() as tx:
        definitions.save_resource(tx, DEV, "layouts", "main", {"name": "M"}, "h", now=NOW)
        definitions.replace_files(tx, DEV, "layouts", "main", {"a": b"\xff\x00", "b": b"old"})
        definitions.replace_files(tx, DEV, "layouts", "main", {"a": b"\xff\x00"})
    sql = database.read()
    assert definitions.project_files(sql, DEV) == {("layouts", "main"): {"a": b"\xff\x00"}}
    assert definitions.project_files(sql, "production") == {}
    assert definitions.get_resource(sql, DEV, "layouts", "main") == {"name": "M"}
    assert definitions.list_resources(sql, DEV, "layouts") == {"main": {"name": "M"}}
    assert definitions.get_resource(sql, "production", "layouts", "main") is None
