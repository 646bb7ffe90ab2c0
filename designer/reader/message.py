"""Show one message: its head, what the recipient sees, and how its delivery went."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from designer.elements import Moment, copyable, div, icon, link, para, span, tag, visually_hidden
from designer.reader.previews import draw_content
from designer.states import message_badge
from designer.times import clock_time, exact
from designer.visit import Visit
from designer.wording import channel_icon, channel_title, plain, recipient_title
from storage.dashboard import recipient_names
from storage.logs import delivery_logs, message_events
from storage.message_pages import headline, message_with_content
from storage.records import JsonObject, Message, MessageEvent

_EVENTS = {
    "created": "Created",
    "queued": "Waiting to be sent",
    "sent": "Accepted by the provider",
    "delivered": "Delivered",
    "delivery_attempted": "An attempt failed; it is tried again",
    "undelivered": "Given up",
    "bounced": "The recipient's address was refused",
    "not_sent": "Not sent: the channel is in sandbox mode",
    "seen": "Seen",
    "unseen": "Marked as unseen",
    "read": "Read",
    "unread": "Marked as unread",
    "interacted": "Interacted with",
    "link_clicked": "A link was clicked",
    "archived": "Archived",
    "unarchived": "Taken out of the archive",
}
_FAILURES = {
    "retries_exhausted": "every attempt failed",
    "fatal_error": "the provider will never take it",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A message with its content, its recipient's name and the story of its delivery."""

    message: Message
    content: JsonObject
    name: str | None
    workflow: str
    events: tuple[MessageEvent, ...]
    attempts: tuple[tuple[JsonObject, datetime], ...]


def open_message(visit: Visit, message_id: str) -> Opened | None:
    """Read everything about one message; slow enough for a thread."""
    sql = visit.database.read()
    found = message_with_content(sql, visit.key, message_id)
    if found is None:
        return None
    message, content = found
    names = visit.services.catalog.names(sql, visit.key)
    return Opened(
        message=message,
        content=content,
        name=recipient_names(sql, visit.key, [message.recipient]).get(message.recipient),
        workflow=names.get(message.workflow, message.workflow),
        events=tuple(message_events(sql, visit.key, message_id)),
        attempts=tuple((entry, at) for _, entry, at in delivery_logs(sql, visit.key, message_id)),
    )


def draw_message(visit: Visit, opened: Opened, back: str) -> None:
    """Draw the message pane; `back` leads to the list, on a phone."""
    message = opened.message
    with tag("article", None, "message", aria_labelledby="message-title"):
        with div("message-head"):
            with link(None, back, "crumb phone-only"):
                icon("left")
                span("All messages")
            with div("message-line"):
                with div("tile"):
                    icon(channel_icon(message.channel_type))
                with div("grow"):
                    tag("h2", _title(opened), "message-title", id="message-title")
                    _addressing(opened)
                with div("message-state"):
                    message_badge(message.status.value)
                    Moment(message.inserted_at, visit.now, visit.zone)
        with div("message-body"):
            draw_content(visit, message, opened.content)
        with div("message-foot"):
            _context(visit, opened)
            _story(visit, opened)
            _raw(opened)


def _title(opened: Opened) -> str:
    kind = opened.message.channel_type
    title = plain(headline(kind, opened.content)[0], 160)
    return title if kind in ("email", "push", "http") and title else channel_title(kind)


def _addressing(opened: Opened) -> None:
    message, content = opened.message, opened.content
    who = recipient_title(message.recipient, opened.name)
    with tag("dl", None, "addressing"):
        for name, value in (
            ("To", _to(who, message, content)),
            ("From", content.get("from")),
            ("Reply to", content.get("reply_to")),
            ("Cc", content.get("cc")),
            ("Bcc", content.get("bcc")),
        ):
            if value:
                with div():
                    tag("dt", name)
                    tag("dd", str(value))


def _to(who: str, message: Message, content: JsonObject) -> str:
    address = content.get("to") or (message.address if "@" in message.address else "")
    return f"{who} <{address}>" if address else who


def _context(visit: Visit, opened: Opened) -> None:
    message = opened.message
    with tag("dl", None, "facts"):
        tag("dt", "Workflow")
        with tag("dd"):
            link(opened.workflow, visit.address(f"workflows/{message.workflow}"))
            span(f" step {message.step_ref}", "muted")
        tag("dt", "Run")
        with tag("dd"):
            link("What led to this message", visit.address(f"runs/{message.run_id}"))
        if message.tenant:
            tag("dt", "Tenant")
            tag("dd", message.tenant)
        tag("dt", "Provider")
        tag("dd", _provider(message))
        tag("dt", "Message id")
        with tag("dd"), tag("span", None, "with-copy"):
            span(message.id, "mono clip")
            with tag("button", None, "copy", type_="button", data_copy=message.id):
                icon("copy")
                visually_hidden("Copy the message id")


def _provider(message: Message) -> str:
    named = {"catch_all": "None: caught here, nothing left the server", "in_app_feed": "The feed"}
    return named.get(message.provider) or message.provider.replace("_", " ").capitalize()


def _story(visit: Visit, opened: Opened) -> None:
    if not opened.events:
        return
    tag("h3", "What happened to it", "foot-title")
    with tag("ol", None, "events"):
        for event in opened.events:
            with tag("li"):
                tag(
                    "time", clock_time(event.inserted_at, visit.zone), "moment number",
                    datetime=event.inserted_at.isoformat(),
                    title=exact(event.inserted_at, visit.zone),
                )  # fmt: skip
                span(event_sentence(event.event, event.data, opened.message.provider))
    for entry, at in opened.attempts:
        with tag("details", None, "raw"):
            tag("summary", f"Exchange with the provider at {clock_time(at, visit.zone)}")
            copyable(_pretty(entry), "JSON", name="Exchange with the provider")


def event_sentence(event: str, data: dict[str, Any], provider: str = "") -> str:
    """Say one event of a message in words, with the reason if there is one."""
    short = event.removeprefix("message.")
    if short == "sent" and provider == "catch_all":
        return "Caught here; nothing left the server"
    text = _EVENTS.get(short, short.replace("_", " ").capitalize())
    attempt, of = data.get("attempt"), data.get("max_attempts")
    if attempt and of and short == "delivery_attempted":
        text = f"Attempt {attempt} of {of} failed"
    why = [_FAILURES.get(str(data.get("failure_reason")), ""), str(data.get("reason") or "")]
    told = ", ".join(part for part in why if part)
    return f"{text}: {told}" if told else text


def _raw(opened: Opened) -> None:
    with tag("details", None, "raw"):
        tag("summary", "Data it was rendered with")
        copyable(_pretty(opened.message.data), "JSON", name="Data it was rendered with")
    with tag("details", None, "raw"):
        tag("summary", "Content as the provider gets it")
        copyable(_pretty(opened.content), "JSON", name="Content as the provider gets it")
    if opened.message.channel_type == "email" and not opened.content.get("text_body"):
        para("This email has no text part.", "muted")


def _pretty(data: Any) -> str:
    return orjson.dumps(data, option=orjson.OPT_INDENT_2, default=str).decode()
