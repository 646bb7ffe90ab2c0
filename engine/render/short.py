"""Render the channels whose message is a few lines of text: SMS, push and chat."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.render.fields import Fields
from engine.render.requests import JsonObject

_LONG_SMS = 1600


def render_sms(fields: Fields, template: Mapping[str, Any]) -> JsonObject:
    """Return `body`."""
    body = fields.text(template.get("text_body"), "text_body").strip()
    if len(body) > _LONG_SMS:
        fields.warn(f"text_body: {len(body)} characters; carriers refuse more than {_LONG_SMS}")
    return {"body": body}


def render_push(fields: Fields, template: Mapping[str, Any]) -> JsonObject:
    """Return `title`, `body`, the trigger's `data` and whether it is `silent`."""
    settings = template.get("settings")
    is_silent = isinstance(settings, Mapping) and settings.get("delivery_type") == "silent"
    data = fields.scope.get("data")
    title = body = ""
    if not is_silent:
        title = fields.line(template.get("title"), "title")
        body = fields.text(template.get("text_body"), "text_body").strip()
    return {"title": title, "body": body, "data": data or {}, "silent": is_silent}


def render_chat(fields: Fields, template: Mapping[str, Any]) -> JsonObject:
    """Return `template`: markdown blocks, or JSON content when the step has a JSON body."""
    summary = template.get("summary")
    blocks: list[JsonObject] = []
    json_content = None
    if template.get("json_body"):
        json_content = fields.parsed(template["json_body"], "json_body")
    else:
        body = fields.text(template.get("markdown_body"), "markdown_body").strip()
        blocks.append({"name": "body", "type": "markdown", "content": body})
    return {
        "template": {
            "blocks": blocks,
            "json_content": json_content,
            "summary": fields.line(summary, "summary") if summary else None,
        }
    }
