"""Find the newest version that still holds a batch step in mode `latest` (engine E-58)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from storage import definitions
from storage.sql import Sql


def _steps(steps: list[Any]) -> Iterator[dict[str, Any]]:
    for step in steps:
        yield step
        for arm in (step.get("branches") or []) + (step.get("cohort_branches") or []):
            yield from _steps(arm.get("steps") or [])


def newest_version(sql: Sql) -> Callable[[str, str, str], int | None]:
    """Return a finder bound to the open transaction; None when no version qualifies."""

    def find(environment: str, workflow: str, ref: str) -> int | None:
        for number in sorted(definitions.versions(sql, environment, workflow), reverse=True):
            version = definitions.get_version(sql, environment, workflow, number)
            if version is None:
                continue
            for step in _steps(version.definition.get("steps") or []):
                mode = (step.get("settings") or {}).get("workflow_version_mode")
                if step.get("ref") == ref and step.get("type") == "batch" and mode == "latest":
                    return number
        return None

    return find
