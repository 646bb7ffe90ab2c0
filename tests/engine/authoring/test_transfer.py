from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from engine.authoring.commit import archive_workflow, save_draft
from engine.authoring.transfer import ImportReport, export_project, import_project, project_hash
from engine.errors import DefinitionError
from engine.workflow.kinds import discover
from engine.workflow.project import Project, read_project, write_project
from storage import definitions
from storage.db import Database
from storage.ids import RandomIds
from storage.migrations import migrate
from storage.records import WorkflowStatus

discover("engine.steps")

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
DEV = "development"
WAIT = b'{"type":"delay","ref":"w","settings":{"delay_for":{"unit":"days","value":1}}}'
FILES = {
    "knock.json": b'{"knockDir":"knock"}',
    "knock/workflows/a/workflow.json": b'{"steps":[%s ],\t"name":"A"}' % WAIT,
    "knock/workflows/a/notes.md": b"\xff",
    "knock/workflows/off/workflow.json": b'{"name":"Off","__readonly":{"active":false},"steps":[]}',
    "knock/workflows/loose.txt": b"loose",
    "knock/layouts/main/layout.json": b'{"name":"M","html_layout@":"html_layout.html"}',
    "knock/layouts/main/html_layout.html": b"<p>",
    "knock/translations/en/en.json": b'{"hi":"Hello"}',
}


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    database.close()


def put(root: Path, files: dict[str, bytes]) -> Project:
    for name, content in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return read_project(root)


def tree(root: Path) -> dict[str, bytes]:
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def bring_in(
    database: Database, project: Project, *, commit: bool = True, environment: str = DEV
) -> ImportReport:
    with database.transaction() as tx:
        return import_project(
            tx,
            project,
            environment,
            commit=commit,
            author="ci",
            message="m",
            now=NOW,
            ids=RandomIds(),
        )


def test_import_followed_by_export_gives_every_byte_back(
    database: Database, tmp_path: Path
) -> None:
    report = bring_in(database, put(tmp_path / "in", FILES))
    assert report == ImportReport(created=("a", "off"), committed={"a": 1, "off": 1}, resources=3)
    write_project(export_project(database.read(), DEV), tmp_path / "out")
    assert tree(tmp_path / "out") == FILES


def test_a_bare_folder_comes_back_bare(database: Database, tmp_path: Path) -> None:
    bare = {n.removeprefix("knock/"): c for n, c in FILES.items() if n != "knock.json"}
    bring_in(database, put(tmp_path / "in", bare), commit=False)
    write_project(export_project(database.read(), DEV), tmp_path / "out")
    assert tree(tmp_path / "out") == bare


def test_new_workflows_are_active_unless_the_file_says_otherwise(
    database: Database, tmp_path: Path
) -> None:
    bring_in(database, put(tmp_path, FILES))
    sql = database.read()
    a = definitions.current_version(sql, DEV, "a")
    off = definitions.current_version(sql, DEV, "off")
    assert a is not None
    assert off is not None
    assert (a.status, off.status) == (WorkflowStatus.ACTIVE, WorkflowStatus.INACTIVE)


def test_an_existing_workflow_keeps_its_status(database: Database, tmp_path: Path) -> None:
    project = put(tmp_path, FILES)
    bring_in(database, project)
    with database.transaction() as tx:
        definitions.set_status(tx, DEV, "a", WorkflowStatus.INACTIVE)
        definitions.set_status(tx, DEV, "off", WorkflowStatus.ACTIVE)
    bring_in(database, project)
    found = {w.key: w.status for w in definitions.list_workflows(database.read(), DEV)}
    assert found == {"a": WorkflowStatus.INACTIVE, "off": WorkflowStatus.ACTIVE}


def test_importing_twice_makes_no_second_version(database: Database, tmp_path: Path) -> None:
    project = put(tmp_path, FILES)
    bring_in(database, project)
    report = bring_in(database, project)
    assert report == ImportReport(unchanged=("a", "off"), committed={}, resources=3)
    changed = {**FILES, "knock/workflows/off/workflow.json": b'{"name":"Now","steps":[]}'}
    report = bring_in(database, put(tmp_path, changed))
    assert report == ImportReport(
        updated=("off",), unchanged=("a",), committed={"off": 2}, resources=3
    )


def test_without_commit_only_the_draft_changes(database: Database, tmp_path: Path) -> None:
    bring_in(database, put(tmp_path, FILES), commit=False)
    assert definitions.current_version(database.read(), DEV, "a") is None


