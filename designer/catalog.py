"""Know every workflow by name and in short, reading a definition only when it changed."""

from __future__ import annotations

from dataclasses import dataclass

from designer.outline import in_short
from storage.dashboard import WorkflowHead, definition_of, workflow_heads
from storage.sql import Sql

_KEPT = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRow:
    """A workflow as lists show it."""

    head: WorkflowHead
    name: str
    short: str

    @property
    def key(self) -> str:
        """Give the workflow's key."""
        return self.head.key


class Catalog:
    """Remember what a definition's content hash stands for; one per process."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, str, str], tuple[str, str]] = {}

    def rows(self, sql: Sql, environment: str) -> list[WorkflowRow]:
        """Return an environment's workflows, the last used first."""
        found = []
        for head in workflow_heads(sql, environment):
            name, short = self._describe(sql, environment, head)
            found.append(WorkflowRow(head=head, name=name, short=short))
        return found

    def names(self, sql: Sql, environment: str) -> dict[str, str]:
        """Return the names of an environment's workflows by key."""
        return {row.key: row.name for row in self.rows(sql, environment)}

    def _describe(self, sql: Sql, environment: str, head: WorkflowHead) -> tuple[str, str]:
        key = (environment, head.key, head.content_hash)
        found = self._known.get(key)
        if found is None:
            definition = definition_of(sql, environment, head.key)
            found = str(definition.get("name") or head.key), in_short(definition)
            if len(self._known) >= _KEPT:
                self._known.clear()
            self._known[key] = found
        return found
