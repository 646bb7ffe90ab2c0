"""A workflow compiled once per version into an immutable table of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from engine.workflow.kinds import Step
from storage.records import JsonObject

END: Final = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanStep:
    """One row of the plan: the parsed step, where to go next, its parsed conditions.

    `arms` maps the arms of a container to the index of their first step (or
    to where the run goes on when the arm is empty); `END` ends the run.
    """

    index: int
    ref: str
    kind: str
    step: Step
    next: int
    conditions: Any = None
    arms: tuple[int, ...] = ()
    arm_conditions: tuple[Any, ...] = ()
    arm_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The immutable form of one committed version that runs execute."""

    environment: str
    key: str
    name: str
    version: int
    version_id: str
    categories: tuple[str, ...]
    settings: JsonObject
    trigger_frequency: str
    conditions: Any
    steps: tuple[PlanStep, ...]
    index_by_ref: Mapping[str, int]
    first: int
    needs_statuses: bool
    data_schema: JsonObject | None = field(default=None)
