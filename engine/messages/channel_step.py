"""What all channel steps share: the checks of engine E-104, one draft per address."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field, model_validator

from engine.workflow.kinds import (
    Draft,
    Fail,
    Need,
    Outcome,
    Produce,
    SettingsModel,
    Skip,
    Step,
    StepContext,
    StepSettings,
)
from engine.workflow.paths import has_liquid
from storage.records import Channel, JsonObject


class ChannelSettings(StepSettings):
    """The wire fields of a channel step that decide where its messages go."""

    channel_key: str | None = None
    channel_group_key: str | None = None
    template: JsonObject = Field(default_factory=dict)
    channel_overrides: JsonObject | None = None

    @model_validator(mode="after")
    def _one_way_out(self) -> ChannelSettings:
        if bool(self.channel_key) == bool(self.channel_group_key):
            raise ValueError("names exactly one of `channel_key` and `channel_group_key`")
        return self


class ChannelStep(Step):
    """Produce one message per address of the recipient on one channel."""

    Settings: ClassVar[SettingsModel] = ChannelSettings
    channel_type: ClassVar[str]
    group: ClassVar[str] = "channel"

    @classmethod
    def parse(cls, ref: str, definition: JsonObject) -> Step:
        """Read the fields that sit beside `settings` on the wire."""
        return cls(ref, cls.Settings.model_validate(definition), definition)

    def channel(self, ctx: StepContext) -> Channel | None:
        """Return the channel if it is configured in this environment and of the right type."""
        key = self.settings.channel_key
        found = ctx.environment.channels.get(key) if key else None
        if found is None or found.type != self.channel_type:
            return None
        return found if found.provider or self.channel_type == "in_app_feed" else None

    def precheck(self, ctx: StepContext) -> Skip | None:
        """Check 1: the channel is configured in this environment."""
        if self.channel(ctx) is None:
            name = self.settings.channel_key or self.settings.channel_group_key
            return Skip(reason="channel_not_configured", detail={"channel": name})
        return None

    def is_sandboxed(self, ctx: StepContext, channel: Channel) -> bool:
        """Tell whether messages are made but not sent; in-app has no sandbox (E-110)."""
        if self.channel_type == "in_app_feed":
            return False
        return channel.is_sandbox or bool(ctx.trigger.settings.get("sandbox_mode"))

    def extra_conditions(self, ctx: StepContext) -> JsonObject | None:
        """Check 2: the channel's own conditions, not looked at in sandbox."""
        channel = self.channel(ctx)
        if channel is None or self.is_sandboxed(ctx, channel):
            return None
        return channel.conditions

    def run(self, ctx: StepContext) -> Outcome:
        """Render overrides if there are any, then draft one message per address."""
        channel = self.channel(ctx)
        if channel is None:
            return Skip(reason="channel_not_configured")
        written = self.override_fields(channel)
        fields = {k: v for k, v in written.items() if has_liquid(v)}
        if fields and ctx.rendered is None:
            if ctx.render_error:
                return Fail(message=f"An override did not render: {ctx.render_error}")
            return Need(fields=fields)
        overrides = {**written, **(ctx.rendered or {})}
        overrides = {k: v for k, v in overrides.items() if v not in (None, "")}
        drafts = self.drafts(ctx, channel, overrides)
        if isinstance(drafts, Skip):
            return drafts
        return Produce(drafts=drafts)

    def override_fields(self, channel: Channel) -> JsonObject:
        """Return override texts: the step's before the channel's (engine E-109)."""
        return dict(self.settings.channel_overrides or {})

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Return one draft per address, or why there is none (check 3)."""
        raise NotImplementedError

    def draft(
        self, ctx: StepContext, channel: Channel, address: str, overrides: JsonObject, **more: Any
    ) -> Draft:
        """Build a draft for one address."""
        return Draft(
            channel=channel,
            address=address,
            template=self.settings.template,
            overrides=overrides,
            is_sandboxed=self.is_sandboxed(ctx, channel),
            **more,
        )


def missing(what: str) -> Skip:
    """Skip since the recipient lacks what the channel needs."""
    return Skip(reason="missing_recipient_data", detail={"missing": what})
