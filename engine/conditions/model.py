"""Read, check and ask about condition groups.

Forms that are read: `{"all": […]}`, `{"any": […]}` (nested at will), a plain
list (AND), `{"conditions": […]}` with an optional `operator` `and` or `or`,
and null. A list of the latter is what waits hold; `{"any": [segment, …]}` is
an audience.
"""

from __future__ import annotations

from typing import Any

from engine.conditions.checks import condition_problems
from engine.conditions.operators import Kind
from engine.conditions.parts import Condition, ConditionGroup
from engine.conditions.reading import Reader
from engine.errors import ConditionError, Problem

__all__ = [
    "Condition",
    "ConditionGroup",
    "group_problems",
    "liquid_sources",
    "needs_audiences",
    "needs_statuses",
    "parse_group",
    "referenced_steps",
]


def parse_group(json: Any) -> ConditionGroup | None:
    """Read a group, arguments decoded; None if it asks nothing.

    Raises:
        ConditionError: it cannot be read; `problems` lists every fault. Faults
            that merely make a condition useless are left to `group_problems`.
    """
    if json is None:
        return None
    reader = Reader()
    group = reader.group(json, "")
    if reader.problems:
        raise ConditionError(reader.problems[0].message, reader.problems)
    return group if group.conditions else None


def group_problems(
    json: Any, path: str, *, allow_message_status: bool, allow_event: bool = False
) -> list[Problem]:
    """List every fault of a group that is about to be saved; `path` leads to it."""
    reader = Reader()
    group = reader.group(json, path)
    found = list(reader.problems)
    for condition in group.conditions:
        found += condition_problems(
            condition, allow_message_status=allow_message_status, allow_event=allow_event
        )
    return found


def liquid_sources(group: ConditionGroup | None) -> tuple[str, ...]:
    """List the argument texts that must be rendered before, each once, in order."""
    return () if group is None else group.liquid


def needs_statuses(group: ConditionGroup | None) -> bool:
    """Say whether it asks how far earlier messages got."""
    return any(condition.is_status for condition in _all(group))


def needs_audiences(group: ConditionGroup | None) -> bool:
    """Say whether it asks for the recipient's audiences."""
    return any(condition.spec.kind is Kind.AUDIENCE for condition in _all(group))


def referenced_steps(group: ConditionGroup | None) -> set[str]:
    """Collect the refs of the steps whose messages or waits it looks at."""
    return {
        parts[1]
        for condition in _all(group)
        for operand in (condition.subject, condition.operand)
        for parts in operand.paths()
        if parts[0] == "refs" and len(parts) > 1
    }


def _all(group: ConditionGroup | None) -> tuple[Condition, ...]:
    return () if group is None else group.conditions
