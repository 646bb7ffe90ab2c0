"""Show states in words and colours, the same everywhere."""

from __future__ import annotations

from typing import Final

from designer.elements import Tag, badge

# status: (words, tone)
RUNS: Final = {
    "queued": ("Queued", "info"),
    "processing": ("Running", "info"),
    "paused": ("Waiting", "wait"),
    "completed": ("Completed", "ok"),
    "cancelled": ("Cancelled", "idle"),
}
MESSAGES: Final = {
    "queued": ("Queued", "wait"),
    "sent": ("Sent", "ok"),
    "delivered": ("Delivered", "ok"),
    "delivery_attempted": ("Trying again", "wait"),
    "undelivered": ("Undelivered", "bad"),
    "bounced": ("Bounced", "bad"),
    "not_sent": ("Not sent", "idle"),
}
WORKFLOWS: Final = {
    "active": ("Active", "ok"),
    "inactive": ("Inactive", "idle"),
    "archived": ("Archived", "idle"),
}


def run_badge(status: str, errors: int = 0, *, is_parked: bool = False) -> Tag:
    """Show a run's status; one that ended with errors is shown as failed, or as parked."""
    if is_parked:
        return badge("Parked", "bad").mark("run-parked")
    if errors and status == "completed":
        return badge("Failed", "bad").mark("run-failed")
    words, tone = RUNS.get(status, (status, "idle"))
    return badge(words, tone).mark(f"run-{status}")


def message_badge(status: str) -> Tag:
    """Show how far a message got."""
    words, tone = MESSAGES.get(status, (status, "idle"))
    return badge(words, tone)


def workflow_badge(status: str) -> Tag:
    """Show whether a workflow takes triggers."""
    words, tone = WORKFLOWS.get(status, (status, "idle"))
    return badge(words, tone)
