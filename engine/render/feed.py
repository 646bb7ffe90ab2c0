"""Render an in-app message to the blocks the feed shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.liquid.markdown import compiled_clean
from engine.render.fields import Fields
from engine.render.requests import JsonObject

_BUTTON_NAMES = ("primary", "secondary")


def render_feed(fields: Fields, template: Mapping[str, Any]) -> JsonObject:
    """Return `blocks`: the body, the click target and the buttons, as far as they exist.

    Markdown in values is interpreted here; the HTML is cleaned for that reason.
    """
    source = template.get("markdown_body")
    body = compiled_clean(fields.text(source, "markdown_body"))
    blocks: list[JsonObject] = [
        {"name": "body", "type": "markdown", "content": source or "", "rendered": body}
    ]
    action_url = template.get("action_url")
    if action_url is not None:
        blocks.append(
            {
                "name": "action_url",
                "type": "text",
                "content": action_url,
                "rendered": fields.link(action_url, "action_url"),
            }
        )
    buttons = _buttons(fields, template.get("action_buttons"))
    if buttons:
        blocks.append({"name": "actions", "type": "button_set", "buttons": buttons})
    return {"blocks": blocks}


def _buttons(fields: Fields, buttons: object) -> list[JsonObject]:
    if not isinstance(buttons, list):
        return []
    rendered = []
    for index, (name, button) in enumerate(zip(_BUTTON_NAMES, buttons, strict=False)):
        field = f"action_buttons[{index}]"
        if not isinstance(button, Mapping):
            fields.fault("syntax", "expected a button with label and action", field)
            continue
        rendered.append(
            {
                "name": name,
                "label": fields.line(button.get("label"), f"{field}.label"),
                "action": fields.link(button.get("action"), f"{field}.action"),
            }
        )
    return rendered
