from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from engine.authoring.catalog import list_workflows
from engine.authoring.commit import (
    Commit,
    archive_workflow,
    commit_workflow,
    save_draft,
    set_status,
)
from engine.errors import DefinitionError, InvalidInput, NotFound
from engine.workflow.kinds import discover
from storage import definitions
from storage.db import Database
from storage.ids import SeededIds
from storage.migrations import migrate
from storage.records import WorkflowStatus
from storage.tx import Tx

discover("engine.steps")

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
DEV = "development"


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    database.close()


def workflow(name: str = "Greeting", **fields: Any) -> dict[str, Any]:
    wait = {"unit": "hours", "value": 1}
    return {
        "name": name,
        "steps": [{"type": "delay", "ref": "wait", "settings": {"delay_for": wait}}],
        **fields,
    }


def commit(tx: Tx, environment: str = DEV, key: str = "greet", message: str = "why") -> Commit:
    return commit_workflow(
        tx, environment, key, author="ann", message=message, now=NOW, ids=SeededIds(len(message))
    )


def test_a_commit_freezes_the_draft_under_the_next_number(database: Database) -> None:
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", workflow("One"), now=NOW)
        first = commit(tx)
        save_draft(tx, DEV, "greet", workflow("Two"), now=NOW)
        second = commit(tx, message="two now")
    assert (first.version.number, first.is_new) == (1, True)
    assert (second.version.number, second.version.message) == (2, "two now")
    sql = database.read()
    old = definitions.get_version(sql, DEV, "greet", 1)
    assert old is not None
    assert old.definition["name"] == "One"
    assert definitions.current_version(sql, DEV, "greet") == second.version


def test_a_draft_that_says_the_same_makes_no_new_version(database: Database) -> None:
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", workflow(), now=NOW)
        first = commit(tx)
        reordered = dict(reversed(list(workflow().items())))
        save_draft(tx, DEV, "greet", reordered, now=NOW)
        again = commit(tx, message="again")
    assert again == Commit(version=first.version, is_new=False)
    assert definitions.versions(database.read(), DEV, "greet") == [1]


def test_a_draft_may_have_problems_but_a_commit_lists_them_and_refuses(database: Database) -> None:
    broken = workflow(name="")
    broken["steps"][0]["settings"] = {}
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", broken, now=NOW)
        with pytest.raises(DefinitionError, match="cannot be committed: name: Give") as caught:
            commit(tx)
    assert [p.rule for p in caught.value.problems] == ["workflow.name", "settings.invalid"]
    assert caught.value.message.endswith("(1 more problem.)")
    assert definitions.current_version(database.read(), DEV, "greet") is None


def test_environments_commit_on_their_own(database: Database) -> None:
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", workflow("Dev"), now=NOW)
        save_draft(tx, "production", "greet", workflow("Prod"), now=NOW)
        commit(tx)
    sql = database.read()
    assert definitions.current_version(sql, DEV, "greet") is not None
    assert definitions.current_version(sql, "production", "greet") is None


def test_status_is_switched_without_a_commit(database: Database) -> None:
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", workflow(), now=NOW)
        commit(tx)
        set_status(tx, DEV, "greet", WorkflowStatus.INACTIVE)
        with pytest.raises(NotFound):
            set_status(tx, "production", "greet", WorkflowStatus.INACTIVE)
    current = definitions.current_version(database.read(), DEV, "greet")
    assert current is not None
    assert (current.number, current.status) == (1, WorkflowStatus.INACTIVE)


def test_an_archived_workflow_takes_neither_drafts_nor_commits(database: Database) -> None:
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", workflow(), now=NOW)
        archive_workflow(tx, "greet", now=NOW)
        with pytest.raises(InvalidInput, match="was archived"):
            save_draft(tx, "production", "greet", workflow(), now=NOW)
        with pytest.raises(NotFound, match="greet"):
            commit(tx)
        with pytest.raises(NotFound):
            archive_workflow(tx, "greet", now=NOW)
        with pytest.raises(NotFound):
            set_status(tx, DEV, "greet", WorkflowStatus.ACTIVE)


@pytest.mark.parametrize(
    ("key", "definition"), [("a b", {"steps": []}), ("", {"steps": []}), ("greet", [])]
)
def test_what_cannot_be_a_workflow_is_not_stored(
    database: Database, key: str, definition: Any
) -> None:
    with database.transaction() as tx, pytest.raises(InvalidInput):
        save_draft(tx, DEV, key, definition, now=NOW)
    assert definitions.list_workflows(database.read(), DEV) == []


def test_the_list_sums_up_drafts_and_tells_uncommitted_changes(database: Database) -> None:
    mail = {"type": "channel", "channel_type": "email", "ref": "mail"}
    arms = [{"name": "a", "steps": [mail]}, {"name": "b"}]
    branching = workflow("Branching", description="Which way", categories=["x"])
    branching["steps"].append({"type": "branch", "ref": "b", "branches": arms})
    with database.transaction() as tx:
        save_draft(tx, DEV, "greet", workflow(), now=NOW)
        commit(tx)
        save_draft(tx, DEV, "other", branching, now=NOW)
    other, greet = sorted(list_workflows(database.read(), DEV), key=lambda w: w.key != "other")
    assert (other.name, other.description, other.categories) == ("Branching", "Which way", ("x",))
    assert (other.steps, other.channel_types) == (3, ("email",))
    assert (other.version, other.has_changes) == (None, True)
    assert (greet.version, greet.has_changes, greet.steps) == (1, False, 1)
