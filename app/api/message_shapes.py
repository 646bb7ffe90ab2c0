"""Write messages and what belongs to them as the API shows them."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from app.api import shapes
from engine.timing.instants import format_instant
from storage.channels import channels_for
from storage.message_queries import MessageText, MessageView
from storage.records import (
    Channel,
    Engagement,
    JsonObject,
    Message,
    MessageEvent,
    Recipient,
    RecipientRef,
)
from storage.sql import Sql
from storage.windows import Activity

MOST_ACTORS: Final = 10
_ENVIRONMENTS: Final = uuid.UUID("6f0c1a52-8f0e-5a3c-9b77-2d6f6f3f4c10")
_LOGGED: Final = ("status", "headers", "body")
Channels = Mapping[str, Channel]


def channels_by_id(sql: Sql, environment: str) -> Channels:
    """Read an environment's channels for the messages that name them, archived ones too."""
    found = channels_for(sql, environment, None, with_archived=True)
    return {channel.id: channel for channel in found.values()}


def message(view: MessageView, channels: Channels) -> JsonObject:
    """Write a message."""
    m = view.message
    return {
        "__typename": "Message",
        "id": m.id,
        "status": m.status.value,
        "engagement_statuses": [e.value for e in Engagement if _at(m, e) is not None],
        "channel_id": m.channel_id,
        "channel": _channel(m, channels.get(m.channel_id)),
        "recipient": m.recipient.as_wire(),
        "recipient_snapshot": view.snapshot or None,
        "actors": [actor.as_wire() for actor in m.actors[:MOST_ACTORS]],
        "tenant": m.tenant,
        "workflow": m.workflow,
        "data": m.data,
        "metadata": m.metadata,
        "source": {
            **source(m),
            "step_ref": m.step_ref,
            "type": "workflow",
            "workflow_run_id": m.trigger_id,
            "workflow_recipient_run_id": m.run_id,
        },
        "scheduled_at": instant(m.scheduled_at),
        **engagement(m),
        "inserted_at": format_instant(m.inserted_at),
        "updated_at": format_instant(m.updated_at),
    }


def source(m: Message) -> JsonObject:
    """Write what a message came from."""
    return {
        "__typename": "NotificationSource",
        "key": m.workflow,
        "categories": list(m.categories),
        "version_id": m.version_id,
    }


def engagement(m: Message) -> JsonObject:
    """Write when the reader last did what; `clicked_at` is an older name."""
    return {
        "seen_at": instant(m.seen_at),
        "read_at": instant(m.read_at),
        "interacted_at": instant(m.interacted_at),
        "link_clicked_at": instant(m.link_clicked_at),
        "clicked_at": instant(m.link_clicked_at),
        "archived_at": instant(m.archived_at),
    }


def instant(at: datetime | None) -> str | None:
    """Write an optional instant."""
    return None if at is None else format_instant(at)


def _at(m: Message, status: Engagement) -> datetime | None:
    found: datetime | None = getattr(m, f"{status.value}_at")
    return found


def _channel(m: Message, channel: Channel | None) -> JsonObject:
    """Write the channel; of one that is gone, what the message remembers."""
    return {
        "id": m.channel_id,
        "key": None if channel is None else channel.key,
        "name": None if channel is None else channel.name,
        "type": m.channel_type,
        "provider": m.provider or (channel and channel.provider) or "unconfigured",
        "created_at": format_instant(m.inserted_at if channel is None else channel.created_at),
        "updated_at": format_instant(m.inserted_at if channel is None else channel.updated_at),
    }


def event(found: MessageEvent, recipient: RecipientRef) -> JsonObject:
    """Write one event of a message."""
    return {
        "__typename": "MessageEvent",
        "id": found.id,
        "type": found.event,
        "recipient": recipient.as_wire(),
        "data": found.data or None,
        "inserted_at": format_instant(found.inserted_at),
    }


def delivery_log(environment: str, id: str, entry: JsonObject, at: datetime) -> JsonObject:
    """Write one attempt to deliver: what was asked and what was answered."""
    response = entry.get("response") or {}
    return {
        "__typename": "MessageDeliveryLog",
        "id": id,
        # Environments have keys only; the wire wants a UUID that stays the same.
        "environment_id": str(uuid.uuid5(_ENVIRONMENTS, environment)),
        "service_name": entry.get("service_name") or "unknown",
        "request": entry.get("request") or {},
        "response": {name: response.get(name) for name in _LOGGED},
        "inserted_at": format_instant(at),
    }


def activity(
    found: Activity, recipient: RecipientRef, records: Mapping[RecipientRef, Recipient]
) -> JsonObject:
    """Write one activity with its people in full."""
    at = found.inserted_at
    return {
        "__typename": "Activity",
        "id": found.id,
        "actor": None if found.actor is None else person(found.actor, records, at),
        "recipient": person(recipient, records, at),
        "data": found.data,
        "inserted_at": format_instant(at),
        "updated_at": format_instant(at),
    }


def person(
    ref: RecipientRef, records: Mapping[RecipientRef, Recipient], at: datetime
) -> JsonObject:
    """Write a recipient in full; one that is not stored shows only its id."""
    record = records.get(ref)
    if record is None:
        record = Recipient(environment="", ref=ref, properties={}, inserted_at=at, updated_at=at)
    return shapes.recipient(record)


def content(text: MessageText) -> JsonObject:
    """Write what was rendered for a message."""
    return {
        "__typename": "MessageContent",
        "message_id": text.message_id,
        "inserted_at": format_instant(text.inserted_at),
        "data": _content_data(text.channel_type, text.content),
    }


def _content_data(channel_type: str, held: JsonObject) -> JsonObject:
    match channel_type:
        case "email":
            return {
                "__typename": "MessageEmailContent",
                **{name: _text(held, name) for name in ("from", "to", "html_body", "text_body")},
                "subject_line": _text(held, "subject"),
                **{name: held.get(name) for name in ("cc", "bcc", "reply_to")},
            }
        case "sms":
            return {"__typename": "MessageSmsContent", **_texts(held, "to", "body")}
        case "push":
            texts = _texts(held, "token", "title", "body")
            return {"__typename": "MessagePushContent", **texts, "data": held.get("data")}
        case "chat":
            return {
                "__typename": "MessageChatContent",
                "connection": held.get("connection") or {},
                "metadata": held.get("metadata"),
                "template": {
                    name: (held.get("template") or {}).get(name)
                    for name in ("blocks", "json_content", "summary")
                },
            }
        case "in_app_feed" | "in_app":
            return {"__typename": "MessageInAppFeedContent", "blocks": held.get("blocks") or []}
        case _:
            return {"__typename": "MessageHttpContent", **held}


def _texts(held: JsonObject, *names: str) -> JsonObject:
    return {name: _text(held, name) for name in names}


def _text(held: JsonObject, name: str) -> Any:
    return held.get(name) or ""
