"""A trigger becomes delivered messages, through the verbs that the executor uses."""

from datetime import timedelta

import pytest

from engine.errors import IdempotencyMismatch, InvalidInput, NotFound
from storage.invariants import violations
from storage.records import DeliveryStatus, RunStatus, WorkflowStatus
from tests.engine.world import World

IN_APP = {
    "type": "channel", "ref": "in_app_feed_1", "channel_type": "in_app_feed",
    "channel_key": "in_app_feed",
    "template": {"markdown_body": "Hi **{{ recipient.name }}**", "action_url": "/x"},
}  # fmt: skip
EMAIL = {
    "type": "channel", "ref": "email_1", "channel_type": "email", "channel_key": "email",
    "template": {
        "subject": "Hello {{ recipient.name }}", "settings": {},
        "html_body": "<p>{{ data.text }}</p>",
    },
}  # fmt: skip


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.channels()
    world.user("ann", name="Ann", email="ann@example.com")
    yield world
    assert violations(world.sql()) == {}
    world.close()


def test_a_trigger_delivers_to_feed_and_inbox(world):
    world.workflow("hello", [IN_APP, EMAIL])
    world.trigger("hello", "ann", data={"text": "a < b"})
    feed, mail = world.messages("in_app_feed_1")[0], world.messages("email_1")[0]
    assert feed.status is DeliveryStatus.DELIVERED
    assert mail.status is DeliveryStatus.SENT
    assert world.content(mail)["subject"] == "Hello Ann"
    assert "a &lt; b" in world.content(mail)["html_body"]
    assert world.content(feed)["blocks"][0]["rendered"].startswith("<p>Hi <strong>Ann</strong>")
    assert world.events(mail) == ["message.created", "message.queued", "message.sent"]
    assert world.events(feed) == ["message.created", "message.delivered"]
    assert world.runs()[0].status is RunStatus.COMPLETED


def test_the_same_key_and_body_replay_the_first_answer(world):
    world.workflow("hello", [IN_APP])
    first = world.trigger("hello", "ann", data={"a": 1}, idempotency_key="k")
    second = world.trigger("hello", "ann", data={"a": 1}, idempotency_key="k")
    assert second.workflow_run_id == first.workflow_run_id
    assert second.replayed_from == "r1"
    assert len(world.runs()) == 1
    with pytest.raises(IdempotencyMismatch):
        world.trigger("hello", "ann", data={"a": 2}, idempotency_key="k")


def test_unknown_and_inactive_workflows_are_refused(world):
    with pytest.raises(NotFound):
        world.trigger("nope", "ann")
    world.workflow("hello", [IN_APP])
    world.set_status("hello", WorkflowStatus.INACTIVE)
    with pytest.raises(InvalidInput) as refused:
        world.trigger("hello", "ann")
    assert refused.value.code == "workflow_inactive"


def test_a_delay_holds_the_next_step_and_a_cancel_ends_it(world):
    delay = {
        "type": "delay",
        "ref": "delay_1",
        "settings": {"delay_for": {"unit": "minutes", "value": 5}},
    }
    world.workflow("later", [IN_APP, delay, EMAIL])
    world.trigger("later", "ann", cancellation_key="k", data={"text": "x"})
    world.until(timedelta(minutes=4, seconds=59))
    assert world.messages("email_1") == []
    world.until(timedelta(minutes=5))
    assert len(world.messages("email_1")) == 1
    world.trigger("later", "ann", cancellation_key="k", data={"text": "x"})
    assert world.cancel("later", "k") == 1
    world.until(timedelta(minutes=30))
    assert len(world.messages("email_1")) == 1
    assert [r.status for r in world.runs()] == [RunStatus.COMPLETED, RunStatus.CANCELLED]


def test_a_batch_collects_and_goes_on_once(world):
    batch = {
        "type": "batch", "ref": "batch_1",
        "settings": {"batch_window": {"unit": "minutes", "value": 10}},
    }  # fmt: skip
    world.workflow("digest", [batch, EMAIL])
    for minute in (0, 4, 9):
        world.until(timedelta(minutes=minute))
        world.trigger("digest", "ann", data={"text": str(minute)})
    world.until(timedelta(minutes=10))
    (mail,) = world.messages("email_1")
    assert mail.total_activities == 3
    assert mail.inserted_at == world.clock.now()


def test_a_template_error_is_tried_three_times_and_halts_the_run(world):
    broken = {**EMAIL, "template": {**EMAIL["template"], "subject": "{{ 'x' | from_json }}"}}
    world.workflow("broken", [IN_APP, broken, {**EMAIL, "ref": "email_2"}])
    world.trigger("broken", "ann")
    world.until(timedelta(minutes=5))
    (run,) = world.runs()
    assert run.status is RunStatus.COMPLETED
    assert run.error_count == 1
    assert world.happened(run).count("step_retried") == 2
    assert [m.step_ref for m in world.messages()] == ["in_app_feed_1"]
