"""What conditions are decided against."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.conditions.statuses import MessageState


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionScope:
    """Hold everything that the conditions of one step may look at.

    `namespaces` maps `data`, `recipient`, `actor`, `tenant`, `vars`,
    `workflow`, `run`, `refs` (waits) and `event` to their values; an absent or
    null one makes all its paths missing. `statuses` maps step refs to the
    states of their messages in this run; a ref that is absent was skipped, and
    None as a whole means that message statuses are not allowed here: such
    conditions are false. `audiences` holds the keys of those that the
    recipient is in, tenant already considered. `rendered` maps each text of
    `liquid_sources` to what it rendered to.
    """

    namespaces: Mapping[str, Any]
    statuses: Mapping[str, Sequence[MessageState]] | None = None
    audiences: Collection[str] = frozenset()
    rendered: Mapping[str, str] = field(default_factory=dict)


class Evaluation:
    """One evaluation at work: the scope, the instant, and the argument's raw text.

    Not frozen, because one object serves all clauses: `raw` changes from
    clause to clause.
    """

    __slots__ = ("now", "raw", "scope")

    def __init__(self, scope: ConditionScope, now: datetime) -> None:
        self.scope = scope
        self.now = now
        self.raw: str | None = None
