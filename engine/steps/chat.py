"""The chat step: one message per connection of the recipient (engine E-106, E-108)."""

from __future__ import annotations

import hashlib

import orjson

from engine.messages.channel_step import ChannelStep, missing
from engine.workflow.kinds import Draft, Skip, StepContext, step
from storage.records import Channel, JsonObject


def connection_address(connection: JsonObject) -> str:
    """Name a connection stably without showing its secrets."""
    for name in ("channel_id", "user_id", "ms_teams_channel_id", "ms_teams_user_id"):
        if connection.get(name):
            return str(connection[name])
    digest = hashlib.sha256(orjson.dumps(connection, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return f"webhook:{digest[:16]}"


@step("channel:chat", title="Chat", icon="forum", group="channel")
class Chat(ChannelStep):
    """Post to every connection; needs channel data."""

    channel_type = "chat"

    def drafts(
        self, ctx: StepContext, channel: Channel, overrides: JsonObject
    ) -> tuple[Draft, ...] | Skip:
        """Draft one message per connection, credentials filled in from the tenant."""
        data = ctx.channel_data.get(channel.id) or {}
        tenant = ctx.tenant_channel_data.get(channel.id) or {}
        connections = [c for c in data.get("connections") or () if isinstance(c, dict)]
        if not connections:
            return missing("a connection in the channel data")
        token = (data.get("token") or tenant.get("token") or {}).get("access_token")
        shared = {"access_token": token, "ms_teams_tenant_id": tenant.get("ms_teams_tenant_id")}
        filled = [{**{k: v for k, v in shared.items() if v}, **c} for c in connections]
        unique = {connection_address(c): c for c in filled}
        return tuple(
            self.draft(
                ctx, channel, address, {**overrides, "connection": connection},
                snapshot={
                    "channel_id": connection.get("channel_id"),
                    "user_id": connection.get("user_id"),
                    "via_incoming_webhook": "incoming_webhook" in connection,
                },
            )
            for address, connection in unique.items()
        )  # fmt: skip
