"""The push step: one message per device of the recipient (engine E-108)."""

from __future__ import annotations

from typing import Final

from engine.messages.channel_step import ChannelStep, missing
from engine.workflow.kinds import Draft, Skip, StepContext, step
from storage.records import Channel, JsonObject

_LISTS: Final = ("tokens", "target_arns", "player_ids")


def device_addresses(data: JsonObject) -> list[tuple[str, JsonObject]]:
    """List (address, device) of channel data in any of its shapes, each address once."""
    found: dict[str, JsonObject] = {}
    for device in data.get("devices") or ():
        if isinstance(device, dict):
            address = device.get("token") or device.get("target_arn")
            if isinstance(address, str) and address:
                found.setdefault(address, device)
    for name in _LISTS:
        for address in data.get(name) or ():
            if isinstance(address, str) and address:
                found.setdefault(address, {})
    return list(found.items())


@step("channel:push", title="Push", icon="phone_iphone", group="channel")
class Push(ChannelStep):
    """Send to every registered device; needs channel data."""

    channel_type = "push"

    def override_fields(self, channel: Channel) -> JsonObject:
        """Take the payload overrides from the template's settings."""
        own = self.settings.template.get("settings") or {}
        return {k: v for k, v in own.items() if k == "payload_overrides"}

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Draft one message per device."""
        devices = device_addresses(ctx.channel_data.get(channel.id) or {})
        if not devices:
            return missing("a device token in the channel data")
        return tuple(
            self.draft(ctx, channel, address, overrides, snapshot={"token": address})
            for address, _ in devices
        )
