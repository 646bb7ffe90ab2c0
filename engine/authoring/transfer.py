"""Carry whole projects in and out of an environment: import, export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from engine.authoring.commit import commit_workflow, save_draft, summary
from engine.errors import DefinitionError
from engine.workflow.hashing import content_hash
from engine.workflow.layout import read_resource
from engine.workflow.project import (
    MANIFEST,
    WORKFLOWS,
    Project,
    Resource,
    WorkflowSource,
    default_manifest,
)
from engine.workflow.validate import project_problems
from storage import definitions
from storage.ids import Ids
from storage.records import WorkflowStatus
from storage.sql import Sql

# Where the file beside the folders is kept; an empty one says that there was none.
_ROOT: Final = ("", "")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportReport:
    """What an import did, by workflow key; `resources` counts everything else.

    `committed` maps the workflows that got a new version to its number.
    `archived` were left out, since an archived workflow stays archived.
    """

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    archived: tuple[str, ...] = ()
    committed: Mapping[str, int]
    resources: int = 0


def import_project(
    tx: Sql,
    project: Project,
    environment: str,
    *,
    commit: bool,
    author: str,
    message: str,
    now: datetime,
    ids: Ids,
    channels: Mapping[str, str] | None = None,
) -> ImportReport:
    """Store every workflow as a draft, and commit those that changed if asked.

    A workflow that is new here is active, unless its file says
    `__readonly.active: false`; one that exists keeps its status. Nothing is
    deleted, and nothing is written if anything has a problem.

    Raises:
        DefinitionError: all problems, each with its file.
    """
    problems = project_problems(project, channels=channels)
    if problems:
        raise DefinitionError(summary("Nothing was imported", problems), problems)
    archived = definitions.archived_keys(tx, project.workflows)
    fates: dict[str, list[str]] = {"created": [], "updated": [], "unchanged": []}
    committed: dict[str, int] = {}
    for source in project.workflows.values():
        if source.key in archived:
            continue
        fates[_store(tx, environment, source, now)].append(source.key)
        if commit:
            done = commit_workflow(
                tx, environment, source.key, author=author, message=message, now=now, ids=ids
            )
            if done.is_new:
                committed[source.key] = done.version.number
    for resource in project.resources:
        _store_resource(tx, environment, resource, now)
    definitions.replace_files(tx, environment, *_ROOT, {MANIFEST: project.manifest or b""})
    return ImportReport(
        created=tuple(fates["created"]),
        updated=tuple(fates["updated"]),
        unchanged=tuple(fates["unchanged"]),
        archived=tuple(sorted(archived)),
        committed=committed,
        resources=len(project.resources),
    )


def export_project(sql: Sql, environment: str) -> Project:
    """Give an environment's drafts and other resources as a project.

    Files come back byte by byte as they were imported, except where a draft
    was changed since. Archived workflows are left out.
    """
    files = definitions.project_files(sql, environment)
    workflows = {}
    for record in definitions.list_workflows(sql, environment):
        workflows[record.key] = WorkflowSource(
            key=record.key,
            definition=record.draft or {},
            readonly={"active": record.status is WorkflowStatus.ACTIVE},
            files=files.get((WORKFLOWS, record.key), {}),
        )
    resources = [
        Resource(folder=folder, key=key, files=content)
        for (folder, key), content in files.items()
        if folder and (folder != WORKFLOWS or not key)
    ]
    manifest = files.get(_ROOT, {}).get(MANIFEST, default_manifest())
    return Project(workflows=workflows, resources=tuple(resources), manifest=manifest or None)


def project_hash(project: Project) -> str:
    """Return a hash of all files of a project; it changes when any byte does."""
    parts = [("", MANIFEST, project.manifest or b"")]
    parts += [
        (f"{WORKFLOWS}/{source.key}", name, content)
        for source in project.workflows.values()
        for name, content in source.files.items()
    ]
    parts += [
        (f"{resource.folder}/{resource.key}", name, content)
        for resource in project.resources
        for name, content in resource.files.items()
    ]
    return content_hash({f"{folder}/{name}": content.hex() for folder, name, content in parts})


def _store(tx: Sql, environment: str, source: WorkflowSource, now: datetime) -> str:
    before = definitions.get_workflow(tx, environment, source.key)
    is_off = source.readonly.get("active") is False
    save_draft(
        tx,
        environment,
        source.key,
        source.definition,
        now=now,
        new_status=WorkflowStatus.INACTIVE if is_off else WorkflowStatus.ACTIVE,
    )
    definitions.replace_files(tx, environment, WORKFLOWS, source.key, source.files)
    if before is None:
        return "created"
    return "unchanged" if before.draft_hash == content_hash(source.definition) else "updated"


def _store_resource(tx: Sql, environment: str, resource: Resource, now: datetime) -> None:
    definitions.replace_files(tx, environment, resource.folder, resource.key, resource.files)
    content, _ = read_resource(resource.folder, resource.files)
    if content is not None:
        definitions.save_resource(
            tx, environment, resource.folder, resource.key, content, content_hash(content), now=now
        )
