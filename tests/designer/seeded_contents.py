"""What the seeded messages say, channel by channel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

CHANNELS = {
    "comment-digest": ("in_app_feed", "email"),
    "incident-escalation": ("push", "sms", "chat", "http", "email"),
    "welcome-series": ("email", "in_app_feed"),
    "password-reset": ("email",),
    "invoice-overdue": ("email",),
}
_SUBJECTS = {
    "comment-digest": "3 new comments on Launch plan",
    "incident-escalation": "[critical] checkout-api is not answering",
    "welcome-series": "Welcome to Acme, {name}",
    "password-reset": "Reset your password",
    "invoice-overdue": "Your invoice 2026-118 is due",
}
_MAIL = Path(__file__).with_name("seeded_mail.html").read_text(encoding="utf-8")
_TEXTS = {
    "comment-digest": "Ben Okafor, Emi Tanaka and one more commented on <b>Launch plan</b>"
    " while you were away.",
    "incident-escalation": "<b>checkout-api</b> has not answered for four minutes. The"
    " runbook is one click away.",
    "welcome-series": "It is good to have you here. Your workspace is ready, and your first project"
    " takes two minutes.",
    "password-reset": "Somebody, hopefully you, asked for a new password. It works for an hour.",
    "invoice-overdue": "Invoice 2026-118 over 240.00 EUR was due yesterday. A transfer today keeps"
    " everything running.",
}


def content_of(workflow: str, kind: str, name: str, id_: str) -> dict[str, Any]:
    """Give the rendered content of one seeded message."""
    first, text = name.partition(" ")[0], _TEXTS[workflow]
    plain = text.replace("<b>", "").replace("</b>", "")
    match kind:
        case "email":
            return {
                "from": "Acme <hello@acme.example>",
                "to": f"{id_}@example.com",
                "cc": None,
                "bcc": None,
                "reply_to": "support@acme.example",
                "subject": _SUBJECTS[workflow].format(name=first),
                "html_body": _MAIL.replace("[first]", first).replace("[text]", text),
                "text_body": f"Hello {first},\n\n{plain}\n\nOpen Acme: https://app.example.com/",
            }
        case "in_app_feed":
            body = f"<p><strong>Ben Okafor</strong> commented on <em>Launch plan</em>: {plain}</p>"
            return {
                "blocks": [
                    {"name": "body", "type": "markdown", "content": "…", "rendered": body},
                    {
                        "name": "action_url",
                        "type": "text",
                        "content": "…",
                        "rendered": "https://app.example.com/pages/p1",
                    },
                    {
                        "name": "actions",
                        "type": "button_set",
                        "buttons": [
                            {
                                "name": "primary",
                                "label": "Reply",
                                "action": "https://app.example.com/r",
                            },
                            {"name": "secondary", "label": "Mute page", "action": "/mute"},
                        ],
                    },
                ]
            }
        case "sms":
            return {
                "to": "+493012345678",
                "body": "checkout-api: not answering for 4 min. Reply ACK.",
            }
        case "push":
            return {
                "title": "checkout-api is down",
                "body": "No answer for four minutes. Open the runbook.",
                "data": {},
                "silent": False,
            }
        case "chat":
            block = {
                "name": "body",
                "type": "markdown",
                "content": "*checkout-api* is down since 14:16.\n\n- Region: **eu-west**\n"
                "- On call: Grace\n\n> p99 above 8 s",
            }
            return {"template": {"blocks": [block], "json_content": None, "summary": None}}
        case _:
            return {
                "method": "post",
                "url": "https://status.example.com/hooks/incident",
                "headers": [["Content-Type", "application/json"]],
                "body": '{"service": "checkout-api", "state": "down"}',
            }
