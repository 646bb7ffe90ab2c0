"""The delay step: hold a run for a fixed or computed time (engine E-69 … E-72)."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final

from pydantic import field_validator, model_validator

from engine.errors import Problem
from engine.timing.durations import Duration, add_duration, duration_seconds, parse_duration
from engine.timing.dynamic import InvalidWindow, resolve_dynamic, resolve_instant
from engine.timing.instants import format_instant
from engine.workflow.kinds import (
    Continue,
    Outcome,
    Skip,
    Sleep,
    Step,
    StepContext,
    StepSettings,
    step,
)
from engine.workflow.paths import MISSING, lookup
from storage.records import JsonObject

LONGEST: Final = timedelta(days=365)


@step("delay", title="Delay", icon="schedule")
class Delay(Step):
    """Hold the run for a fixed time, until an instant in its data, or around that instant."""

    class Settings(StepSettings):
        """`delay_for` alone waits so long; with a path it is the offset from its instant."""

        delay_for: Any = None
        delay_until_field_path: str | None = None

        @field_validator("delay_for")
        @classmethod
        def _parse(cls, value: object) -> Duration | None:
            return None if value is None else parse_duration(value, allow_negative=True)

        @model_validator(mode="after")
        def _either(self) -> Delay.Settings:
            if self.delay_for is None and not self.delay_until_field_path:
                raise ValueError(
                    "needs a duration in `delay_for` or a path in `delay_until_field_path`"
                )
            if (
                self.delay_for is not None
                and not self.delay_until_field_path
                and self.delay_for.value < 0
            ):
                raise ValueError("a delay without a path must be longer than zero")
            return self

    @classmethod
    def check(cls, ref: str, definition: JsonObject) -> list[Problem]:
        """Refuse fixed delays over 365 days."""
        settings = cls.Settings.model_validate(definition.get("settings") or {})
        if settings.delay_for and duration_seconds(settings.delay_for) > LONGEST.total_seconds():
            return [
                Problem(
                    rule="delay.too_long",
                    step_ref=ref,
                    path="settings.delay_for",
                    message="A delay can last 365 days at most; choose a shorter one.",
                )
            ]
        return []

    def run(self, ctx: StepContext) -> Outcome:
        """Sleep until the resolved instant; go on when woken."""
        if ctx.resume is not None:
            return Continue()
        if ctx.trigger.settings.get("skip_delay"):
            return Skip(reason="setting_skip_delay")
        try:
            until = self._until(ctx)
        except InvalidWindow as error:
            return Skip(reason="invalid_window", detail={"message": str(error)}, error=True)
        detail: JsonObject = {}
        if until > ctx.now + LONGEST:
            until = ctx.now + LONGEST
            detail["warning"] = "The delay was cut to 365 days, the longest possible."
        return Sleep(until=until, detail={"until": format_instant(until), **detail})

    def _until(self, ctx: StepContext) -> datetime:
        offset: Duration | None = self.settings.delay_for
        path: str | None = self.settings.delay_until_field_path
        if not path:
            if offset is None:
                raise InvalidWindow("no duration is set", reason="missing")
            return add_duration(ctx.now, offset, ctx.zone)
        found = lookup(ctx.scope, path)
        value = None if found is MISSING else found
        if offset is None:
            return resolve_dynamic(value, ctx.now, ctx.zone)
        until = add_duration(resolve_instant(value, ctx.now, ctx.zone), offset, ctx.zone)
        if until <= ctx.now:
            raise InvalidWindow(
                f"the instant {format_instant(until)} is in the past", reason="past"
            )
        return until
