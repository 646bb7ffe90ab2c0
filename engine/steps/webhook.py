"""The webhook step: one HTTP request as the message (channel type `http`)."""

from __future__ import annotations

from engine.messages.channel_step import ChannelStep
from engine.workflow.kinds import Draft, Skip, StepContext, step
from storage.records import Channel, JsonObject


@step("channel:http", title="Webhook", icon="webhook", group="channel")
class Webhook(ChannelStep):
    """Request a URL; a signed webhook needs a key that renders."""

    channel_type = "http"

    def override_fields(self, channel: Channel) -> JsonObject:
        """Render the signing key, which may be Liquid."""
        key = channel.settings.get("signing_key")
        return {"signing_key": key} if key else {}

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Draft one request; a template on the step replaces the channel's whole request."""
        if (
            channel.settings.get("signing_key")
            and not str(overrides.get("signing_key", "")).strip()
        ):
            return Skip(reason="missing_signing_key")
        if not self.settings.template:
            inherited = channel.settings.get("request")
            if not isinstance(inherited, dict):
                return Skip(reason="channel_not_configured", detail={"missing": "a request"})
            return (
                Draft(
                    channel=channel, address="", template=inherited, overrides=overrides,
                    is_sandboxed=self.is_sandboxed(ctx, channel),
                ),
            )  # fmt: skip
        return (self.draft(ctx, channel, "", overrides),)
