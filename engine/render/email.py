"""Render an e-mail: subject, HTML and text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.liquid.placeholders import Placeholders
from engine.render.blocks import BlockRenderer
from engine.render.document import document
from engine.render.fields import Fields
from engine.render.requests import JsonObject
from engine.render.text_part import text_of

# Mail readers cut what is longer and hide the rest behind a link.
_CLIPPED_AT = 102 * 1024


def render_email(fields: Fields, template: Mapping[str, Any]) -> JsonObject:
    """Return `subject`, `html_body` and `text_body`; a body that is not there is None.

    Names assigned by `pre_content` are visible in all three; its own output
    is dropped.
    """
    settings = template.get("settings")
    pre_content = settings.get("pre_content") if isinstance(settings, Mapping) else None
    seen_by_text = _assigned(fields, pre_content)
    subject = fields.line(template.get("subject"), "subject", fields.plain(seen_by_text))

    kept = Placeholders()
    fragment = _fragment(fields, template, pre_content, kept)
    html = None
    if fragment is not None:
        recipient = fields.scope.get("recipient")
        locale = recipient.get("locale") if isinstance(recipient, Mapping) else None
        html = fields.check_size(kept.fill(document(fragment, locale)), "html_body")
        _warn(fields, kept, html)

    text = None
    if template.get("text_body"):
        text = fields.text(template["text_body"], "text_body", fields.plain(seen_by_text))
    elif fragment is not None:
        text = fields.check_size(kept.fill_plain(text_of(fragment), text_of), "text_body")
    if html is None and text is None:
        fields.fault("syntax", "expected html_body, visual_blocks or text_body", "html_body")
    return {"subject": subject, "html_body": html, "text_body": text}


def _assigned(fields: Fields, pre_content: object) -> Mapping[str, object]:
    if not pre_content:
        return {}
    rendering = fields.plain()
    fields.text(pre_content, "settings.pre_content", rendering)
    return rendering.assigned


def _fragment(
    fields: Fields, template: Mapping[str, Any], pre_content: object, kept: Placeholders
) -> str | None:
    """Return the HTML body with values kept aside, or None without an HTML body."""
    blocks, body = template.get("visual_blocks"), template.get("html_body")
    if not blocks and not body:
        return None
    rendering = fields.html(kept)
    if pre_content and not fields.faults:
        fields.text(pre_content, "settings.pre_content", rendering)
    if body:
        return fields.text(body, "html_body", rendering)
    if not isinstance(blocks, list):
        fields.fault("syntax", "expected a list of blocks", "visual_blocks")
        return None
    return BlockRenderer(fields, rendering, kept).render(blocks)


def _warn(fields: Fields, kept: Placeholders, html: str) -> None:
    if kept.has_unsafe_link:
        fields.warn("html_body: a link that could run a script was replaced by '#'")
    if len(html) > _CLIPPED_AT:
        fields.warn("html_body: longer than 102 KB; Gmail will cut it")
