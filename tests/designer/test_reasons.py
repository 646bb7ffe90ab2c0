from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from designer.reasons import ENDINGS, SKIPS, tell

ROOT = Path(__file__).parents[2]
NAMES = {"email_1": "Welcome email"}


def told(event: str, **fields: Any) -> Any:
    entry = {
        "event": event, "status": fields.pop("status", "ok"), "step_ref": "email_1",
        "step_type": "channel:email", "attempt": 1, "inserted_at": "2026-06-03T12:00:00Z",
        "data": fields,
    }  # fmt: skip
    return tell(entry, NAMES, "Europe/Berlin")


@pytest.mark.parametrize("reason", sorted(SKIPS))
def test_every_reason_for_not_sending_is_a_sentence(reason: str) -> None:
    entry = told("step_skipped", reason=reason)

    assert entry.title == "Welcome email was skipped"
    assert entry.sentence[0].isupper()
    assert entry.sentence.endswith(".")
    assert "_" not in entry.sentence


def test_the_published_skip_reasons_are_all_known() -> None:
    published = {
        "conditions_not_met", "channel_not_configured", "preference_opt_out",
        "missing_recipient_data", "invalid_window", "setting_skip_delay",
        "target_workflow_unavailable", "missing_signing_key",
    }  # fmt: skip

    assert published <= set(SKIPS)


def test_every_reason_that_the_engine_writes_down_is_known() -> None:
    source = "\n".join(path.read_text("utf-8") for path in (ROOT / "engine").rglob("*.py"))
    import re

    written = set(re.findall(r'Skip\(\s*reason="(\w+)"', source))
    ended = set(re.findall(r'"run_completed", now, data=\{"reason": "(\w+)"', source))
    assert written
    assert ended
    assert written - set(SKIPS) == set()
    assert ended - set(ENDINGS) == set()


def test_what_is_known_besides_is_told_too() -> None:
    missing = told("step_skipped", reason="missing_recipient_data", missing="phone_number")
    assert missing.sentence.endswith("Missing: phone_number.")
    decided = told("step_skipped", reason="preference_opt_out", decided_by="recipient.categories.x")
    assert "Decided by recipient.categories.x." in decided.sentence
    channel = told("step_skipped", reason="conditions_not_met", of="channel")
    assert channel.sentence == "The conditions of its channel do not hold."


def test_conditions_are_told_one_by_one_with_what_was_found() -> None:
    clauses = [
        {"variable": "recipient.plan", "operator": "equal_to", "argument": "pro", "result": False,
         "actual": "free", "is_missing": False},
        {"variable": "data.n", "operator": "exists", "result": False, "is_missing": True},
        {"variable": "data.m", "operator": "empty", "result": None},
    ]  # fmt: skip
    entry = told("conditions_evaluated", of="step", passed=False, clauses=clauses)

    assert entry.sentence == "They do not hold."
    assert entry.clauses == (
        (False, "the recipient's plan is “pro”: it is “free”"),
        (False, "the data's n exists: there is no such value"),
        (None, "the data's m is empty: not looked at"),
    )


def test_errors_are_marked_and_keep_their_message() -> None:
    entry = told("step_failed", message="Line 3: nope", status="error")

    assert (entry.tone, entry.icon, entry.sentence) == ("bad", "alert", "Line 3: nope")
    assert told("run_completed", reason="step_failed").tone == "bad"
    assert told("run_completed").tone == "ok"


def test_an_event_from_a_newer_release_is_shown_by_its_name() -> None:
    entry = told("moon_phase_checked", reason="too_dark")

    assert (entry.title, entry.sentence) == ("Moon phase checked", "Too dark.")


def test_an_entry_without_instant_or_step_does_not_break_the_page() -> None:
    entry = tell({"event": "run_started"}, {}, "Etc/UTC")

    assert (entry.title, entry.at, entry.step_ref) == ("The run started", None, None)


def test_a_branch_says_why_it_took_its_way() -> None:
    clause = {"variable": "data.severity", "operator": "equal_to", "actual": "major"}
    entry = told(
        "branch_taken",
        branch="Major",
        evaluated=[
            {"branch": name, "clauses": [{**clause, "argument": name.lower(), "result": result}]}
            for name, result in (("Critical", False), ("Major", True))
        ],
    )

    assert [result for result, _ in entry.clauses] == [False, True]
    assert entry.clauses[1][1] == "the data's severity is “major”: it is “major”"
