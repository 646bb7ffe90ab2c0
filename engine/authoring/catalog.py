"""Sum up the workflows of an environment for a list."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from engine.workflow.definition import channel_types_of, refs_of
from storage import definitions
from storage.definitions import WorkflowRecord
from storage.records import WorkflowStatus
from storage.sql import Sql


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowSummary:
    """One row of the workflow list; counts and names are those of the draft."""

    key: str
    name: str
    description: str
    categories: tuple[str, ...]
    status: WorkflowStatus
    version: int | None
    has_changes: bool
    steps: int
    channel_types: tuple[str, ...]
    inserted_at: datetime
    updated_at: datetime


def list_workflows(
    sql: Sql, environment: str, *, with_archived: bool = False
) -> list[WorkflowSummary]:
    """Sum up every workflow of an environment, by key."""
    records = definitions.list_workflows(sql, environment, with_archived=with_archived)
    return [_summary(record) for record in records]


def _summary(record: WorkflowRecord) -> WorkflowSummary:
    draft = record.draft or {}
    categories = draft.get("categories")
    return WorkflowSummary(
        key=record.key,
        name=str(draft.get("name") or record.key),
        description=str(draft.get("description") or ""),
        categories=tuple(map(str, categories)) if isinstance(categories, list) else (),
        status=record.status,
        version=record.version,
        has_changes=record.has_changes,
        steps=len(refs_of(draft)),
        channel_types=tuple(channel_types_of(draft)),
        inserted_at=record.inserted_at,
        updated_at=record.updated_at,
    )
