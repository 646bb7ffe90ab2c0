"""What a pass wants: data that `apply` commits in one transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from engine.render.requests import RenderRequest, RenderResult
from engine.workflow.kinds import Call, Draft, Enter, Gate, Start, Update
from engine.workflow.plan import Plan
from storage.records import JsonObject, RecipientRef, RunBundle
from storage.runs import RunChange


@dataclass(frozen=True, slots=True, kw_only=True)
class Inputs:
    """Recorded results of effects: rendered texts by key.

    `step_limit` ends a pass early (the benchmark's commit-per-step rival).
    Messages from before `kept_since` are past retention (E-134).
    """

    rendered: Mapping[str, RenderResult] = field(default_factory=dict)
    step_limit: int | None = None
    kept_since: datetime | None = None


class Produced(NamedTuple):
    """A draft that became a message of this pass; `key` names its rendered content."""

    key: str
    message_id: str
    step_ref: str
    draft: Draft
    data: JsonObject
    is_flattened: bool
    actors: tuple[RecipientRef, ...]
    total_activities: int
    total_actors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Effects:
    """Everything one pass of one run decided.

    `hard` renders are wanted before the pass can decide at all: nothing may
    be committed while there are any. `soft` renders are the contents of the
    messages in `produced`; the pass has assumed that they succeed.
    """

    plan: Plan
    bundle: RunBundle
    change: RunChange
    timeline: tuple[JsonObject, ...] = ()
    produced: tuple[Produced, ...] = ()
    hard: Mapping[str, RenderRequest] = field(default_factory=dict)
    soft: Mapping[str, RenderRequest] = field(default_factory=dict)
    enter: Enter | None = None
    gate: Gate | None = None
    call: Call | None = None
    write: Update | Start | None = None
    takes_slot: bool = False
