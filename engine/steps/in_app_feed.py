"""The in-app step: an item in the user's feed, delivered the moment it is stored."""

from __future__ import annotations

from engine.messages.channel_step import ChannelStep, missing
from engine.workflow.kinds import Draft, Skip, StepContext, step
from storage.records import Channel, JsonObject


@step("channel:in_app_feed", title="In-app feed", icon="notifications", group="channel")
class InAppFeed(ChannelStep):
    """Put an item into the feed; objects have none."""

    channel_type = "in_app_feed"

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Draft one item for a user recipient."""
        if not ctx.recipient.is_user:
            return missing("a user: only users have a feed")
        return (self.draft(ctx, channel, "", overrides),)
