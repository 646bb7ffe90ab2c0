"""The e-mail step: one message to the recipient's address or its override."""

from __future__ import annotations

from typing import Final

from engine.messages.channel_step import ChannelStep, missing
from engine.workflow.kinds import Draft, Skip, StepContext, step
from storage.records import Channel, JsonObject

_ADDRESSING: Final = ("from_address", "from_name", "reply_to_address", "cc_address", "bcc_address")


@step("channel:email", title="Email", icon="mail", group="channel")
class Email(ChannelStep):
    """Send an e-mail; needs an address."""

    channel_type = "email"

    def override_fields(self, channel: Channel) -> JsonObject:
        """Join the channel's addressing (Liquid too) with the step's overrides."""
        base = {name: channel.settings[name] for name in _ADDRESSING if channel.settings.get(name)}
        own = {k: v for k, v in (self.settings.channel_overrides or {}).items() if v is not None}
        return {**base, **own}

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Draft one message to the override or the recipient's `email`."""
        to = str(overrides.get("to_address") or ctx.scope["recipient"].get("email") or "").strip()
        if not to:
            return missing("email")
        return (
            self.draft(
                ctx, channel, to, overrides,
                snapshot={"email": to, "name": ctx.scope["recipient"].get("name")},
            ),
        )  # fmt: skip
