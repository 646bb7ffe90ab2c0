"""The branch step: the first arm whose conditions hold runs (engine E-84)."""

from __future__ import annotations

from typing import Any

from engine.conditions.evaluate import evaluate
from engine.conditions.model import liquid_sources, parse_group
from engine.workflow.kinds import Jump, Need, Outcome, Step, StepContext, StepSettings, step
from storage.records import JsonObject


@step("branch", title="Branch", icon="alt_route")
class Branch(Step):
    """Pick one arm; the last, without conditions, is the default."""

    accepts_conditions = False

    class Settings(StepSettings):
        """A branch has arms instead of settings."""

    def __init__(self, ref: str, settings: StepSettings, definition: JsonObject) -> None:
        """Parse the arms' conditions once per version."""
        super().__init__(ref, settings, definition)
        self.arms: tuple[tuple[str, Any], ...] = tuple(
            (str(arm.get("name") or ""), parse_group(arm.get("conditions")))
            for arm in definition.get("branches") or ()
        )
        self.liquid = tuple(
            dict.fromkeys(text for _, group in self.arms if group for text in liquid_sources(group))
        )

    def run(self, ctx: StepContext) -> Outcome:
        """Evaluate the arms in order and go into the first that holds."""
        if self.liquid and ctx.rendered is None and not ctx.render_error:
            return Need(fields={"conditions": {text: text for text in self.liquid}})
        tried: list[JsonObject] = []
        last = len(self.arms) - 1
        for index, (name, group) in enumerate(self.arms):
            if index == last and group is None:
                return Jump(arm=index, detail={"branch": name, "default": True, "evaluated": tried})
            verdict = evaluate(group, ctx.conditions, ctx.now)
            tried.append({"branch": name, **verdict.as_json()})
            if verdict.passed:
                return Jump(arm=index, detail={"branch": name, "evaluated": tried})
        return Jump(arm=last, detail={"default": True, "evaluated": tried})
