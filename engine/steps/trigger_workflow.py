"""The trigger-workflow step: start another workflow for each recipient (engine E-87 … E-90)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson
from pydantic import Field, field_validator

from engine.errors import InvalidInput, Problem
from engine.recipients.references import parse_reference, parse_references, parse_tenant
from engine.steps.json_templates import checked_template, object_of
from engine.steps.recipient_update import faults_of
from engine.workflow.kinds import (
    Continue,
    Fail,
    Need,
    Outcome,
    Skip,
    Start,
    Step,
    StepContext,
    StepSettings,
    step,
)
from storage.records import TENANTS, JsonObject, RecipientRef

DEEPEST: Final = 10
MOST_RECIPIENTS: Final = 1000
# How deep a trigger is nested, among the settings of its call; absent: not at all.
LEVEL: Final = "nesting"
DEFAULTS: Final[Mapping[str, str]] = {
    "recipients": "{{ recipient.id }}",
    "actor": "{{ actor.id }}",
    "tenant": "{{ tenant.id }}",
    "data": "{{ data | json }}",
    "cancellation_key": "{{ workflow.cancellation_key }}",
}


@step("trigger_workflow", title="Trigger workflow", icon="account_tree")
class TriggerWorkflow(Step):
    """Trigger another workflow, and go on without waiting for it."""

    class Settings(StepSettings):
        """The workflow, and what its trigger gets; what is left out is the run's own."""

        workflow_key: str = Field(min_length=1)
        recipients: str | list[Any] | JsonObject | None = None
        actor: str | JsonObject | None = None
        tenant: str | JsonObject | None = None
        data: str | JsonObject | None = None
        cancellation_key: str | None = None

        @field_validator("data", mode="before")
        @classmethod
        def _is_object(cls, value: object) -> object:
            # Left out, or empty on purpose: both are fine.
            is_empty = value is None or (isinstance(value, str) and not value.strip())
            return value if is_empty else checked_template(value)

    def __init__(self, ref: str, settings: StepSettings, definition: JsonObject) -> None:
        """Tell once what is rendered and what is the run's own as it is."""
        super().__init__(ref, settings, definition)
        given = {name: getattr(self.settings, name) for name in DEFAULTS}
        self.templates = {name: value for name, value in given.items() if not _is_own(name, value)}

    def run(self, ctx: StepContext) -> Outcome:
        """Ask for the trigger; its acceptance or refusal is the step's result."""
        if ctx.resume is not None:
            return _answered(ctx.resume)
        if ctx.render_error:
            return Fail(message=f"The trigger did not render: {ctx.render_error}")
        if ctx.rendered is None:
            return Need(fields={"workflow_key": self.settings.workflow_key, **self.templates})
        level = level_of(ctx.trigger.settings) + 1
        if level > DEEPEST:
            return Fail(
                message=f"Workflows trigger each other {DEEPEST} levels deep at most, "
                "and this run is at the last one: do they trigger each other in a circle?"
            )
        try:
            return self._start(ctx, ctx.rendered, level)
        except InvalidInput as error:
            return Fail(message=faults_of(error))
        except ValueError as error:
            return Fail(message=str(error))

    def _start(self, ctx: StepContext, rendered: JsonObject, level: int) -> Start:
        """Read what was rendered, in the forms of a trigger request.

        Raises:
            InvalidInput, ValueError: something is in none of them.
        """
        own = _own(ctx)
        found = {
            name: self._value(name, rendered[name]) if name in self.templates else own[name]
            for name in DEFAULTS
        }
        recipients = found["recipients"]
        if recipients is None or recipients == []:
            raise ValueError("The trigger has no recipients: `recipients` rendered to nothing.")
        listed = recipients if isinstance(recipients, list) else [recipients]
        parse_references(listed, "recipients", most=MOST_RECIPIENTS)
        for name, parse in (("actor", parse_reference), ("tenant", parse_tenant)):
            fault = None if found[name] is None else parse(found[name], name)
            if isinstance(fault, Problem):
                raise InvalidInput(problems=[fault])
        return Start(
            workflow=str(rendered["workflow_key"]).strip(),
            recipients=tuple(listed),
            actor=found["actor"],
            tenant=found["tenant"],
            data=found["data"] or {},
            cancellation_key=found["cancellation_key"],
            level=level,
        )

    def _value(self, name: str, rendered: Any) -> Any:
        """Decode one rendered setting; an empty text means that there is none."""
        if isinstance(rendered, str) and not rendered.strip():
            return None
        if name == "data":
            return object_of(self.templates[name], rendered, name)
        if name == "cancellation_key" or not isinstance(rendered, str):
            return rendered
        return decoded(rendered.strip())


def decoded(text: str) -> Any:
    """Read a text as the JSON of a list, an object or a string; else it is an id itself."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return text
    if value is None:
        return None
    return value if isinstance(value, (list, dict, str)) else text


def level_of(settings: Mapping[str, Any]) -> int:
    """Say how many triggers of workflows led to the one with these settings."""
    level = settings.get(LEVEL)
    return level if isinstance(level, int) and level > 0 else 0


def _own(ctx: StepContext) -> JsonObject:
    """Give what the run itself has; objects and tenants as references (E-87)."""
    actor = ctx.scope.get("actor")
    return {
        "recipients": ctx.recipient.as_wire(),
        "actor": None if actor is None else _reference(actor),
        "tenant": ctx.run.tenant,
        "data": ctx.scope["data"],
        "cancellation_key": ctx.trigger.cancellation_key,
    }


def _reference(shown: Mapping[str, Any]) -> Any:
    if shown["__typename"] == "User":
        return shown["id"]
    is_tenant = shown["__typename"] == "Tenant"
    return RecipientRef(TENANTS if is_tenant else shown["collection"], shown["id"]).as_wire()


def _is_own(name: str, value: Any) -> bool:
    """Tell whether a setting is left out, or says in so many words what is taken then."""
    return value is None or (isinstance(value, str) and _bare(value) == _bare(DEFAULTS[name]))


def _bare(text: str) -> str:
    return "".join(text.split())


def _answered(answer: JsonObject) -> Outcome:
    kind, message = answer.get("kind"), str(answer.get("message") or "")
    if kind == "unavailable":
        return Skip(reason="target_workflow_unavailable", detail={"message": message})
    if kind == "refused":
        return Fail(message=message)
    detail = {name: answer.get(name) for name in ("workflow", "workflow_run_id")}
    return Continue(detail=detail)
