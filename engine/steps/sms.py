"""The SMS step: one message to the recipient's phone number or its override."""

from __future__ import annotations

from engine.messages.channel_step import ChannelStep, missing
from engine.workflow.kinds import Draft, Skip, StepContext, step
from storage.records import Channel, JsonObject


@step("channel:sms", title="SMS", icon="sms", group="channel")
class Sms(ChannelStep):
    """Send a text message; needs a phone number."""

    channel_type = "sms"

    def override_fields(self, channel: Channel) -> JsonObject:
        """Take the number and payload overrides from the template's settings."""
        own = self.settings.template.get("settings") or {}
        return {**(self.settings.channel_overrides or {}), **own}

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Draft one message to the override or the recipient's `phone_number`."""
        to = overrides.get("to_number") or ctx.scope["recipient"].get("phone_number") or ""
        if not str(to).strip():
            return missing("phone_number")
        return (self.draft(ctx, channel, str(to).strip(), overrides),)
