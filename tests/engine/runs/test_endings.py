"""How runs end, and what their timeline says about it."""

from datetime import timedelta

import pytest

from engine.steps.delay import Delay
from storage.records import RunStatus, WorkflowStatus
from tests.engine.wire import asks, batch, delay, email, feed, fetch

URL = "https://api.example.com/x"


@pytest.mark.req("E-21")
def test_trigger_conditions_that_fail_end_a_run_before_its_first_step(world):
    world.workflow("note", [feed()], conditions=asks("recipient.plan", "equal_to", "pro"))
    world.user("ann", plan="pro")
    world.trigger("note", "ann", "bob")
    assert [m.recipient.id for m in world.messages()] == ["ann"]
    ann, bob = world.runs()
    assert ann.status is bob.status is RunStatus.COMPLETED
    assert "step_started" not in world.happened(bob)


@pytest.mark.req("E-122")
def test_message_statuses_do_not_hold_in_trigger_and_channel_conditions(world):
    skipped = asks("refs.feed_1.delivery_status", "equal_to", "$message.skipped")
    world.workflow("note", [feed()], conditions=skipped)
    world.trigger("note", "ann")
    assert world.messages() == []
    world.channel("strict", "sms", "scripted", conditions=skipped)
    sms = {
        "type": "channel",
        "ref": "sms_1",
        "channel_type": "sms",
        "channel_key": "strict",
        "template": {"text_body": "hi"},
    }
    world.workflow("text", [sms])
    world.trigger("text", {"id": "cid", "phone_number": "+15550100"})
    assert world.messages() == []
    assert world.reasons(world.runs()[1]) == ["conditions_not_met"]


@pytest.mark.req("E-22")
def test_of_two_triggers_close_to_each_other_the_second_finds_the_slot_taken(world):
    world.workflow("welcome", [feed()], trigger_frequency="once_per_recipient")
    world.accept("welcome", "ann")
    world.accept("welcome", "ann", tenant="acme")
    world.work()
    assert len(world.messages()) == 1
    first, second = world.runs()
    assert first.status is second.status is RunStatus.COMPLETED
    assert "trigger_frequency_reached" in world.happened(second)
    world.trigger("welcome", "ann")
    assert len(world.runs()) == 2


@pytest.mark.req("E-22")
def test_a_run_that_its_conditions_end_leaves_the_slot_free(world):
    world.workflow(
        "welcome",
        [feed()],
        trigger_frequency="once_per_recipient",
        conditions=asks("data.go", "equal_to", "true"),
    )
    world.trigger("welcome", "ann", data={"go": False})
    world.trigger("welcome", "ann", data={"go": True})
    assert len(world.messages()) == 1


@pytest.mark.req("E-31")
def test_a_step_that_breaks_unexpectedly_is_tried_three_times(world, monkeypatch):
    def explode(step, ctx):
        raise RuntimeError("the machine is on fire")

    world.workflow("slow", [feed(), delay("1m"), feed(ref="feed_2")])
    world.workflow("fine", [feed(ref="feed_3")])
    monkeypatch.setattr(Delay, "run", explode)
    world.accept("slow", "ann")
    world.trigger("fine", "bob")
    world.until(timedelta(hours=1))
    run = next(r for r in world.runs() if r.workflow == "slow")
    assert (run.status, run.error_count) == (RunStatus.COMPLETED, 1)
    failed = [e for e in world.timeline(run) if e["event"] in ("step_retried", "step_failed")]
    assert [e["attempt"] for e in failed] == [1, 2, 3]
    assert "on fire" in failed[-1]["data"]["message"]
    assert {m.step_ref for m in world.messages()} == {"feed_1", "feed_3"}


@pytest.mark.req("E-31")
def test_a_message_before_the_failing_step_is_made_once(world):
    broken = email("{{ 'x' | from_json }}", ref="email_2")
    world.workflow("note", [email("fine"), broken, email("never", ref="email_3")])
    world.trigger("note", "ann")
    world.until(timedelta(minutes=5))
    assert [m.step_ref for m in world.messages()] == ["email_1"]


@pytest.mark.req("E-31")
def test_a_workflow_of_many_rendered_steps_gets_to_its_end(world):
    def step(n):
        override = {"to_address": "{{ recipient.id }}@x.io"}
        return email("x", ref=f"email_{n}", channel_overrides=override)

    world.workflow("long", [step(n) for n in range(70)])
    world.trigger("long", "ann")
    assert len(world.messages()) == 70


