"""Save drafts, freeze them by a commit, archive: what changes a workflow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from engine.errors import DefinitionError, InvalidInput, NotFound, Problem
from engine.workflow.definition import MAX_DEPTH, is_too_deep
from engine.workflow.hashing import content_hash
from engine.workflow.layout import is_key
from engine.workflow.validate import workflow_problems
from storage import definitions
from storage.definitions import WorkflowRecord
from storage.ids import Ids
from storage.records import JsonObject, WorkflowStatus, WorkflowVersion
from storage.sql import Sql


@dataclass(frozen=True, slots=True, kw_only=True)
class Commit:
    """What a commit came to; `is_new` is false if nothing had changed."""

    version: WorkflowVersion
    is_new: bool


def save_draft(
    tx: Sql,
    environment: str,
    key: str,
    definition: JsonObject,
    *,
    now: datetime,
    new_status: WorkflowStatus = WorkflowStatus.ACTIVE,
) -> None:
    """Store a draft; it may have problems, a commit may not.

    Raises:
        InvalidInput: the key cannot be used, or the definition is no workflow.
    """
    problem = _draft_problem(tx, key, definition)
    if problem:
        raise InvalidInput(problem.message, [problem])
    hash_ = content_hash(definition)
    definitions.save_draft(tx, environment, key, definition, hash_, now=now, new_status=new_status)


def commit_workflow(
    tx: Sql,
    environment: str,
    key: str,
    *,
    author: str,
    message: str,
    now: datetime,
    ids: Ids,
    channels: Mapping[str, str] | None = None,
) -> Commit:
    """Freeze the draft as the next version, which new triggers use from now on.

    A draft whose content is that of the current version makes no new one.

    Raises:
        NotFound: there is no such workflow, or it is archived.
        DefinitionError: the draft has problems; all are listed.
    """
    workflow = definitions.get_workflow(tx, environment, key)
    if workflow is None or workflow.draft is None or workflow.status is WorkflowStatus.ARCHIVED:
        raise NotFound(f"There is no workflow {key!r} to commit.", code="workflow_missing")
    current = definitions.current_version(tx, environment, key)
    if current is not None and not workflow.has_changes:
        return Commit(version=current, is_new=False)
    problems = workflow_problems(key, workflow.draft, channels=channels)
    if problems:
        start = f"The workflow {key!r} cannot be committed"
        raise DefinitionError(summary(start, problems), problems)
    version = _freeze(workflow, author=author, message=message, now=now, ids=ids)
    definitions.add_version(tx, version)
    return Commit(version=version, is_new=True)


def set_status(tx: Sql, environment: str, key: str, status: WorkflowStatus) -> None:
    """Switch a workflow on or off in one environment, at once.

    Raises:
        NotFound: there is no such workflow, or it is archived.
    """
    workflow = definitions.get_workflow(tx, environment, key)
    if workflow is None or workflow.status is WorkflowStatus.ARCHIVED:
        raise NotFound(f"There is no workflow {key!r}.", code="workflow_missing")
    definitions.set_status(tx, environment, key, status)


def archive_workflow(tx: Sql, key: str, *, now: datetime) -> None:
    """Remove a workflow from every environment for good; its history stays (engine E-36).

    Raises:
        NotFound: there is no such workflow, or it is archived already.
    """
    if not definitions.archive(tx, key, now=now):
        raise NotFound(f"There is no workflow {key!r} to archive.", code="workflow_missing")


def summary(start: str, problems: Sequence[Problem]) -> str:
    """Put the first problem and the number of others into one sentence."""
    first = problems[0]
    places = (first.file, first.step_ref and f"step {first.step_ref}", first.path)
    where = ", ".join(place for place in places if place)
    others = len(problems) - 1
    more = f" ({others} more {'problem' if others == 1 else 'problems'}.)" if others else ""
    return f"{start}: {where + ': ' if where else ''}{first.message}{more}"


def _draft_problem(tx: Sql, key: str, definition: Any) -> Problem | None:
    if not is_key(key):
        message = f"{key!r} cannot be a key: use letters, digits, - and _."
        return Problem(rule="workflow.key", path="key", message=message)
    if not isinstance(definition, dict) or is_too_deep(definition):
        message = f"Expected a JSON object of at most {MAX_DEPTH} levels for the workflow."
        return Problem(rule="workflow.type", message=message)
    if definitions.archived_keys(tx, [key]):
        message = f"A workflow {key!r} was archived, for good; choose another key."
        return Problem(rule="workflow.archived", path="key", message=message)
    return None


def _freeze(
    workflow: WorkflowRecord, *, author: str, message: str, now: datetime, ids: Ids
) -> WorkflowVersion:
    return WorkflowVersion(
        id=ids.uuid(),
        environment=workflow.environment,
        key=workflow.key,
        number=(workflow.version or 0) + 1,
        definition=workflow.draft or {},
        content_hash=workflow.draft_hash or "",
        status=workflow.status,
        author=author,
        message=message,
        inserted_at=now,
    )
