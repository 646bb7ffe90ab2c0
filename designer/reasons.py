"""Say in plain sentences what happened to a run, and above all why something was not sent."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from designer.outline import kind_icon, kind_title
from designer.times import exact
from designer.wording import channel_title, condition, value
from engine.conditions.timestamps import parse_timestamp
from storage.records import JsonObject

# Why a step was passed over (engine E-28), and why a run ended early.
SKIPS: Final[Mapping[str, str]] = {
    "conditions_not_met": "Its conditions do not hold.",
    "channel_not_configured": "Its channel is not set up in this environment.",
    "preference_opt_out": "The recipient's preferences switch this off.",
    "missing_recipient_data": "The recipient lacks the address this channel needs.",
    "invalid_window": "The time or key it should use is missing or malformed: it was passed over.",
    "setting_skip_delay": "The trigger asked for delays to be skipped.",
    "target_workflow_unavailable": "The workflow it should start is missing or not active.",
    "missing_signing_key": "The key that signs this webhook is empty.",
}
ENDINGS: Final[Mapping[str, str]] = {
    "trigger_conditions_not_met": "The workflow's own conditions do not hold for this recipient.",
    "throttled": "The throttle had let its number through already.",
    "trigger_frequency_reached": "This workflow runs once per recipient, and it already had.",
    "activity_batched": "Its activity joined a batch that an earlier run holds.",
    "step_failed": "A step failed for good.",
    "branch_terminated": "The branch it took ends the run.",
    "workflow_inactive": "The workflow was switched off.",
    "workflow_archived": "The workflow was archived.",
    "step_removed": "The step it waited in is gone from the newest version.",
    "batch_empty": "Everything its batch had collected was cancelled.",
    "recipient_deleted": "The recipient was deleted.",
    "cancellation_key": "The application cancelled it.",
    "cancelled": "The application cancelled it.",
    "wait_matched": "The event it waited for arrived.",
    "wait_timed_out": "The event it waited for never came.",
}
_TONES: Final = {
    "step_failed": "bad",
    "run_failed": "bad",
    "batch_warning": "bad",
    "step_retried": "wait",
    "step_skipped": "idle",
    "throttle_reached": "idle",
    "trigger_frequency_reached": "idle",
    "activity_batched": "idle",
    "run_cancelled": "idle",
    "activity_cancelled": "idle",
    "step_paused": "wait",
    "batch_opened": "wait",
    "batch_held": "wait",
    "message_enqueued": "ok",
    "run_completed": "ok",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A timeline entry for people: a headline, a sentence, the conditions."""

    at: datetime | None
    title: str
    sentence: str
    tone: str
    icon: str
    step_ref: str | None
    clauses: tuple[tuple[bool | None, str], ...] = ()
    message_id: str | None = None


