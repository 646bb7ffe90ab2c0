"""The throttle step: let N executions through per window (engine E-73 … E-76)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

import orjson
from pydantic import Field, field_validator, model_validator

from engine.errors import Problem
from engine.timing.durations import Duration, add_duration, duration_seconds, parse_duration
from engine.timing.dynamic import InvalidWindow, resolve_dynamic
from engine.workflow.kinds import (
    Continue,
    Gate,
    Need,
    Outcome,
    Skip,
    Step,
    StepContext,
    StepSettings,
    step,
)
from engine.workflow.paths import MISSING, has_liquid, lookup
from storage.records import JsonObject

LONGEST: Final = timedelta(days=31)
_KEY_LIMIT: Final = 64


@step("throttle", title="Throttle", icon="speed")
class Throttle(Step):
    """Gate per recipient, workflow, step and key; the window opens at the first pass."""

    class Settings(StepSettings):
        """A fixed or dynamic window, how many pass in it, and what tells gates apart."""

        throttle_window: Any = None
        throttle_window_field_path: str | None = None
        throttle_limit: int = Field(default=1, ge=1)
        throttle_key: str | None = None

        @field_validator("throttle_limit", mode="before")
        @classmethod
        def _default(cls, value: object) -> object:
            # The official files write null for "not set".
            return 1 if value is None else value

        @field_validator("throttle_window")
        @classmethod
        def _parse(cls, value: object) -> Duration | None:
            return None if value is None else parse_duration(value)

        @model_validator(mode="after")
        def _either(self) -> Throttle.Settings:
            if self.throttle_window is None and not self.throttle_window_field_path:
                raise ValueError("needs `throttle_window` or `throttle_window_field_path`")
            return self

    @classmethod
    def check(cls, ref: str, definition: JsonObject) -> list[Problem]:
        """Refuse fixed windows over 31 days."""
        settings = cls.Settings.model_validate(definition.get("settings") or {})
        window = settings.throttle_window
        if window and duration_seconds(window) > LONGEST.total_seconds():
            return [
                Problem(
                    rule="throttle.too_long",
                    step_ref=ref,
                    path="settings.throttle_window",
                    message="A throttle window can last 31 days at most; choose a shorter one.",
                )
            ]
        return []

    def run(self, ctx: StepContext) -> Outcome:
        """Ask for a place in the gate; the answer is decided where the window is stored."""
        if ctx.resume is not None:
            return Continue()
        if has_liquid(self.settings.throttle_key) and ctx.rendered is None and not ctx.render_error:
            return Need(fields={"key": self.settings.throttle_key})
        key, problem = self._key(ctx)
        if problem:
            return Skip(reason="invalid_window", detail={"message": problem}, error=True)
        try:
            until = self._until(ctx)
        except InvalidWindow as error:
            return Skip(reason="invalid_window", detail={"message": str(error)}, error=True)
        return Gate(
            key=key, until=min(until, ctx.now + LONGEST), limit=self.settings.throttle_limit
        )

    def _key(self, ctx: StepContext) -> tuple[str, str]:
        """Return the resolved key, or why there is none."""
        raw: str | None = self.settings.throttle_key
        if not raw:
            return "", ""
        if ctx.render_error:
            return "", f"the throttle key did not render: {ctx.render_error}"
        value = (ctx.rendered or {}).get("key") if has_liquid(raw) else lookup(ctx.scope, raw)
        if value is MISSING or value is None or value == "":
            return "", f"the throttle key {raw!r} resolved to nothing"
        text = value if isinstance(value, str) else orjson.dumps(value).decode()
        if len(quote(orjson.dumps(value), safe="")) >= _KEY_LIMIT:
            return "", f"the throttle key is too long: {_KEY_LIMIT} or more characters when encoded"
        return text, ""

    def _until(self, ctx: StepContext) -> datetime:
        window: Duration | None = self.settings.throttle_window
        if window is not None:
            return add_duration(ctx.now, window, ctx.zone)
        found = lookup(ctx.scope, self.settings.throttle_window_field_path)
        return resolve_dynamic(None if found is MISSING else found, ctx.now, ctx.zone)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateVerdict:
    """Whether an execution passes, and what the window holds afterwards."""

    passes: bool
    ends_at: datetime
    used: int


def decide_gate(stored: tuple[datetime, int] | None, gate: Gate, now: datetime) -> GateVerdict:
    """Decide one execution; the window is `[opened, ends)` and never slides."""
    if stored is None or stored[0] <= now:
        return GateVerdict(passes=True, ends_at=gate.until, used=1)
    ends_at, used = stored
    if used < gate.limit:
        return GateVerdict(passes=True, ends_at=ends_at, used=used + 1)
    return GateVerdict(passes=False, ends_at=ends_at, used=used)