@pytest.mark.req("E-36")
def test_a_run_that_wakes_in_an_archived_workflow_ends(world):
    world.workflow("slow", [delay("1h"), feed()])
    world.trigger("slow", "ann")
    world.set_status("slow", WorkflowStatus.ARCHIVED)
    world.until(timedelta(hours=1))
    assert world.runs()[0].status is RunStatus.CANCELLED
    assert world.messages() == []


@pytest.mark.req("E-38")
def test_records_are_read_anew_when_a_run_wakes(world):
    world.workflow("slow", [delay("1h"), email("{{ recipient.name }} {{ actor.name }}")])
    world.trigger("slow", "ann", actor="bob")
    world.user("ann", name="Anna", email="anna@example.com")
    world.user("bob", name="Robert")
    world.until(timedelta(hours=1))
    (message,) = world.messages()
    assert message.address == "anna@example.com"
    assert world.content(message)["text_body"] == "Anna Robert"


@pytest.mark.req("E-79")
def test_a_fetch_that_times_out_takes_its_limit_each_time(world):
    world.transport.answer({"url": URL}, [{"outcome": "timeout"}])
    world.workflow("look", [fetch(URL), feed()])
    world.trigger("look", "ann")
    world.until(timedelta(minutes=10))
    asked = [(a.at - world.started).total_seconds() for a in world.transport.asked]
    assert asked == [0, 45, 120]
    run = world.runs()[0]
    assert (run.status, run.error_count) == (RunStatus.COMPLETED, 1)
    assert run.updated_at - world.started == timedelta(seconds=135)


@pytest.mark.req("E-79")
@pytest.mark.parametrize("moment", [7, 20, 50])
def test_a_run_is_cancelled_during_a_request_or_the_wait_for_the_next(world, moment):
    world.transport.answer({"url": URL}, [{"outcome": "timeout"}, {"status": 200, "json": {}}])
    world.workflow("look", [fetch(URL), feed()])
    world.trigger("look", "ann", cancellation_key="k")
    world.until(timedelta(seconds=moment))
    assert world.cancel("look", "k") == (1 if moment < 45 else 0)
    world.until(timedelta(minutes=10))
    assert len(world.messages()) == (0 if moment < 45 else 1)


@pytest.mark.req("E-78")
@pytest.mark.parametrize(
    ("response", "settings"),
    [
        ({"status": 200, "json": [1]}, {}),
        ({"status": 200, "text": "plain"}, {}),
        ({"status": 301}, {}),
        ({"status": 400}, {}),
        ({"status": 200, "json": {}}, {"method": "post", "body": "not json"}),
    ],
)
def test_what_a_fetch_cannot_use_is_fatal_at_once(world, response, settings):
    world.transport.answer({"url": URL}, [response])
    world.workflow("look", [fetch(URL, **settings), feed()])
    world.trigger("look", "ann")
    assert world.messages() == []
    assert world.runs()[0].error_count == 1


@pytest.mark.req("E-28")
def test_the_timeline_names_every_condition_with_what_decided_it(world):
    step = feed(conditions={"any": [_clause("data.a"), _clause("data.b"), _clause("data.c")]})
    world.workflow("note", [step])
    world.trigger("note", "ann", data={"a": 2, "b": 1})
    (entry,) = [e for e in world.timeline(world.runs()[0]) if e["event"] == "conditions_evaluated"]
    seen = [(c["variable"], c.get("actual"), c["result"]) for c in entry["data"]["clauses"]]
    assert seen == [("data.a", 2, False), ("data.b", 1, True), ("data.c", None, None)]


@pytest.mark.req("E-35")
def test_a_run_that_has_not_begun_when_its_workflow_goes_off_never_begins(world):
    world.workflow("note", [feed()])
    world.accept("note", "ann")
    world.set_status("note", WorkflowStatus.INACTIVE)
    world.work()
    assert world.runs()[0].status is RunStatus.CANCELLED
    assert world.messages() == []


@pytest.mark.req("E-67")
def test_a_batch_whose_every_activity_went_ends_as_cancelled(world):
    world.workflow("digest", [batch(), feed()])
    world.trigger("digest", "ann", cancellation_key="k")
    world.cancel("digest", "k")
    assert world.runs()[0].status is RunStatus.PAUSED
    world.until(timedelta(minutes=10))
    assert world.runs()[0].status is RunStatus.CANCELLED


def _clause(variable):
    return {"variable": variable, "operator": "equal_to", "argument": "1"}
