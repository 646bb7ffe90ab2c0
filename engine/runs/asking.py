"""Ask conditions and preferences on behalf of a pass, and note in its timeline what they said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from engine.conditions.evaluate import Verdict, evaluate
from engine.conditions.model import ConditionGroup, liquid_sources, parse_group
from engine.conditions.scope import ConditionScope
from engine.conditions.statuses import MessageState
from engine.errors import ConditionError
from engine.preferences.decide import Sending, blocked_by
from engine.preferences.merge import EffectiveSet
from engine.render.requests import RenderRequest
from engine.runs.effects import Inputs
from engine.runs.scope import RunScope, namespaces
from engine.workflow import kinds
from engine.workflow.plan import Plan, PlanStep
from storage.records import Channel, JsonObject, RunBundle


class Stop(Exception):
    """The pass is over; the fields of the pass say how."""


class Asking:
    """The part of a pass that asks; the pass itself fills the fields."""

    plan: Plan
    bundle: RunBundle
    inputs: Inputs
    now: datetime
    at: str
    attempt: int
    refs: JsonObject
    scope: JsonObject
    scopes: RunScope
    statuses: dict[str, tuple[MessageState, ...]]
    of_steps: ConditionScope
    hard: dict[str, RenderRequest]
    timeline: list[JsonObject]

    def _evaluate(
        self,
        owner: str,
        group: ConditionGroup | None,
        *,
        sees_statuses: bool = False,
        instead: JsonObject | None = None,
    ) -> Verdict:
        """Evaluate a group, against the scope or another `instead`; Liquid is asked for first.

        Message statuses are for the conditions of steps; elsewhere they never hold (E-122).
        """
        rendered: dict[str, str] = {}
        sources = liquid_sources(group)
        if sources:
            key = f"conditions:{owner}"
            answer = self.inputs.rendered.get(key)
            if answer is None:
                self.hard[key] = RenderRequest(
                    kind="fields",
                    template={text: text for text in sources},
                    scope=self.scope if instead is None else instead,
                    now=self.now,
                )
                raise Stop
            rendered = dict(answer.output) if answer.ok else {}
        scope = self.of_steps
        if instead is not None:
            scope = ConditionScope(namespaces=namespaces(instead))
        if rendered or not sees_statuses:
            seen = self.statuses if sees_statuses else None
            scope = replace(scope, statuses=seen, rendered=rendered)
        return evaluate(group, scope, self.now)

    def _check_conditions(self, row: PlanStep, ctx: kinds.StepContext) -> kinds.Skip | None:
        own = row.conditions
        if own is not None:
            verdict = self._evaluate(f"step:{row.ref}", own, sees_statuses=True)
            self._log("conditions_evaluated", row, {"of": "step", **verdict.as_json()})
            if not verdict.passed:
                return kinds.Skip(reason="conditions_not_met", detail={"of": "step"})
        extra = row.step.extra_conditions(ctx)
        if extra is not None:
            verdict = self._evaluate(f"channel:{row.ref}", parse_group(extra))
            self._log("conditions_evaluated", row, {"of": "channel", **verdict.as_json()})
            if not verdict.passed:
                return kinds.Skip(reason="conditions_not_met", detail={"of": "channel"})
        return None

    # ------------------------------------------------------------ preferences

    def _wanted(
        self, row: PlanStep, drafts: Sequence[kinds.Draft], preferences: EffectiveSet
    ) -> tuple[tuple[kinds.Draft, ...], kinds.Skip | None]:
        """Keep drafts for channels that the recipient wants; skip where none is left (E-141)."""
        if self.plan.settings.get("override_preferences"):
            return tuple(drafts), None
        holds = partial(self._preference_holds, row)
        channels = {draft.channel.id: draft.channel for draft in drafts}
        refused: dict[str, str] = {}
        for id_, channel in channels.items():
            decided_by = blocked_by(preferences, self._sending(channel), holds)
            if decided_by is not None:
                refused[id_] = decided_by
        kept = tuple(draft for draft in drafts if draft.channel.id not in refused)
        if kept or not refused:
            return kept, None
        detail = {"decided_by": next(iter(refused.values())), "preferences": preferences.content}
        return kept, kinds.Skip(reason="preference_opt_out", detail=detail)

    def _sending(self, channel: Channel) -> Sending:
        return Sending(
            workflow=self.plan.key,
            categories=self.plan.categories,
            is_commercial=bool(self.plan.settings.get("is_commercial")),
            channel_id=channel.id,
            channel_type=channel.type,
        )

    def _preference_holds(self, row: PlanStep, conditions: Any, where: str) -> bool:
        """Ask the conditions of an entry; what cannot be read does not hold (E-140)."""
        about: JsonObject = {"of": "preferences", "path": where}
        try:
            group = parse_group(conditions)
        except ConditionError as error:
            about |= {"passed": False, "clauses": [], "problem": str(error)}
            self._log("conditions_evaluated", row, about, status="error")
            return False
        verdict = self._evaluate(f"{where}:{row.ref}", group, instead=self._first_activity())
        self._log("conditions_evaluated", row, {**about, **verdict.as_json()})
        return verdict.passed

    def _first_activity(self) -> JsonObject | None:
        """After a batch, give the scope with the data of its first activity alone (E-65)."""
        if self.scopes.batch is None:
            return None
        run = self.bundle.run
        return self.scopes.build(run.state.get("opener", self.bundle.trigger.data), self.refs)

    # ------------------------------------------------------------ timeline

    def _log(
        self,
        event: str,
        row: PlanStep | None = None,
        data: JsonObject | None = None,
        status: str = "ok",
    ) -> None:
        self.timeline.append(
            {
                "event": event,
                "status": status,
                "step_ref": row.ref if row else None,
                "step_type": row.step.definition.get("type") if row else None,
                "attempt": self.attempt + 1 if row else 1,
                "data": data or {},
                "inserted_at": self.at,
            }
        )
