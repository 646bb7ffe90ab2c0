"""The update-data step: merge values into the run's own data (engine E-97)."""

from __future__ import annotations

from pydantic import field_validator

from engine.conditions.values import shortened
from engine.steps.json_templates import checked_template, object_of
from engine.workflow.kinds import (
    Continue,
    Fail,
    Need,
    Outcome,
    Step,
    StepContext,
    StepSettings,
    step,
)
from storage.records import JsonObject


@step("update_data", title="Update data", icon="edit_note")
class UpdateData(Step):
    """Merge an object into the run's data; top-level keys are replaced whole."""

    class Settings(StepSettings):
        """The object, or Liquid that renders to one."""

        data: JsonObject | str

        @field_validator("data", mode="before")
        @classmethod
        def _is_object(cls, value: object) -> object:
            return checked_template(value)

    def run(self, ctx: StepContext) -> Outcome:
        """Render with nothing undefined, then merge."""
        if ctx.render_error:
            return Fail(message=f"The data did not render: {ctx.render_error}")
        if ctx.rendered is None:
            return Need(fields={"data": self.settings.data}, strict=True)
        try:
            data = object_of(self.settings.data, ctx.rendered["data"], "data")
        except ValueError as error:
            return Fail(message=str(error))
        return Continue(data=data, detail={"data": shortened(data)})
