"""Show a message's content the way its recipient would see it, channel by channel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from nicegui import ui

from designer.elements import button, copyable, div, icon, para, span, tag
from designer.pages.mail_frame import has_remote_images
from designer.theme import ASSET_ROUTE
from designer.visit import Visit
from designer.wording import plural
from engine.liquid.markdown import compiled_clean
from storage.records import JsonObject, Message

_FRAME_RIGHTS = "allow-popups allow-popups-to-escape-sandbox"
_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    "ÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_DOUBLE = frozenset("^{}\\[~]|€")


def draw_content(visit: Visit, message: Message, content: JsonObject) -> None:
    """Draw the preview that fits the channel type."""
    match message.channel_type:
        case "email":
            _email(visit, message, content)
        case "sms":
            _sms(str(content.get("body") or ""))
        case "push":
            _push(content)
        case "in_app_feed" | "in_app_guide":
            _feed(content)
        case "chat":
            _chat(content)
        case "http":
            _request(content)
        case _:
            copyable(_pretty(content), "JSON", name="Content")


# ------------------------------------------------------------------ email


def _email(visit: Visit, message: Message, content: JsonObject) -> None:
    html = str(content.get("html_body") or "")
    text = str(content.get("text_body") or "")
    address = visit.address(f"messages/{message.id}/body")
    with div("mail"):
        notice = div("notice mail-notice")
        with notice:
            icon("image")
            span("Images from elsewhere are not loaded: fetching them would tell the sender.")
            shown = button("Show images")
        notice.set_visibility(has_remote_images(html))
        with div("code-tabs", role="tablist", aria_label="Parts of the email"):
            for index, title in enumerate(("As it looks", "Plain text", "Source")):
                tag(
                    "button", title, type_="button", role="tab", id=f"mail-tab-{index}",
                    aria_selected="false" if index else "true", tabindex="-1" if index else "0",
                    aria_controls=f"mail-{index}",
                )  # fmt: skip
        with div("mail-part", id="mail-0", role="tabpanel", aria_labelledby="mail-tab-0"):
            frame = tag(
                "iframe", None, "mail-frame", src=address, sandbox=_FRAME_RIGHTS,
                referrerpolicy="no-referrer", title="The email as it looks", loading="eager",
            )  # fmt: skip
        with div(
            "mail-part", id="mail-1", role="tabpanel", aria_labelledby="mail-tab-1", hidden=True
        ):
            tag("pre", text or "This email has no text part.", "mail-text", tabindex="0")
        with div(
            "mail-part", id="mail-2", role="tabpanel", aria_labelledby="mail-tab-2", hidden=True
        ):
            copyable(html, "HTML", name="Source of the email")

    def show_images() -> None:
        frame.set(src=f"{address}?images=shown")
        notice.set_visibility(False)

    shown.on("click", show_images)


# ------------------------------------------------------------------ short channels


def sms_parts(text: str) -> tuple[int, int, str]:
    """Count characters and parts of an SMS, and name its alphabet."""
    is_gsm = all(c in _GSM or c in _GSM_DOUBLE for c in text)
    if is_gsm:
        units = sum(2 if c in _GSM_DOUBLE else 1 for c in text)
        one, many = 160, 153
    else:
        units = len(text.encode("utf-16-le")) // 2
        one, many = 70, 67
    parts = (1 if units else 0) if units <= one else -(-units // many)
    return units, parts, "GSM-7" if is_gsm else "Unicode"


def _sms(text: str) -> None:
    units, parts, alphabet = sms_parts(text)
    with div("phone"):
        para(text or "(empty)", "bubble")
    para(f"{plural(units, 'character')}, {plural(parts, 'part')}, {alphabet}", "under-phone")


def _push(content: JsonObject) -> None:
    if content.get("silent"):
        para("A silent push: the app gets the data, the person sees nothing.", "muted")
        copyable(_pretty(content.get("data") or {}), "JSON", name="Data of the push")
        return
    with div("phone"), div("push-card"):
        tag("img", None, src=f"{ASSET_ROUTE}/logo.svg", alt="", width="36", height="36")
        with div("grow"):
            with div("push-top"):
                span(str(content.get("title") or ""), "push-title")
                span("now", "moment")
            para(str(content.get("body") or ""))


# ------------------------------------------------------------------ rich channels


def _feed(content: JsonObject) -> None:
    blocks = [b for b in content.get("blocks") or () if isinstance(b, Mapping)]
    by_name = {str(b.get("name")): b for b in blocks}
    with div("feed-item"):
        tag("i", None, "unread-dot", aria_hidden="true")
        with div("grow"):
            body = by_name.get("body", {})
            # Cleaned when it was rendered; cleaned again here, since a page trusts no stored HTML.
            ui.html(str(body.get("rendered") or "(empty)")).classes("rich")
            buttons = by_name.get("actions", {}).get("buttons")
            if isinstance(buttons, list) and buttons:
                with div("feed-buttons"):
                    for index, item in enumerate(buttons):
                        kind = "feed-button" if index else "feed-button first"
                        span(
                            str(item.get("label") or ""), kind, title=str(item.get("action") or "")
                        )
    action = str(by_name.get("action_url", {}).get("rendered") or "")
    if action:
        _leads_to(action)


def _leads_to(address: str) -> None:
    with tag("p", None, "under-phone"):
        span("A click leads to ")
        if urlsplit(address).scheme in ("http", "https"):
            tag("a", address, href=address, target="_blank", rel="noopener noreferrer")
        else:
            span(address, "mono")


def _chat(content: JsonObject) -> None:
    template = content.get("template") or {}
    blocks = [b for b in template.get("blocks") or () if isinstance(b, Mapping)]
    with div("chat-line"):
        tag("img", None, src=f"{ASSET_ROUTE}/logo.svg", alt="", width="36", height="36")
        with div("grow"):
            with div("push-top"):
                span("Tocsin", "push-title")
                span("app", "app-mark")
            for block in blocks:
                ui.html(compiled_clean(str(block.get("content") or ""))).classes("rich")
    if template.get("json_content") is not None:
        copyable(_pretty(template["json_content"]), "JSON", name="Blocks of the chat message")
    if template.get("summary"):
        para(f"Short form: {template['summary']}", "under-phone")


def _request(content: JsonObject) -> None:
    lines = [f"{str(content.get('method') or 'POST').upper()} {content.get('url') or ''}"]
    for name, value in _pairs(content.get("headers")):
        lines.append(f"{name}: {value}")
    body = content.get("body")
    if body not in (None, ""):
        lines += ["", body if isinstance(body, str) else _pretty(body)]
    copyable("\n".join(lines), "HTTP", name="The request")


def _pairs(headers: Any) -> list[tuple[str, str]]:
    if isinstance(headers, Mapping):
        return [(str(k), str(v)) for k, v in headers.items()]
    found = []
    for item in headers or ():
        if isinstance(item, Mapping):
            found.append((str(item.get("key", "")), str(item.get("value", ""))))
        elif isinstance(item, list | tuple) and len(item) == 2:
            found.append((str(item[0]), str(item[1])))
    return found


def _pretty(data: Any) -> str:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode()
