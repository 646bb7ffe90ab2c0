"""The batch step: collect triggers of one recipient and go on once (engine E-54 … E-68)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

import orjson
from pydantic import Field, field_validator, model_validator

from engine.timing.durations import Duration, add_duration, parse_duration
from engine.timing.dynamic import InvalidWindow, resolve_dynamic, resolve_instant
from engine.timing.instants import format_instant
from engine.workflow.kinds import (
    Continue,
    Enter,
    Need,
    Outcome,
    Skip,
    Step,
    StepContext,
    StepSettings,
    step,
)
from engine.workflow.paths import MISSING, has_liquid, lookup
from storage.records import Window


@step("batch", title="Batch", icon="layers")
class Batch(Step):
    """Collect what arrives for one recipient and key; the first run goes on for all."""

    class Settings(StepSettings):
        """Names and limits of the wire (engine E-54)."""

        batch_key: str | None = None
        batch_window: Any = None
        batch_until_field_path: str | None = None
        batch_window_type: Literal["fixed", "sliding"] = "fixed"
        batch_window_extension_limit: Any = None
        batch_order: Literal["asc", "desc"] = "asc"
        batch_items_max_limit: int | None = Field(default=None, ge=2, le=1000)
        batch_items_render_limit: int = Field(default=10, ge=1, le=100)
        batch_execution_mode: Literal["accumulate", "flush_leading"] = "accumulate"
        workflow_version_mode: Literal["latest", "pinned"] = "pinned"

        @field_validator(
            "batch_window_type",
            "batch_order",
            "batch_execution_mode",
            "batch_items_render_limit",
            "workflow_version_mode",
            mode="before",
        )
        @classmethod
        def _default(cls, value: object, info: Any) -> object:
            # The official files write null for "not set".
            return cls.model_fields[info.field_name].default if value is None else value

        @field_validator("batch_window")
        @classmethod
        def _window(cls, value: object) -> Duration | None:
            return None if value is None else parse_duration(value, allow_negative=True)

        @field_validator("batch_window_extension_limit")
        @classmethod
        def _limit(cls, value: object) -> Duration | None:
            return None if value is None else parse_duration(value)

        @model_validator(mode="after")
        def _whole(self) -> Batch.Settings:
            window, path = self.batch_window, self.batch_until_field_path
            if window is None and not path:
                raise ValueError("needs `batch_window` or `batch_until_field_path`")
            if window is not None and not path and window.value < 0:
                raise ValueError("a batch window without a path must be longer than zero")
            if self.batch_window_type == "sliding" and self.batch_window_extension_limit is None:
                raise ValueError("a sliding window needs `batch_window_extension_limit`")
            return self

    def run(self, ctx: StepContext) -> Outcome:
        """Join or open the batch of the resolved key; go on when it closes."""
        if ctx.resume is not None:
            return Continue()
        key = self.settings.batch_key
        if has_liquid(key) and ctx.rendered is None and not ctx.render_error:
            return Need(fields={"key": key})
        error = ""
        closes_at: datetime | None = None
        try:
            closes_at = self._closes_at(ctx)
        except InvalidWindow as invalid:
            error = str(invalid)
            if self.settings.batch_window_type == "fixed":
                return Skip(reason="invalid_window", detail={"message": error}, error=True)
        limit: Duration | None = self.settings.batch_window_extension_limit
        sliding = self.settings.batch_window_type == "sliding"
        return Enter(
            key=self._key(ctx),
            closes_at=closes_at,
            limit_at=add_duration(ctx.now, limit, ctx.zone) if sliding and limit else None,
            sliding=sliding,
            max_items=self.settings.batch_items_max_limit,
            order=self.settings.batch_order,
            render_limit=self.settings.batch_items_render_limit,
            flush_leading=self.settings.batch_execution_mode == "flush_leading",
            pinned=self.settings.workflow_version_mode == "pinned",
            error=error
            or (f"the batch key did not render: {ctx.render_error}" if ctx.render_error else None),
        )

    def _key(self, ctx: StepContext) -> str:
        raw: str | None = self.settings.batch_key
        if not raw or ctx.render_error:
            return ""
        value = (ctx.rendered or {}).get("key", "") if has_liquid(raw) else lookup(ctx.scope, raw)
        if value is MISSING or value is None:
            return ""
        return value if isinstance(value, str) else orjson.dumps(value).decode()

    def _closes_at(self, ctx: StepContext) -> datetime:
        window: Duration | None = self.settings.batch_window
        path: str | None = self.settings.batch_until_field_path
        if not path:
            if window is None:
                raise InvalidWindow("no window is set", reason="missing")
            return add_duration(ctx.now, window, ctx.zone)
        found = lookup(ctx.scope, path)
        value = None if found is MISSING else found
        if window is None:
            return resolve_dynamic(value, ctx.now, ctx.zone)
        closes = add_duration(resolve_instant(value, ctx.now, ctx.zone), window, ctx.zone)
        if closes <= ctx.now:
            raise InvalidWindow(
                f"the window would end at {format_instant(closes)}, in the past", reason="past"
            )
        return closes


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """What an arrival does: `window` is the batch afterwards (None: unbatched).

    `role`: `opens` and `holds` pause the run, `absorbed` ends it, `leads` lets
    it go on at once (flush leading), `unbatched` skips the step.
    """

    role: Literal["opens", "holds", "absorbed", "leads", "unbatched"]
    window: Window | None
    adds_activity: bool
    closes_now: bool = False


def decide(
    stored: Window | None, entry: Enter, fresh: Window, now: datetime, run_id: str
) -> Arrival:
    """Decide one arrival against the open batch; `fresh` is what a new one would be."""
    if stored is None:
        if entry.closes_at is None:
            return Arrival(role="unbatched", window=None, adds_activity=False)
        if entry.flush_leading:
            return Arrival(role="leads", window=fresh, adds_activity=False)
        opened = replace(fresh, holder_run_id=run_id, count=1, total=1)
        return Arrival(role="opens", window=opened, adds_activity=True)
    holder = stored.holder_run_id
    window = replace(
        stored, holder_run_id=holder or run_id, count=stored.count + 1, total=stored.total + 1
    )
    closes_now = entry.max_items is not None and window.count >= entry.max_items
    limit_at = stored.limit_at
    if entry.sliding and entry.closes_at and limit_at and stored.closes_at != limit_at:
        # c = min(n + window, o + limit); a result that is not in the future closes at once.
        moved = min(entry.closes_at, limit_at)
        if moved != stored.closes_at:
            # Only with the timer: a window whose timer has another generation never closes.
            window = replace(window, closes_at=moved, generation=stored.generation + 1)
        closes_now = closes_now or moved <= now
    return Arrival(
        role="absorbed" if holder else "holds",
        window=window,
        adds_activity=True,
        closes_now=closes_now,
    )
