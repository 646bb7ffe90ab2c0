"""The e-mail step: one message to the recipient's address or its override."""

from __future__ import annotations

from typing import Final

from engine.messages.channel_step import ChannelStep, missing
from engine.workflow.kinds import Draft, Skip, StepContext, step
from engine.workflow.paths import lookup
from storage.records import Channel, JsonObject

_ADDRESSING: Final = ("from_address", "from_name", "reply_to_address", "cc_address", "bcc_address")
_ATTACHMENTS: Final = "attachments"


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
                ctx, channel, to, {**overrides, **self._attachments(ctx)},
                snapshot={"email": to, "name": ctx.scope["recipient"].get("name")},
            ),
        )  # fmt: skip

    def _attachments(self, ctx: StepContext) -> JsonObject:
        """Find the files in the data; after a batch only the opener's go out (E-112)."""
        settings = self.settings.template.get("settings") or {}
        path = str(settings.get("attachment_key") or _ATTACHMENTS)
        data = ctx.scope["data"]
        if ctx.run.state.get("batch"):
            data = ctx.run.state.get("opener", ctx.trigger.data)
        found = lookup({"data": data}, f"data.{path}")
        return {"attachments": found} if isinstance(found, dict | list) and found else {}