def test_one_broken_file_and_nothing_is_written(database: Database, tmp_path: Path) -> None:
    broken = {**FILES, "knock/workflows/z/workflow.json": b'{"name":"Z"}'}
    with pytest.raises(DefinitionError) as caught:
        bring_in(database, put(tmp_path, broken))
    assert caught.value.message == (
        "Nothing was imported: knock/workflows/z/workflow.json, steps: "
        "Expected a list of steps; it may be empty."
    )
    assert definitions.list_workflows(database.read(), DEV) == []
    assert definitions.project_files(database.read(), DEV) == {}


def test_a_layout_that_misses_its_file_stops_the_import(database: Database, tmp_path: Path) -> None:
    broken = {n: c for n, c in FILES.items() if not n.endswith("html_layout.html")}
    with pytest.raises(DefinitionError, match=r"layouts/main/layout\.json.*html_layout"):
        bring_in(database, put(tmp_path, broken))


def test_other_resources_are_readable_with_their_texts(database: Database, tmp_path: Path) -> None:
    bring_in(database, put(tmp_path, FILES))
    sql = database.read()
    layout = definitions.get_resource(sql, DEV, "layouts", "main")
    assert layout == {
        "name": "M",
        "html_layout": "<p>",
        "html_layout@": "html_layout.html",
    }
    assert definitions.list_resources(sql, DEV, "translations") == {
        "en": {"en.json": '{"hi":"Hello"}'}
    }


def test_an_archived_workflow_stays_archived_and_the_rest_is_imported(
    database: Database, tmp_path: Path
) -> None:
    project = put(tmp_path / "in", FILES)
    bring_in(database, project)
    with database.transaction() as tx:
        archive_workflow(tx, "a", now=NOW)
    report = bring_in(database, project, environment="production")
    assert (report.created, report.archived) == (("off",), ("a",))
    write_project(export_project(database.read(), DEV), tmp_path / "out")
    assert not (tmp_path / "out" / "knock" / "workflows" / "a").exists()


def test_an_edited_draft_changes_only_its_own_file(database: Database, tmp_path: Path) -> None:
    project = put(tmp_path / "in", FILES)
    bring_in(database, project)
    with database.transaction() as tx:
        edited = {**project.workflows["a"].definition, "name": "Edited"}
        save_draft(tx, DEV, "a", edited, now=NOW)
        save_draft(tx, DEV, "fresh", {"name": "Fresh", "steps": []}, now=NOW)
    write_project(export_project(database.read(), DEV), tmp_path / "out")
    out = tree(tmp_path / "out")
    changed = {name for name in out if out[name] != FILES.get(name)}
    assert changed == {
        "knock/workflows/a/workflow.json",
        "knock/workflows/fresh/workflow.json",
    }
    assert read_project(tmp_path / "out").workflows["a"].definition == edited


def test_an_environment_that_never_saw_an_import_exports_a_whole_project(
    database: Database, tmp_path: Path
) -> None:
    with database.transaction() as tx:
        save_draft(tx, DEV, "fresh", {"name": "Fresh", "steps": []}, now=NOW)
    names = write_project(export_project(database.read(), DEV), tmp_path)
    assert names == ["knock.json", "knock/workflows/fresh/workflow.json"]
    assert read_project(tmp_path).problems == ()


def test_the_hash_of_a_project_changes_with_any_byte(tmp_path: Path) -> None:
    project = put(tmp_path, FILES)
    assert project_hash(project) == project_hash(read_project(tmp_path))
    seen = {project_hash(project)}
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content + b" ")
        seen.add(project_hash(read_project(tmp_path)))
        (tmp_path / name).write_bytes(content)
    assert len(seen) == len(FILES) + 1
    assert project_hash(replace(project, manifest=None)) not in seen


def test_the_samples_survive_import_and_export_byte_for_byte(
    database: Database, tmp_path: Path
) -> None:
    samples = Path(__file__).parents[3] / "sample_workflows"
    project = read_project(samples)
    report = bring_in(database, project)
    assert set(report.committed.values()) == {1}
    names = write_project(export_project(database.read(), DEV), tmp_path)
    assert len(names) == 1 + sum(len(w.files) for w in project.workflows.values())
    for name in names:
        assert (tmp_path / name).read_bytes() == (samples / name).read_bytes(), name
