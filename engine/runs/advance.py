"""Decide what a run does next: pure, over data, until it must pause or end.

No I/O, no clock, no randomness. Rendered texts, answers of requests and
closed batches come back as inputs; the executor and the simulator call the
same function.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final, assert_never

from engine.conditions.scope import ConditionScope
from engine.conditions.statuses import MessageState
from engine.messages.produce import first_status
from engine.render.requests import RenderRequest
from engine.runs.asking import Asking, Stop
from engine.runs.drafts import content_request, produced
from engine.runs.effects import Effects, Inputs, Produced
from engine.runs.masking import masked
from engine.runs.scope import RunScope, namespaces, run_data, statuses
from engine.timing.instants import format_instant
from engine.timing.zones import pick_zone
from engine.workflow import kinds
from engine.workflow.plan import END, Plan, PlanStep
from storage.ids import derived_ksuid
from storage.records import (
    JsonObject,
    RunBundle,
    RunPhase,
    RunStatus,
    WorkflowStatus,
)
from storage.runs import RunChange

# Waits between the three tries of a step that failed (engine E-31).
RETRY_DELAYS: Final = (timedelta(seconds=30), timedelta(seconds=60))


def advance(
    plan: Plan,
    bundle: RunBundle,
    environment: kinds.EnvironmentView,
    inputs: Inputs,
    now: datetime,
) -> Effects:
    """Run the steps of one run until it pauses, ends, or needs something rendered."""
    return _Pass(plan, bundle, environment, inputs, now).run()


class _Pass(Asking):
    def __init__(
        self,
        plan: Plan,
        bundle: RunBundle,
        environment: kinds.EnvironmentView,
        inputs: Inputs,
        now: datetime,
    ) -> None:
        self.plan, self.bundle, self.environment, self.inputs, self.now = (
            plan, bundle, environment, inputs, now,
        )  # fmt: skip
        run = bundle.run
        self.at = format_instant(now)
        self.state: JsonObject = run.state
        self.data = run_data(bundle)
        self.refs: JsonObject = run.state.get("refs", {})
        self.attempt = run.attempt
        self.errors = run.error_count
        self.cursor = run.cursor
        self.resume = run.resume
        self.status = RunStatus.PROCESSING
        self.phase = RunPhase.READY
        self.wake_at: datetime | None = None
        self.timeline: list[JsonObject] = []
        self.produced: list[Produced] = []
        self.hard: dict[str, RenderRequest] = {}
        self.soft: dict[str, RenderRequest] = {}
        self.more: dict[str, Any] = {}
        self.scopes = RunScope(plan, bundle, environment)
        self.statuses = statuses(bundle, inputs.kept_since)
        self._build_scope()
        recipient_zone = self.scopes.recipient.get("timezone")
        self.zone = pick_zone(recipient_zone, environment.timezone)

    def _build_scope(self) -> None:
        """Show the data as it is now to templates and conditions."""
        self.scope = self.scopes.build(self.data, self.refs)
        self.of_steps = ConditionScope(namespaces=namespaces(self.scope), statuses=self.statuses)

    # ------------------------------------------------------------ the pass

    def run(self) -> Effects:
        try:
            self._gatekeep()
            index = self._start()
            steps = 0
            while index != END:
                if steps == self.inputs.step_limit:
                    self.cursor = self.plan.steps[index].ref
                    raise Stop
                index = self._step(self.plan.steps[index])
                steps += 1
            self._end(RunStatus.COMPLETED, "run_completed")
        except Stop:
            pass
        run = self.bundle.run
        change = RunChange(
            run=run,
            status=self.status,
            phase=self.phase,
            cursor=self.cursor,
            resume=self.resume,
            state=self.state,
            attempt=self.attempt,
            error_count=self.errors,
            wake_at=self.wake_at,
        )
        return Effects(
            plan=self.plan,
            bundle=self.bundle,
            change=change,
            timeline=masked(self.timeline, self.environment.secrets),
            produced=tuple(self.produced),
            hard=self.hard,
            soft=self.soft,
            **self.more,
        )

    def _gatekeep(self) -> None:
        """End a run whose workflow is not active any more (engine E-35, E-36)."""
        status = self.bundle.workflow_status
        if status is not WorkflowStatus.ACTIVE:
            self._end(RunStatus.CANCELLED, "run_cancelled", {"reason": f"workflow_{status.value}"})
            raise Stop

    def _start(self) -> int:
        """Return where to go on; on first entry, check trigger conditions and frequency."""
        if self.cursor is not None:
            index = self.plan.index_by_ref.get(self.cursor)
            if index is None:
                self._end(RunStatus.CANCELLED, "run_cancelled", {"reason": "step_removed"})
                raise Stop
            return index
        if not self.state.get("started"):
            self._log("run_started")
            if self.plan.conditions is not None:
                verdict = self._evaluate("trigger", self.plan.conditions)
                self._log("trigger_conditions_evaluated", data=verdict.as_json())
                if not verdict.passed:
                    detail = {"reason": "trigger_conditions_not_met"}
                    self._end(RunStatus.COMPLETED, "run_completed", detail)
                    raise Stop
            self.state = {**self.state, "started": True}
            is_test = self.bundle.trigger.source_type == "rehearsal"
            if self.plan.trigger_frequency != "every_trigger" and not is_test:
                self.more["takes_slot"] = True
                raise Stop
        return self.plan.first

    def _step(self, row: PlanStep) -> int:
        """Run one step and return the index of the next, or stop the pass."""
        if self.cursor != row.ref:
            self.cursor, self.attempt, self.resume = row.ref, 0, None
        first = self.resume is None and self.attempt == 0
        ctx = self._context(row)
        if first:
            self._log("step_started", row)
            skip = row.step.precheck(ctx) or self._check_conditions(row, ctx)
            if skip is not None:
                return self._skip(row, skip)
        return self._answer(row, self._run_step(row, ctx))

    def _run_step(self, row: PlanStep, ctx: kinds.StepContext) -> kinds.Outcome:
        try:
            return row.step.run(ctx)
        except Exception as error:  # data nobody thought of: this step fails, its neighbours go on
            message = f"The step broke: {type(error).__name__}: {error}"
            return kinds.Fail(message=message, retry_in=self._pause_before_next_try())

    def _pause_before_next_try(self) -> timedelta | None:
        """Give the back-off of a step that failed, None when its tries are spent (E-31)."""
        return RETRY_DELAYS[self.attempt] if self.attempt < len(RETRY_DELAYS) else None

    def _context(self, row: PlanStep) -> kinds.StepContext:
        answer = self.inputs.rendered.get(f"need:{row.ref}")
        error = None
        rendered = None
        if answer is not None:
            rendered = answer.output if answer.ok else None
            error = None if answer.ok else "; ".join(fault.message for fault in answer.errors)
        texts = (rendered or {}).get("conditions", {}) if isinstance(rendered, dict) else {}
        return kinds.StepContext(
            ref=row.ref,
            now=self.now,
            run=self.bundle.run,
            trigger=self.bundle.trigger,
            environment=self.environment,
            scope=self.scope,
            recipient=self.bundle.run.recipient,
            channel_data=self.bundle.channel_data,
            tenant_channel_data=self.bundle.tenant_channel_data,
            zone=self.zone,
            conditions=replace(self.of_steps, rendered=texts) if texts else self.of_steps,
            attempt=self.attempt + 1,
            resume=self.resume,
            rendered=rendered,
            render_error=error,
        )

    # ------------------------------------------------------------ outcomes

    def _answer(self, row: PlanStep, outcome: kinds.Outcome) -> int:
        match outcome:
            case kinds.Continue():
                return self._continue(row, outcome)
            case kinds.Jump(arm=arm, detail=detail):
                self._log("branch_taken", row, detail)
                return self._leave(row.arms[arm])
            case kinds.Skip():
                return self._skip(row, outcome)
            case kinds.Produce():
                return self._produce(row, outcome)
            case kinds.Fail():
                self._fail(row, outcome)
            case kinds.Halt(reason=reason, detail=detail):
                self._end(RunStatus.COMPLETED, "run_completed", {"reason": reason, **detail})
            case kinds.Sleep(until=until, detail=detail):
                self._log("step_paused", row, detail)
                self._pause(RunPhase.TIMER, until)
            case kinds.Need(fields=fields, strict=strict):
                request = RenderRequest(
                    kind="fields", template=fields, scope=self.scope, strict=strict, now=self.now
                )
                self.hard[f"need:{row.ref}"] = request
            case kinds.Call():
                self.more["call"] = outcome
                self.status, self.phase, self.resume = RunStatus.PROCESSING, RunPhase.CALL, None
            case kinds.Enter():
                self.more["enter"] = outcome
            case kinds.Gate():
                self.more["gate"] = outcome
            case kinds.Update() | kinds.Start():
                self.more["write"] = outcome
            case _:
                assert_never(outcome)
        raise Stop

    def _leave(self, index: int) -> int:
        """Go to another step: nothing of the last one's tries or wake-up remains."""
        self.attempt, self.resume = 0, None
        return index

    def _continue(self, row: PlanStep, outcome: kinds.Continue) -> int:
        if outcome.data is not None:
            self.data = {**self.data, **outcome.data}
            self.state = {**self.state, "data": self.data}
            self._build_scope()
        self._log("step_completed", row, outcome.detail)
        return self._leave(row.next)

    def _skip(self, row: PlanStep, skip: kinds.Skip) -> int:
        detail = {"reason": skip.reason, **skip.detail}
        self._log("step_skipped", row, detail, status="error" if skip.error else "ok")
        if skip.error:
            self.errors += 1
        return self._leave(row.next)

    def _fail(self, row: PlanStep, fail: kinds.Fail) -> None:
        data = {"message": fail.message, **fail.detail}
        if fail.retry_in is not None:
            data["retry_in_seconds"] = int(fail.retry_in.total_seconds())
            self._log("step_retried", row, data, status="error")
            self.attempt += 1
            self._pause(RunPhase.TIMER, self.now + fail.retry_in)
            return
        self._log("step_failed", row, data, status="error")
        self.attempt += 1
        self.errors += 1
        self._end(RunStatus.COMPLETED, "run_completed", {"reason": "step_failed"})

    def _produce(self, row: PlanStep, produce: kinds.Produce) -> int:
        """Note the messages; their contents are rendered together after the pass."""
        drafts = produce.drafts
        if self.scopes.preferences is not None:
            drafts, refusal = self._wanted(row, drafts, self.scopes.preferences)
            if refusal is not None:
                return self._skip(row, refusal)
        made: list[Produced] = []
        for draft in drafts:
            key = f"message:{row.ref}:{draft.channel.id}:{draft.address}"
            message_id = derived_ksuid(
                self.now, self.bundle.run.id, row.ref, draft.channel.id, draft.address, "0"
            )
            answer = self.inputs.rendered.get(key)
            if answer is None:
                self.soft[key] = content_request(draft, self.scope, message_id, self.now, self.at)
            elif not answer.ok:
                self._fail_render(row, draft, answer)
            made.append(produced(key, message_id, row.ref, draft, self.data, self.scopes))
        states: list[MessageState] = []
        for item in made:
            channel = item.draft.channel
            data = {
                "channel_type": channel.type,
                "message_id": item.message_id,
                "channel": channel.key,
            }
            self._log("message_enqueued", row, data)
            states.append(MessageState(delivery=first_status(item.draft), engagement=frozenset()))
        self.statuses[row.ref] = tuple(states)
        self.produced.extend(made)
        return self._leave(row.next)

    def _fail_render(self, row: PlanStep, draft: kinds.Draft, answer: Any) -> None:
        fault = answer.errors[0]
        detail = {
            "field": fault.field,
            "line": fault.line,
            "class": fault.kind,
            "address": draft.address,
        }
        self.soft = {k: v for k, v in self.soft.items() if not k.startswith(f"message:{row.ref}:")}
        message = f"The template did not render: {fault.message}"
        self._fail(
            row, kinds.Fail(message=message, retry_in=self._pause_before_next_try(), detail=detail)
        )
        raise Stop

    # ------------------------------------------------------------ endings

    def _pause(self, phase: RunPhase, until: datetime | None) -> None:
        self.status, self.phase, self.wake_at, self.resume = RunStatus.PAUSED, phase, until, None

    def _end(self, status: RunStatus, event: str, data: JsonObject | None = None) -> None:
        self.status, self.phase, self.wake_at, self.resume = status, RunPhase.DONE, None, None
        self._log(event, data=data)
