"""The sample workflows are what people see first: they are valid, whole and readable."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from jsonschema import Draft202012Validator
from sound_workflow import committed

from engine.render.core import render_one
from engine.render.requests import RenderRequest
from engine.workflow.compile import compile_plan
from engine.workflow.definition import Place, steps_of, walk
from engine.workflow.kinds import discover, kind_of
from engine.workflow.project import read_project, write_project
from engine.workflow.validate import project_problems

discover("engine.steps")

ROOT = Path(__file__).parents[3] / "sample_workflows"
PROJECT = read_project(ROOT)
PEOPLE = orjson.loads((ROOT / "people.json").read_bytes())
USERS = {user["id"]: user for user in PEOPLE["users"]}
CHANNELS = {
    "in-app": "in_app_feed",
    "email": "email",
    "sms": "sms",
    "push": "push",
    "chat": "chat",
    "webhook": "http",
}
KINDS = {
    "branch",
    "batch",
    "delay",
    "throttle",
    "http_fetch",
    "random_cohort",
    "trigger_workflow",
    "update_data",
    "update_object",
    "update_tenant",
    "update_user",
    *(f"channel:{type_}" for type_ in CHANNELS.values()),
}
KEYS = sorted(PROJECT.workflows)


def payload(key: str) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads((ROOT / "payloads" / f"{key}.json").read_bytes())
    return found


def scope(key: str, **changes: Any) -> dict[str, Any]:
    body = payload(key)
    data = {**body.get("data", {}), **changes}
    actor = USERS.get(body.get("actor", ""))
    activity = {**data, "data": data, "actor": actor, "inserted_at": "2026-06-03T12:00:00Z"}
    first = body["recipients"][0]
    return {
        "recipient": USERS[first if isinstance(first, str) else "ben"],
        "data": data,
        "actor": actor,
        "actors": [actor] if actor else [],
        "tenant": {"id": body["tenant"]} if body.get("tenant") else None,
        "vars": {},
        "workflow": {"key": key},
        "activities": [activity],
        "total_activities": 1,
        "total_actors": 1 if actor else 0,
    }


def channel_steps() -> list[Any]:
    return [
        pytest.param(key, place, id=f"{key}-{place.ref}")
        for key in KEYS
        for place in walk(steps_of(PROJECT.workflows[key].definition))
        if place.step["type"] == "channel"
    ]


def test_every_sample_is_without_problems() -> None:
    assert len(KEYS) >= 8
    assert project_problems(PROJECT, channels=CHANNELS) == []


@pytest.mark.parametrize("key", KEYS)
def test_every_sample_compiles(key: str) -> None:
    assert compile_plan(committed(PROJECT.workflows[key].definition)).steps


def test_the_samples_show_every_kind_of_step() -> None:
    shown = {
        kind_of(place.step)
        for source in PROJECT.workflows.values()
        for place in walk(steps_of(source.definition))
    }
    assert shown == KINDS


def test_the_samples_come_back_byte_for_byte(tmp_path: Path) -> None:
    names = write_project(PROJECT, tmp_path)
    originals = [p for p in (ROOT / "knock").rglob("*") if p.is_file()]
    assert len(names) == len(originals) + 1
    for name in names:
        assert (tmp_path / name).read_bytes() == (ROOT / name).read_bytes(), name


def test_the_samples_are_laid_out_as_an_export_would(tmp_path: Path) -> None:
    for source in PROJECT.workflows.values():
        for name, content in source.files.items():
            if name.endswith("workflow.json"):
                option = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE
                assert orjson.dumps(orjson.loads(content), option=option) == content, source.key


@pytest.mark.parametrize("key", KEYS)
def test_every_sample_has_a_payload_that_fits_and_names_known_people(key: str) -> None:
    body = payload(key)
    schema = PROJECT.workflows[key].definition.get("trigger_data_json_schema", {})
    Draft202012Validator(schema).validate(body.get("data", {}))
    objects = {(o["collection"], o["id"]) for o in PEOPLE["objects"]}
    for recipient in body["recipients"]:
        known = (
            recipient in USERS
            if isinstance(recipient, str)
            else (recipient["collection"], recipient["id"]) in objects
        )
        assert known, recipient
    assert body.get("actor") in {None, *USERS}
    assert body.get("tenant") in {None, *(tenant["id"] for tenant in PEOPLE["tenants"])}


def test_subscriptions_join_known_people_and_objects() -> None:
    objects = [{"collection": o["collection"], "id": o["id"]} for o in PEOPLE["objects"]]
    for subscription in PEOPLE["subscriptions"]:
        assert subscription["object"] in objects
        assert set(subscription["recipients"]) <= set(USERS)
    channels = {key for user in USERS.values() for key in user.get("channel_data", {})}
    assert channels == {"push", "chat"}


def render(place: Place, scope: dict[str, Any]) -> dict[str, Any]:
    type_ = place.step["channel_type"]
    request = RenderRequest(
        kind="fields" if type_ == "http" else type_,
        template=place.step["template"],
        scope=scope,
        strict=False,
        now=datetime(2026, 6, 3, 12, tzinfo=UTC),
    )
    result = render_one(request)
    assert result.ok, result.errors
    assert not result.warnings
    output: dict[str, Any] = result.output
    return output


@pytest.mark.parametrize(("key", "place"), channel_steps())
def test_every_template_renders_with_its_payload(key: str, place: Place) -> None:
    output = render(place, scope(key))
    text = orjson.dumps(output).decode()
    if place.step["channel_type"] != "in_app_feed":  # a feed item carries its source too
        assert "{{" not in text
        assert "{%" not in text
    if place.step["channel_type"] == "email":
        assert output["subject"].strip()
        assert "<h" in output["html_body"]
        assert output["text_body"].strip()
    if place.step["channel_type"] == "http":
        assert orjson.loads(output["body"])["event"] == "invoice.paid"
    if place.step["channel_type"] == "sms":
        assert len(output["body"]) <= 160


def test_comments_are_counted_and_named_in_words() -> None:
    steps = {p.ref: p for p in walk(steps_of(PROJECT.workflows["new-comment"].definition))}
    one = scope("new-comment")
    subject = render(steps["email_1"], one)["subject"]
    assert subject == "1 new comment on Launch plan"
    many = {**one, "activities": one["activities"] * 2, "total_activities": 12, "total_actors": 3}
    output = render(steps["email_1"], many)
    assert output["subject"] == "12 new comments on Launch plan"
    assert "Chloé Martin and 2 others" in output["html_body"]
    assert "and 10 more on the page" in output["html_body"]
    feed = render(steps["in_app_feed_1"], many)["blocks"][0]["rendered"]
    assert "12 comments" in feed


def test_an_order_tells_what_the_carrier_said() -> None:
    place = next(walk(steps_of(PROJECT.workflows["order-update"].definition)[1:]))
    parcel = {"status": "Out for delivery", "expected_on": "2026-06-04T00:00:00Z"}
    output = render(place, scope("order-update", parcel=parcel))
    assert "Out for delivery" in output["html_body"]
    assert "Thursday, 4 June" in output["text_body"]
    assert "€64.40" in output["html_body"]
    without = render(place, scope("order-update"))
    assert "handed your parcel to the carrier" in without["html_body"]
