"""What batches do at their edges."""

from datetime import timedelta

import pytest

from storage.records import RunStatus, WorkflowStatus
from tests.engine.wire import asks, batch, delay, email, feed, fetch

COUNT = email("{{ total_activities }} of {{ total_actors }}", subject="{{ data.n }}")


def minutes(number):
    return timedelta(minutes=number)


def said(world, step="email_1"):
    return [world.content(m)["text_body"] for m in world.messages(step)]


@pytest.mark.req("E-60")
def test_two_arrivals_of_one_instant_do_not_strand_a_sliding_batch(world):
    world.workflow("digest", [batch("1m", limit="10m"), COUNT])
    for n in (1, 2, 3):
        world.trigger("digest", "ann", data={"n": n})
    world.until(minutes(1))
    assert said(world) == ["3 of 0"]


@pytest.mark.req("E-60")
def test_a_sliding_window_that_reached_its_limit_stays_there(world):
    world.workflow("digest", [batch("2m", limit="3m"), COUNT])
    for minute in (0, 1, 2):
        world.before(world.started + minutes(minute))
        world.trigger("digest", "ann", data={"n": minute})
    world.until(minutes(3) - timedelta(seconds=1))
    assert said(world) == []
    world.until(minutes(3))
    assert said(world) == ["3 of 0"]


@pytest.mark.req("E-60")
def test_a_sliding_arrival_whose_window_does_not_resolve_joins_and_moves_nothing(world):
    step = batch(None, limit="1h", batch_until_field_path="data.window")
    world.workflow("digest", [step, COUNT])
    world.trigger("digest", "ann", data={"n": 1, "window": {"unit": "minutes", "value": 5}})
    world.until(minutes(2))
    world.trigger("digest", "ann", data={"n": 2})
    assert "batch_warning" in world.happened(world.runs()[1])
    world.until(minutes(5))
    assert said(world) == ["2 of 0"]


@pytest.mark.req("E-50")
def test_an_arrival_that_cannot_open_a_window_goes_on_alone(world):
    world.workflow("digest", [batch(None, batch_until_field_path="data.window"), COUNT])
    world.trigger("digest", "ann", data={"n": 1, "window": "2020-01-01T00:00:00Z"})
    assert said(world) == ["1 of 0"]
    assert world.reasons(world.runs()[0]) == ["invalid_window"]


@pytest.mark.req("E-59")
def test_a_fixed_window_is_not_moved_by_another_dynamic_value(world):
    world.workflow("digest", [batch(None, batch_until_field_path="data.window"), COUNT])
    world.trigger("digest", "ann", data={"n": 1, "window": {"unit": "minutes", "value": 5}})
    world.trigger("digest", "ann", data={"n": 2, "window": {"unit": "minutes", "value": 50}})
    world.until(minutes(5))
    assert said(world) == ["2 of 0"]


@pytest.mark.req("E-54")
def test_a_relative_window_closes_before_the_instant_it_is_tied_to(world):
    settings = {"batch_window": {"unit": "minutes", "value": -10}}
    world.workflow("digest", [batch(None, batch_until_field_path="data.at", **settings), COUNT])
    world.trigger("digest", "ann", data={"n": 1, "at": "2026-01-01T01:00:00Z"})
    world.trigger("digest", "bob", data={"n": 1, "at": "2026-01-01T00:10:00Z"})
    assert [m.recipient.id for m in world.messages()] == ["bob"]
    world.until(minutes(50))
    assert [m.recipient.id for m in world.messages()] == ["bob", "ann"]


@pytest.mark.req("E-57")
def test_a_trigger_at_the_very_close_of_a_batch_joins_it(world):
    world.workflow("digest", [batch(), COUNT])
    world.trigger("digest", "ann", data={"n": 1})
    world.before(world.started + minutes(10))
    world.trigger("digest", "ann", data={"n": 2})
    world.until(minutes(10))
    assert said(world) == ["2 of 0"]


@pytest.mark.req("E-55")
def test_two_pinned_batch_steps_of_one_version_share_a_batch(world):
    world.workflow("digest", [batch(), feed(), batch(ref="batch_2"), COUNT])
    world.trigger("digest", "ann", data={"n": 1})
    world.until(minutes(11))
    world.trigger("digest", "ann", data={"n": 2})
    world.until(minutes(20))
    assert len(world.messages("feed_1")) == 1
    assert said(world) == ["2 of 0"]


