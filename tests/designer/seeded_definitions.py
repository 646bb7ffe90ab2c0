"""Workflows of an imaginary company, as the seeded world of the designer's tests shows them."""

from __future__ import annotations

from typing import Any


def channel(ref: str, kind: str, name: str, **template: Any) -> dict[str, Any]:
    return {
        "type": "channel",
        "ref": ref,
        "name": name,
        "channel_key": kind,
        "channel_type": kind,
        "template": template,
    }


def when(variable: str, operator: str, argument: Any = None) -> dict[str, Any]:
    return {"all": [{"variable": variable, "operator": operator, "argument": argument}]}


WELCOME = {
    "name": "Welcome series",
    "description": "Greets new people, and reminds those who have not set up their first project.",
    "categories": ["onboarding"],
    "trigger_frequency": "once_per_recipient",
    "trigger_data_json_schema": {
        "type": "object",
        "properties": {
            "plan": {"type": "string", "examples": ["pro"]},
            "seats": {"type": "integer"},
        },
    },
    "steps": [
        channel(
            "email_1", "email", "Welcome email", subject="Welcome to Acme, {{ recipient.name }}"
        ),
        {
            "type": "delay",
            "ref": "delay_1",
            "name": "Give them two days",
            "settings": {"delay_for": {"unit": "days", "value": 2}},
        },
        {
            "type": "branch",
            "ref": "branch_1",
            "name": "Has a project?",
            "branches": [
                {
                    "name": "Not yet",
                    "conditions": when("recipient.projects", "less_than", 1),
                    "terminates": False,
                    "steps": [
                        channel(
                            "in_app_feed_1",
                            "in_app_feed",
                            "Nudge in the app",
                            markdown_body="Your **first project** takes two minutes.",
                        ),
                        channel(
                            "email_2",
                            "email",
                            "Reminder",
                            subject="Two minutes to your first project",
                        ),
                    ],
                },
                {"name": "Already going", "conditions": None, "terminates": True, "steps": []},
            ],
        },
    ],
}

COMMENTS = {
    "name": "Comment digest",
    "description": "Collects comments on a page and tells the people who follow it.",
    "categories": ["collaboration"],
    "steps": [
        {
            "type": "batch",
            "ref": "batch_1",
            "name": "Collect comments",
            "settings": {
                "batch_window": {"unit": "minutes", "value": 10},
                "batch_key": "data.page_id",
            },
        },
        channel(
            "in_app_feed_1",
            "in_app_feed",
            "In-app",
            markdown_body="**{{ actor.name }}** commented on *{{ page }}*",
        ),
        {
            "type": "delay",
            "ref": "delay_1",
            "settings": {"delay_for": {"unit": "hours", "value": 1}},
        },
        {
            **channel(
                "email_1", "email", "Email if unread", subject="{{ total_activities }} new comments"
            ),
            "conditions": when(
                "refs.in_app_feed_1.delivery_status", "not_equal_to", "$message.read"
            ),
        },
    ],
}

INCIDENT = {
    "name": "Incident escalation",
    "description": "Wakes whoever is on call, then everybody.",
    "categories": ["operations"],
    "settings": {"override_preferences": True},
    "steps": [
        {
            "type": "throttle",
            "ref": "throttle_1",
            "name": "Once per alert",
            "settings": {
                "throttle_window": {"unit": "hours", "value": 1},
                "throttle_limit": 1,
                "throttle_key": "data.alert_id",
            },
        },
        {
            "type": "branch",
            "ref": "branch_1",
            "name": "How bad?",
            "branches": [
                {
                    "name": "Critical",
                    "conditions": when("data.severity", "equal_to", "critical"),
                    "terminates": False,
                    "steps": [
                        channel(
                            "push_1",
                            "push",
                            "Push",
                            title="{{ service }} is down",
                            text_body="Open the runbook",
                        ),
                        channel(
                            "sms_1", "sms", "Text message", text_body="{{ service }}: {{ summary }}"
                        ),
                        {
                            "type": "delay",
                            "ref": "delay_1",
                            "name": "Five minutes to acknowledge",
                            "settings": {"delay_for": {"unit": "minutes", "value": 5}},
                        },
                        channel(
                            "chat_1",
                            "chat",
                            "Tell the channel",
                            markdown_body="*{{ service }}* is down",
                        ),
                    ],
                },
                {
                    "name": "Everything else",
                    "conditions": None,
                    "terminates": False,
                    "steps": [
                        channel(
                            "email_1", "email", "Email", subject="[{{ severity }}] {{ service }}"
                        ),
                    ],
                },
            ],
        },
        channel(
            "http_1", "http", "Status page", url="https://status.example.com/hooks", method="post"
        ),
    ],
}

RESET = {
    "name": "Password reset",
    "description": "",
    "categories": ["security"],
    "steps": [channel("email_1", "email", "Reset link", subject="Reset your password")],
}

INVOICE = {
    "name": "Invoice overdue",
    "description": "Three friendly reminders, a week apart.",
    "categories": ["billing"],
    "steps": [
        {
            "type": "http_fetch",
            "ref": "fetch_1",
            "name": "Ask billing",
            "settings": {
                "method": "get",
                "url": "https://billing.example.com/invoices/{{ invoice }}",
            },
        },
        {
            **channel(
                "email_1", "email", "First reminder", subject="Your invoice {{ invoice }} is due"
            ),
            "conditions": {
                "any": [
                    {"variable": "data.fetch_1.status", "operator": "equal_to", "argument": "open"},
                    {
                        "variable": "recipient.plan",
                        "operator": "equal_to",
                        "argument": "enterprise",
                    },
                ]
            },
        },
    ],
}

DEFINITIONS: dict[str, dict[str, Any]] = {
    "comment-digest": COMMENTS,
    "incident-escalation": INCIDENT,
    "welcome-series": WELCOME,
    "password-reset": RESET,
    "invoice-overdue": INVOICE,
}
