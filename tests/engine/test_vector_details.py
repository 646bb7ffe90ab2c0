"""What the vectors say beyond what a result document shows."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from storage.logs import message_events
from storage.records import RunStatus
from tests.engine.scenario_runner import play

FOLDER = Path(__file__).parent.parent / "scenarios"


@pytest.fixture
def played(tmp_path, request):
    """Play the vector that the test is marked with, and leave its world open."""
    number = request.node.get_closest_marker("req").args[0]
    result, played = play(FOLDER / f"{number}.json", tmp_path)
    assert result["failures"] == []
    yield played
    played.world.close()


def happened(world, event):
    return [e for run in world.runs() for e in world.timeline(run) if e["event"] == event]


@pytest.mark.req("V-3")
def test_the_subscription_shows_the_object_that_was_followed(played):
    (user,) = [run for run in played.world.runs() if run.recipient.is_user]
    assert user.state["subscription"]["object"] == ["orgs", "o1"]


@pytest.mark.req("V-4")
def test_data_for_one_run_is_in_no_record(played):
    text = played.world.sql().value("SELECT properties FROM recipients WHERE id = 'u1'")
    assert "trigger_data" not in text
    assert '"b"' not in text


@pytest.mark.req("V-5")
def test_a_replay_answers_with_the_first_run_id(played):
    first = played.world.runs()[0].trigger_id
    assert played.replayed == [first]


@pytest.mark.req("V-13")
def test_a_failing_template_is_attempted_three_times(played):
    world = played.world
    tries = happened(world, "step_retried") + happened(world, "step_failed")
    assert [t["attempt"] for t in tries] == [1, 2, 3]
    assert {t["step_ref"] for t in tries} == {"email_1"}
    assert {t["data"]["field"] for t in tries} == {"subject"}


@pytest.mark.req("V-15")
def test_the_batch_behind_a_skipped_delay_opens(played):
    assert len(happened(played.world, "batch_opened")) == 1


@pytest.mark.req("V-31")
def test_the_copy_for_filters_is_flat_and_has_the_last_value(played):
    (message,) = played.world.messages()
    assert message.data == message.filter_data == {"p": "B"}


@pytest.mark.req("V-33")
def test_an_absorbed_run_hears_that_its_activity_was_cancelled(played):
    holder, absorbed = played.world.runs()
    assert holder.status is RunStatus.CANCELLED
    assert played.world.happened(absorbed)[-1] == "activity_cancelled"


@pytest.mark.parametrize(
    "number",
    [
        pytest.param(n, marks=pytest.mark.req(n))
        for n in ("V-20", "V-35", "V-37", "V-39", "V-43", "V-44")
    ],
)
def test_a_value_that_cannot_be_used_is_an_error_in_the_timeline(played, number):
    errors = [e for e in happened(played.world, "step_skipped") if e["status"] == "error"]
    assert len(errors) == len(played.world.runs())
    assert all(e["data"]["message"] for e in errors)


@pytest.mark.req("V-46")
def test_each_attempt_of_a_fetch_is_logged(played):
    world = played.world
    retried = happened(world, "step_retried")
    assert [(e["attempt"], e["data"]["status"]) for e in retried] == [(1, 500), (2, 500)]
    done = [e for e in happened(world, "step_completed") if e["step_ref"] == "fetch_1"]
    assert [(e["attempt"], e["data"]["status"]) for e in done] == [(3, 200)]
    assert done[0]["data"]["request"]["url"] == "https://api.example.com/x"


@pytest.mark.req("V-89")
def test_a_refusal_passes_through_every_status_of_the_table(played):
    world = played.world
    (message,) = world.messages("email_1")
    events = message_events(world.sql(), world.env, message.id)
    assert [e.event.removeprefix("message.") for e in events] == [
        "created", "queued", "delivery_attempted", "undelivered",
    ]  # fmt: skip
    assert events[2].data["retryable"] is False
    assert events[3].data["failure_reason"] == "fatal_error"


@pytest.mark.req("V-90")
def test_a_provider_that_recovers_leaves_two_failed_attempts(played):
    (message,) = played.world.messages()
    events = played.world.events(message)
    assert events.count("message.delivery_attempted") == 2
    assert events[-1] == "message.sent"
    assert [a.outcome for a in played.world.transport.attempted] == [
        "retryable", "retryable", "accepted",
    ]  # fmt: skip


@pytest.mark.req("V-120")
def test_no_provider_is_called_for_a_feed_item(played):
    (message,) = played.world.messages()
    assert played.world.events(message) == ["message.created", "message.delivered"]
    assert played.world.transport.calls.total() == 0


@pytest.mark.req("V-122")
def test_reading_twice_moves_the_instant_and_is_two_events(played):
    (message,) = played.world.messages()
    assert message.read_at == datetime(2026, 3, 10, 11, tzinfo=UTC)
    assert played.world.events(message).count("message.read") == 2


@pytest.mark.req("V-123")
def test_unreading_clears_the_instant_and_is_an_event(played):
    (message,) = played.world.messages()
    assert message.read_at is None
    assert played.world.events(message)[-2:] == ["message.read", "message.unread"]


@pytest.mark.req("V-145")
def test_a_late_cancel_leaves_no_trace_in_the_run(played):
    (run,) = played.world.runs()
    assert played.world.happened(run)[-1] == "run_completed"
