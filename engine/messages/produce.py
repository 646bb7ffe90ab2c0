"""Turn a draft and its rendered content into the message that is stored."""

from __future__ import annotations

from typing import Any

from engine.workflow.kinds import Draft
from storage.records import Channel, DeliveryStatus, JsonObject

_SECRET_KEYS = frozenset({"access_token"})


def assemble(channel: Channel, address: str, rendered: Any, overrides: JsonObject) -> JsonObject:
    """Join rendered texts with addressing: the content that providers and the API read."""
    content: JsonObject = dict(rendered or {})
    match channel.type:
        case "email":
            sender = overrides.get("from_address") or "tocsin@localhost"
            name = overrides.get("from_name")
            return {
                "from": f"{_quoted(str(name))} <{sender}>" if name else sender,
                "to": address,
                "cc": overrides.get("cc_address"),
                "bcc": overrides.get("bcc_address"),
                "reply_to": overrides.get("reply_to_address"),
                **content,
            }
        case "sms":
            return {"to": address, **content}
        case "push":
            return {"token": address, **content}
        case "chat":
            connection = overrides.get("connection") or {}
            shown = {k: v for k, v in connection.items() if k not in _SECRET_KEYS}
            return {"connection": shown, "metadata": {}, **content}
        case _:
            return content


def _quoted(name: str) -> str:
    clean = " ".join(name.split())
    if all(c.isalnum() or c in " -_'" for c in clean):
        return clean
    return '"' + clean.replace("\\", "").replace('"', "'") + '"'


def first_status(draft: Draft) -> str:
    """Name the status a message has the moment it is stored (engine E-110, E-152)."""
    if draft.channel.type == "in_app_feed":
        return "delivered"
    return "not_sent" if draft.is_sandboxed else "queued"


def created_events(status: DeliveryStatus) -> tuple[str, ...]:
    """Name the events a message has the moment it is stored (engine E-151, E-155)."""
    return ("message.created", f"message.{status.value}")
