"""Preferences in the simulator: inline, by channel key, changed while a run waits."""

from __future__ import annotations

from typing import Any

import pytest

from engine.simulate import simulate
from tests.engine.wire import batch, delay, email, feed

Json = dict[str, Any]
ANN = {"id": "ann", "email": "ann@example.com"}
MUTES = {"variable": "recipient.muted", "operator": "not_contains", "argument": "data.page"}


def at(offset: str, **kinds: Any) -> Json:
    return {"at": offset, **kinds}


def played(
    steps: list[Json], script: list[Json], *, settings: Json | None = None, **more: Any
) -> Json:
    named = [{"name": step["ref"], **step} for step in steps]
    workflow = {"name": "Note", "categories": ["news"], "steps": named, "settings": settings or {}}
    return simulate({"workflows": {"note": workflow}, "script": script, **more})


def decided_by(result: Json) -> list[str]:
    """List what kept messages away, in order."""
    entries = [entry for run in result["runs"] for entry in run["timeline"]]
    return [e["detail"]["decided_by"] for e in entries if e["event"] == "step_skipped"]


def trigger(*recipients: Any, **more: Any) -> Json:
    return {"workflow": "note", "recipients": list(recipients), **more}


def test_an_inline_recipients_set_counts_at_once_and_names_channels_by_key() -> None:
    inline = {
        **ANN,
        "preferences": {"default": {"categories": {"news": {"channels": {"email": False}}}}},
    }
    result = played([feed(), email()], [at("+0s", trigger=trigger(inline))])
    assert [m["step"] for m in result["messages"]] == ["feed_1"]
    (why,) = decided_by(result)
    assert why.startswith("recipient.categories.news.channels.")


def test_an_inline_tenants_default_counts_over_the_recipients_own_default() -> None:
    tenant = {"id": "acme", "settings": {"preference_set": {"channel_types": {"email": False}}}}
    user = {**ANN, "preferences": {"default": {"channel_types": {"email": True}}}}
    script = [at("+0s", trigger=trigger("ann", tenant=tenant))]
    assert decided_by(played([email()], script, users=[user])) == ["tenant.channel_types.email"]


def test_what_is_set_while_a_run_waits_counts_when_it_goes_on() -> None:
    no = {"recipient": "ann", "preferences": {"workflows": {"note": False}}}
    script = [at("+0s", trigger=trigger("ann")), at("+1h", set_preferences=no)]
    result = played([email(ref="before"), delay("2h"), email(ref="after")], script, users=[ANN])
    assert [m["step"] for m in result["messages"]] == ["before"]
    assert decided_by(result) == ["recipient.workflows.note"]


@pytest.mark.req("E-140", "E-65")
@pytest.mark.parametrize(("pages", "count"), [(("p2", "p1"), 1), (("p1", "p2"), 0)])
def test_after_a_batch_only_the_first_activity_is_asked(pages: tuple[str, str], count: int) -> None:
    default = {"workflows": {"note": {"conditions": [MUTES]}}}
    user = {**ANN, "muted": ["p1"], "preferences": {"default": default}}
    script = [at(f"+{n}m", trigger=trigger("ann", data={"page": p})) for n, p in enumerate(pages)]
    result = played([batch("10m"), email()], script, users=[user])
    assert len(result["messages"]) == count


@pytest.mark.req("E-149")
@pytest.mark.parametrize(
    ("own", "base", "decides"),
    [
        ({}, {"commercial_subscribed": False}, ["environment.commercial_subscribed"]),
        ({"commercial_subscribed": True}, {"commercial_subscribed": False}, []),
        ({"commercial_subscribed": False}, {}, ["recipient.commercial_subscribed"]),
        ({}, {}, []),
    ],
)
def test_commercial_messages_ask_the_recipient_then_the_environment(
    own: Json, base: Json, decides: list[str]
) -> None:
    result = played(
        [email()], [at("+0s", trigger=trigger("ann"))], settings={"is_commercial": True},
        users=[{**ANN, "preferences": {"default": own}}], environment={"preferences": base},
    )  # fmt: skip
    assert decided_by(result) == decides


def test_an_object_follows_the_same_rules_and_shows_its_sets() -> None:
    project = {"collection": "projects", "id": "p1", "email": "p@example.com",
               "preferences": {"default": {"channels": {"email": False}}}}  # fmt: skip
    shown = {"preferences": {"projects/p1": {"default": {"channels": {"email": False}}}}}
    ref = {"collection": "projects", "id": "p1"}
    result = played(
        [email()], [at("+0s", trigger=trigger(ref))], objects=[project], expect={"state": shown}
    )
    assert (result["messages"], result["failures"]) == ([], [])