@pytest.mark.req("E-55")
def test_two_latest_batch_steps_of_one_version_do_not_share_a_batch(world):
    latest = {"workflow_version_mode": "latest"}
    steps = [batch(**latest), feed(), batch(ref="batch_2", **latest), COUNT]
    world.workflow("digest", steps)
    world.trigger("digest", "ann", data={"n": 1})
    world.until(minutes(11))
    world.trigger("digest", "ann", data={"n": 2})
    world.until(minutes(20))
    assert said(world) == ["1 of 0"]
    world.until(minutes(40))
    assert said(world) == ["1 of 0", "1 of 0"]


@pytest.mark.req("E-58")
@pytest.mark.parametrize(
    ("mode", "expected"), [("latest", ["new 2"]), ("pinned", ["old 1", "new 1"])]
)
def test_a_batch_across_versions_resumes_where_its_mode_says(world, mode, expected):
    def steps(word):
        text = f"{word} {{{{ total_activities }}}}"
        return [batch(workflow_version_mode=mode), email(text)]

    world.workflow("digest", steps("old"))
    world.trigger("digest", "ann")
    world.until(minutes(1))
    world.workflow("digest", steps("new"))
    world.trigger("digest", "ann")
    world.until(minutes(30))
    assert said(world) == expected


@pytest.mark.req("E-58")
def test_a_latest_batch_skips_versions_that_lost_its_step(world):
    latest = {"workflow_version_mode": "latest"}
    world.workflow("digest", [batch(**latest), email("one")])
    world.trigger("digest", "ann")
    world.workflow("digest", [batch(**latest), email("two")])
    world.workflow("digest", [batch(ref="batch_9", **latest), email("three")])
    world.until(minutes(10))
    assert said(world) == ["two"]


@pytest.mark.req("E-65")
def test_the_first_activity_that_is_left_supplies_the_actor(world):
    steps = [batch(), email("{{ actor.name }} of {{ actors | map: 'id' | join: '+' }}")]
    world.workflow("digest", steps)
    world.trigger("digest", "ann", actor="ann", cancellation_key="k1")
    world.trigger("digest", "ann", actor="bob", cancellation_key="k2")
    world.cancel("digest", "k1")
    world.until(minutes(10))
    assert said(world) == ["Bob of bob"]
    assert [a.id for a in world.messages()[0].actors] == ["bob"]


@pytest.mark.req("E-65")
def test_a_second_batch_takes_over_the_actor_of_the_first(world):
    steps = [batch(), delay("1m"), batch(ref="batch_2"), email("{{ actor.name }}")]
    world.workflow("digest", steps)
    world.trigger("digest", "ann", actor="ann", cancellation_key="k1")
    world.trigger("digest", "ann", actor="bob", cancellation_key="k2")
    world.cancel("digest", "k1")
    world.until(minutes(30))
    assert said(world) == ["Bob"]


@pytest.mark.req("E-67")
def test_only_the_holders_key_cancels_what_was_resumed(world):
    world.workflow("digest", [batch(), delay("1h"), COUNT])
    world.trigger("digest", "ann", cancellation_key="k1")
    world.trigger("digest", "ann", cancellation_key="k2")
    world.cancel("digest", "k1")
    world.until(minutes(20))
    world.cancel("digest", "k2")
    assert world.runs()[0].status is RunStatus.PAUSED
    world.cancel("digest", "k1")
    assert world.runs()[0].status is RunStatus.CANCELLED
    world.until(minutes(120))
    assert world.messages() == []
    assert "activity_cancelled" in world.happened(world.runs()[0])


@pytest.mark.req("E-67")
def test_an_absorbed_activity_that_is_cancelled_leaves_its_run_completed(world):
    world.workflow("digest", [batch(), COUNT])
    world.trigger("digest", "ann", cancellation_key="k1")
    world.trigger("digest", "ann", cancellation_key="k2")
    world.cancel("digest", "k2")
    world.until(minutes(10))
    holder, absorbed = world.runs()
    assert said(world) == ["1 of 0"]
    assert absorbed.status is holder.status is RunStatus.COMPLETED
    assert world.happened(absorbed)[-1] == "activity_cancelled"


