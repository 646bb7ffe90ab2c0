"""Count runs that break the rule "exactly one of ready, leased, waiting" (architecture 3.6)."""

from __future__ import annotations

from typing import Final

from storage.sql import Sql

CHECKS: Final = {
    "timer_without_row": (
        "SELECT id FROM runs WHERE phase = 'timer' AND NOT EXISTS"
        " (SELECT 1 FROM timers t WHERE t.subject = runs.id AND t.generation = runs.row_version)"
    ),
    "window_not_open": (
        "SELECT id FROM runs WHERE phase = 'window' AND NOT EXISTS"
        " (SELECT 1 FROM windows w WHERE w.holder_run_id = runs.id AND w.closed_at IS NULL)"
    ),
    "window_without_timer": (
        "SELECT id FROM windows w WHERE w.closed_at IS NULL AND NOT EXISTS"
        " (SELECT 1 FROM timers t WHERE t.subject = w.id AND t.generation = w.generation)"
    ),
    "call_without_row": (
        "SELECT id FROM runs WHERE phase = 'call' AND NOT EXISTS"
        " (SELECT 1 FROM calls c WHERE c.run_id = runs.id)"
    ),
    "ended_but_not_done": (
        "SELECT id FROM runs WHERE status IN ('completed', 'cancelled') AND phase <> 'done'"
    ),
    "done_but_not_ended": (
        "SELECT id FROM runs WHERE phase = 'done' AND status NOT IN ('completed', 'cancelled')"
    ),
    "ready_without_time": "SELECT id FROM runs WHERE phase = 'ready' AND ready_at IS NULL",
    "queued_without_outbox": (
        "SELECT id FROM messages WHERE status = 'queued' AND NOT EXISTS"
        " (SELECT 1 FROM outbox o WHERE o.message_id = messages.id)"
    ),
    "orphan_run": (
        "SELECT id FROM runs WHERE NOT EXISTS (SELECT 1 FROM triggers t WHERE t.id ="
        " runs.trigger_id)"
    ),
}


def violations(sql: Sql, limit: int = 20) -> dict[str, list[str]]:
    """Return the ids that break each rule; an empty answer is a clean bill."""
    found: dict[str, list[str]] = {}
    for name, query in CHECKS.items():
        ids = [row[0] for row in sql.rows(f"{query} LIMIT ?", (limit,))]
        if ids:
            found[name] = ids
    return found
