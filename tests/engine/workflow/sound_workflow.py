"""A workflow without problems, and the way to the parts that tests break."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from storage.records import WorkflowStatus, WorkflowVersion

CHANNELS = {"email": "email", "in-app": "in_app_feed", "sms": "sms"}
WHEN = {"all": [{"variable": "data.plan", "operator": "equal_to", "argument": "pro"}]}


def good() -> dict[str, Any]:
    return {
        "name": "Welcome",
        "description": "Greets",
        "categories": ["news"],
        "trigger_frequency": "once_per_recipient",
        "trigger_data_json_schema": {"type": "object", "properties": {"plan": {"type": "string"}}},
        "steps": [
            {
                "type": "channel",
                "channel_type": "in_app_feed",
                "channel_key": "in-app",
                "ref": "feed",
                "template": {"markdown_body": "Hi {{ recipient.name }}"},
            },
            {
                "type": "delay",
                "ref": "wait",
                "settings": {"delay_for": {"unit": "hours", "value": 1}},
            },
            {
                "type": "branch",
                "ref": "split",
                "branches": [
                    {
                        "name": "Pro",
                        "conditions": copy.deepcopy(WHEN),
                        "terminates": False,
                        "steps": [
                            {
                                "type": "channel",
                                "channel_type": "email",
                                "channel_key": "email",
                                "ref": "mail",
                                "conditions": {
                                    "all": [
                                        {
                                            "variable": "refs.feed.engagement_status",
                                            "operator": "not_contains",
                                            "argument": "$message.seen",
                                        }
                                    ]
                                },
                                "template": {"subject": "Hi", "html_body": "<p>Hi</p>"},
                            }
                        ],
                    },
                    {"name": "Default", "terminates": False, "steps": []},
                ],
            },
        ],
    }


def branch(d: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = d["steps"][2]
    return found


def mail(d: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = branch(d)["branches"][0]["steps"][0]
    return found


def committed(definition: dict[str, Any], number: int = 1) -> WorkflowVersion:
    return WorkflowVersion(
        id=f"v-{number}",
        environment="development",
        key="w",
        number=number,
        definition=definition,
        content_hash="h",
        status=WorkflowStatus.ACTIVE,
        author="ann",
        message="",
        inserted_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