@pytest.mark.req("E-61")
def test_cancelled_activities_do_not_fill_a_batch(world):
    world.workflow("digest", [batch(batch_items_max_limit=2), COUNT])
    world.trigger("digest", "ann", cancellation_key="k1")
    world.cancel("digest", "k1")
    world.trigger("digest", "ann", cancellation_key="k2")
    assert said(world) == []
    world.trigger("digest", "ann", cancellation_key="k3")
    assert said(world) == ["2 of 0"]


@pytest.mark.req("E-62")
def test_after_a_leading_flush_the_second_item_holds_the_batch(world):
    step = batch(batch_execution_mode="flush_leading", batch_items_max_limit=2)
    world.workflow("digest", [step, delay("1h"), COUNT])
    for key in ("k1", "k2", "k3"):
        world.trigger("digest", "ann", cancellation_key=key, data={"n": key})
    first, second, third = world.runs()
    assert [first.status, second.status, third.status] == ["paused", "paused", "completed"]
    world.cancel("digest", "k1")
    world.until(minutes(60))
    assert said(world) == ["2 of 0"]
    assert world.messages()[0].run_id == second.id


@pytest.mark.req("E-68")
def test_a_batch_that_closes_in_an_inactive_workflow_ends_its_run(world):
    world.workflow("digest", [batch(), COUNT])
    world.trigger("digest", "ann")
    world.set_status("digest", WorkflowStatus.INACTIVE)
    world.until(minutes(10))
    assert world.runs()[0].status is RunStatus.CANCELLED
    assert world.messages() == []


@pytest.mark.req("E-56")
def test_keys_come_from_names_paths_and_templates(world):
    for name, key in (("a", "type"), ("b", "actor.id"), ("c", "{{ data.type }}-{{ actor.id }}")):
        world.workflow(name, [batch(batch_key=key), COUNT])
        for type_, actor in (("x", "ann"), ("y", "ann"), ("x", "bob"), (None, None)):
            world.trigger(name, "ann", actor=actor, data={"type": type_} if type_ else {})
    world.until(minutes(10))
    found = {n: [m.total_activities for m in world.messages() if m.workflow == n] for n in "abc"}
    assert found == {"a": [2, 1, 1], "b": [2, 1, 1], "c": [1, 1, 1, 1]}


@pytest.mark.req("E-56")
def test_a_key_that_does_not_render_is_an_empty_one_and_says_so(world):
    world.workflow("digest", [batch(batch_key="{{ 'x' | from_json }}"), COUNT])
    world.trigger("digest", "ann")
    world.trigger("digest", "ann")
    assert "batch_warning" in world.happened(world.runs()[0])
    world.until(minutes(10))
    assert said(world) == ["2 of 0"]


@pytest.mark.req("E-29")
def test_conditions_after_a_batch_see_what_was_merged(world):
    step = email("both", conditions=asks("run.total_activities", "equal_to", "2"))
    world.workflow("digest", [batch(), step])
    world.trigger("digest", "ann")
    world.trigger("digest", "ann")
    world.until(minutes(10))
    assert said(world) == ["both"]


@pytest.mark.req("E-54")
def test_settings_written_as_null_take_their_defaults(world):
    nulls = {
        "batch_window_type": None,
        "batch_order": None,
        "batch_execution_mode": None,
        "workflow_version_mode": None,
        "batch_items_render_limit": None,
        "batch_items_max_limit": None,
        "batch_key": None,
    }
    world.workflow("digest", [batch(**nulls), COUNT])
    world.trigger("digest", "ann")
    world.until(minutes(10))
    assert said(world) == ["1 of 0"]


@pytest.mark.req("E-64")
def test_what_a_fetch_adds_after_a_batch_is_not_lost_to_it(world):
    url = "https://api.example.com/x"
    world.transport.answer({"url": url}, [{"status": 200, "json": {"x": 1}}])
    world.workflow("digest", [batch(), fetch(url), email("{{ data.n }}{{ data.x }}")])
    world.trigger("digest", "ann", data={"n": 1})
    world.trigger("digest", "ann", data={"n": 2})
    world.until(minutes(10))
    assert said(world) == ["21"]
