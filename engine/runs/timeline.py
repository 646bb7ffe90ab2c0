"""Write timeline entries: what happened to a run, and why (engine E-28)."""

from __future__ import annotations

from datetime import datetime

from engine.timing.instants import format_instant
from storage.records import JsonObject


def entry(
    event: str,
    now: datetime,
    *,
    step_ref: str | None = None,
    step_type: str | None = None,
    data: JsonObject | None = None,
    status: str = "ok",
    attempt: int = 1,
) -> JsonObject:
    """Build one entry in the shape that the API shows."""
    return {
        "event": event,
        "status": status,
        "step_ref": step_ref,
        "step_type": step_type,
        "attempt": attempt,
        "data": data or {},
        "inserted_at": format_instant(now),
    }
