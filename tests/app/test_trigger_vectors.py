"""The vectors of triggers and cancels that only an answer over HTTP can show."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.workflow.kinds import discover
from storage import definitions
from storage.records import WorkflowStatus, WorkflowVersion

FEED = {
    "type": "channel", "ref": "feed_1", "channel_type": "in_app_feed",
    "channel_key": "in_app_feed", "template": {"markdown_body": "hi"},
}  # fmt: skip
SCHEMA = {
    "type": "object",
    "required": ["name"],
    "properties": {"name": {"type": "string"}},
}


@pytest.fixture
def commit(database, clock):
    discover("engine.steps")

    def commit(key, **more):
        definition = {"name": key, "steps": [FEED], **more}
        with database.transaction() as tx:
            definitions.save_draft(tx, "development", key, definition, "h", now=clock.now())
            version = WorkflowVersion(
                id=f"{key}-1", environment="development", key=key, number=1,
                definition=definition, content_hash="h", status=WorkflowStatus.ACTIVE,
                author="test", message="", inserted_at=clock.now(),
            )  # fmt: skip
            definitions.add_version(tx, version)

    return commit


def runs(database):
    return database.read().value("SELECT count(*) FROM runs")


def pass_time(database, clock, by):
    """Let time pass in which every run came to its end."""
    with database.transaction() as tx:
        tx.run("UPDATE runs SET phase = 'done', status = 'completed', ready_at = NULL")
    clock.advance(by)


async def trigger(api, body, key=None, workflow="note"):
    headers = {"idempotency-key": key} if key else {}
    return await api.post(f"/v1/workflows/{workflow}/trigger", json=body, headers=headers)


@pytest.mark.req("V-5")
async def test_a_repeated_key_replays_the_first_answer(api, commit, clock, database):
    commit("note")
    body = {"recipients": ["u1"], "data": {"a": 1, "b": 2}}
    first = await trigger(api, body, "k")
    pass_time(database, clock, timedelta(hours=23))
    again = await trigger(api, {"data": {"b": 2, "a": 1}, "recipients": ["u1"]}, "k")
    assert again.status_code == first.status_code == 200
    assert again.json() == first.json()
    assert again.headers["idempotent-replayed"] == "true"
    assert again.headers["original-x-request-id"] == first.headers["x-request-id"]
    assert "idempotent-replayed" not in first.headers
    assert runs(database) == 1
    pass_time(database, clock, timedelta(hours=1))
    later = await trigger(api, body, "k")
    assert later.json() != first.json()
    assert runs(database) == 2


@pytest.mark.req("V-6")
async def test_a_repeated_key_with_another_body_is_an_error(api, commit, clock, database):
    commit("note")
    commit("other")
    await trigger(api, {"recipients": ["u1"], "data": {"a": 1}}, "k")
    pass_time(database, clock, timedelta(hours=1))
    other_data = await trigger(api, {"recipients": ["u1"], "data": {"a": 2}}, "k")
    other_workflow = await trigger(
        api, {"recipients": ["u1"], "data": {"a": 1}}, "k", workflow="other"
    )
    assert (other_data.status_code, other_workflow.status_code) == (422, 422)
    assert runs(database) == 1


@pytest.mark.req("V-7")
async def test_a_key_of_a_call_that_was_refused_can_be_used(api, commit, database):
    commit("note")
    refused = await trigger(api, {"recipients": []}, "k")
    corrected = await trigger(api, {"recipients": ["u1"]}, "k")
    assert (refused.status_code, corrected.status_code) == (422, 200)
    assert "idempotent-replayed" not in corrected.headers
    assert runs(database) == 1


@pytest.mark.req("V-8")
async def test_data_that_does_not_fit_is_refused_with_the_place_of_the_fault(api, commit, database):
    commit("note", trigger_data_json_schema=SCHEMA)
    refused = await trigger(api, {"recipients": [{"id": "u1", "x": 1}], "data": {"name": 5}})
    assert refused.status_code == 422
    assert "data.name" in refused.text
    assert runs(database) == 0
    assert database.read().value("SELECT count(*) FROM recipients") == 0


@pytest.mark.req("V-145")
@pytest.mark.parametrize("workflow", ["note", "unknown"])
async def test_a_cancel_that_meets_nothing_is_answered_all_the_same(api, commit, workflow):
    commit("note")
    body = {"cancellation_key": "k", "recipients": ["u1", {"collection": "x", "id": "y"}]}
    answer = await api.post(f"/v1/workflows/{workflow}/cancel", json=body)
    assert (answer.status_code, answer.content) == (204, b"")


async def test_an_empty_list_of_recipients_cancels_nobody(api, commit, database):
    commit("note")
    await trigger(api, {"recipients": ["u1"], "cancellation_key": "k"})
    cancelled = "SELECT count(*) FROM runs WHERE status = 'cancelled'"
    body = {"cancellation_key": "k", "recipients": []}
    assert (await api.post("/v1/workflows/note/cancel", json=body)).status_code == 204
    assert database.read().value(cancelled) == 0
    body = {"cancellation_key": "k"}
    assert (await api.post("/v1/workflows/note/cancel", json=body)).status_code == 204
    assert database.read().value(cancelled) == 1