def tell(entry: Mapping[str, Any], names: Mapping[str, str], zone: str) -> Told:
    """Turn one entry into words; `names` gives the steps' names by ref."""
    event, data = str(entry.get("event", "")), dict(entry.get("data") or {})
    ref = entry.get("step_ref")
    kind = str(entry.get("step_type") or "")
    step = names.get(str(ref)) or (kind_title(kind) if kind else str(ref or "The step"))
    write = _EVENTS.get(event, _anything)
    title, sentence = write(_Entry(event, data, step, zone, kind))
    tone = "bad" if entry.get("status") == "error" else _TONES.get(event, "")
    if event == "run_completed" and data.get("reason"):
        tone = "bad" if data["reason"] == "step_failed" else "idle"
    return Told(
        at=parse_timestamp(entry.get("inserted_at")),
        title=title,
        sentence=sentence,
        tone=tone,
        icon=_icon(event, kind, tone),
        step_ref=str(ref) if ref else None,
        clauses=tuple(_clauses(data)),
        message_id=str(data["message_id"]) if data.get("message_id") else None,
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    event: str
    data: JsonObject
    step: str
    zone: str
    kind: str

    def when(self, key: str) -> str:
        instant = parse_timestamp(self.data.get(key))
        return exact(instant, self.zone) if instant else ""


def _icon(event: str, kind: str, tone: str) -> str:
    fixed = {
        "run_started": "trigger",
        "step_skipped": "skip",
        "step_paused": "delay",
        "run_completed": "check",
        "run_cancelled": "stop",
        "run_resumed": "play",
        "run_retried": "play",
        "branch_taken": "branch",
    }
    if tone == "bad":
        return "alert"
    return fixed.get(event) or (kind_icon(kind) if kind else "step")


def reason_sentence(reason: str, data: Mapping[str, Any]) -> str:
    """Say why in one sentence, with what the entry knows besides."""
    text = SKIPS.get(reason) or ENDINGS.get(reason) or f"{reason.replace('_', ' ').capitalize()}."
    if reason == "conditions_not_met" and data.get("of") == "channel":
        text = "The conditions of its channel do not hold."
    if reason == "preference_opt_out" and data.get("decided_by"):
        text = f"{text} Decided by {data['decided_by']}."
    if reason == "missing_recipient_data" and data.get("missing"):
        missing = str(data["missing"]).replace(": ", "; ")
        text = f"{text} Missing: {missing}."
    if reason == "channel_not_configured" and data.get("channel"):
        text = f"Its channel “{data['channel']}” is not set up in this environment."
    if data.get("message"):
        text = f"{text} {data['message']}"
    return text


def _clauses(data: Mapping[str, Any]) -> list[tuple[bool | None, str]]:
    # A branch tries its arms in order: each has clauses of its own.
    tried = data.get("evaluated")
    parts = [data, *tried] if isinstance(tried, list) else [data]
    given = [clause for part in parts for clause in part.get("clauses") or ()]
    found: list[tuple[bool | None, str]] = []
    for clause in given:
        text = condition(clause)
        result = clause.get("result")
        if result is None:
            found.append((None, f"{text}: not looked at"))
        elif clause.get("is_missing"):
            found.append((result, f"{text}: there is no such value"))
        else:
            found.append((result, f"{text}: it is {value(clause.get('actual'))}"))
    return found


def _skipped(e: _Entry) -> tuple[str, str]:
    return f"{e.step} was skipped", reason_sentence(str(e.data.get("reason", "")), e.data)


def _ended(e: _Entry) -> tuple[str, str]:
    verb = "was cancelled" if e.event == "run_cancelled" else "completed"
    reason = e.data.get("reason")
    return f"The run {verb}", reason_sentence(str(reason), e.data) if reason else ""


def _checked(e: _Entry) -> tuple[str, str]:
    whose = {"channel": f"Conditions of {e.step}'s channel", "step": f"Conditions of {e.step}"}
    subject = whose.get(str(e.data.get("of")), "Conditions of the workflow")
    return subject, "They hold." if e.data.get("passed") else "They do not hold."


def _paused(e: _Entry) -> tuple[str, str]:
    until = e.when("until") or e.when("closes")
    return f"{e.step} waits", f"Until {until}." if until else ""


def _batched(e: _Entry) -> tuple[str, str]:
    titles = {
        "batch_opened": f"{e.step} opened a batch",
        "batch_held": f"{e.step} holds the batch",
        "activity_batched": f"{e.step} joined an open batch",
        "batch_flushed_leading": f"{e.step} let the first one through",
    }
    closes = e.when("closes")
    return titles[e.event], f"It closes on {closes}." if closes else ""


def _closed(e: _Entry) -> tuple[str, str]:
    number = e.data.get("total_activities")
    return f"{e.step} closed", f"It collected {number}." if number is not None else ""


def _branch(e: _Entry) -> tuple[str, str]:
    name = e.data.get("branch") or e.data.get("cohort") or "the default"
    why = "No other way's conditions hold." if e.data.get("default") else ""
    return f"{e.step} took “{name}”", why


def _enqueued(e: _Entry) -> tuple[str, str]:
    channel = e.data.get("channel")
    through = f" through {channel}" if channel else ""
    kind = channel_title(str(e.data.get("channel_type") or e.kind))
    return f"{e.step}: message created", f"{kind}{through}."


def _failed(e: _Entry) -> tuple[str, str]:
    verb = "failed and will be tried again" if e.event == "step_retried" else "failed"
    subject = "The run" if e.event == "run_failed" else e.step
    return f"{subject} {verb}", str(e.data.get("message") or "")


def _retried(e: _Entry) -> tuple[str, str]:
    by = e.data.get("by")
    return "The run is tried again", f"Asked for by {by}." if by else ""


def _plainly(title: str, sentence: str = "") -> Callable[[_Entry], tuple[str, str]]:
    return lambda e: (title.replace("{step}", e.step), sentence.replace("{step}", e.step))


def _anything(e: _Entry) -> tuple[str, str]:
    title = e.event.replace("_", " ").replace(".", " ").capitalize() or "Something happened"
    reason = e.data.get("reason")
    return title, reason_sentence(str(reason), e.data) if reason else ""


_EVENTS: Final[Mapping[str, Callable[[_Entry], tuple[str, str]]]] = {
    "run_started": _plainly("The run started"),
    "run_resumed": _plainly("The run went on"),
    "run_completed": _ended,
    "run_cancelled": _ended,
    "run_failed": _failed,
    "run_retried": _retried,
    "trigger_conditions_evaluated": _checked,
    "conditions_evaluated": _checked,
    "step_started": _plainly("{step} started"),
    "step_completed": _plainly("{step} is done"),
    "step_skipped": _skipped,
    "step_paused": _paused,
    "step_retried": _failed,
    "step_failed": _failed,
    "branch_taken": _branch,
    "message_enqueued": _enqueued,
    "throttle_passed": _plainly("{step} let it through"),
    "throttle_reached": _plainly("{step} stopped it", "Its number was used up."),
    "trigger_frequency_reached": _plainly("This recipient already had its run"),
    "batch_opened": _batched,
    "batch_held": _batched,
    "activity_batched": _batched,
    "batch_flushed_leading": _batched,
    "batch_closed": _closed,
    "batch_warning": _failed,
    "activity_cancelled": _plainly("Its activity was taken out of the batch"),
}
