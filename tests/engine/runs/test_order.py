"""In which order things happen that are ready at one instant."""

from datetime import timedelta

import pytest

from tests.engine.wire import batch, delay, email, feed


def overdue(world, by):
    """Come back after a while in which nothing was woken, as after a restart."""
    world.clock.advance(by)
    world.loop.run_until_complete(world.executor.ticker.due())
    world.work()


@pytest.mark.req("E-39")
def test_what_is_overdue_after_a_restart_runs_in_due_order(world):
    steps = [delay(until="data.at"), feed("{{ data.n }}")]
    world.workflow("wait", steps)
    for n, hour in enumerate((5, 3, 1, 4, 2)):
        world.trigger("wait", "ann", data={"n": n, "at": f"2026-01-01T0{hour}:00:00Z"})
    overdue(world, timedelta(hours=9))
    assert [m.data["n"] for m in world.messages()] == [2, 4, 1, 3, 0]


@pytest.mark.req("E-39")
def test_overdue_batches_and_delays_take_turns_by_due_time(world):
    world.workflow("both", [delay("1h"), batch("1h", batch_key="n"), feed("{{ data.n }}")])
    world.trigger("both", "ann", data={"n": "first"})
    world.until(timedelta(minutes=90))
    world.workflow("both", [delay("1h"), feed("{{ data.n }}")])
    world.trigger("both", "ann", data={"n": "last"})
    world.until(timedelta(minutes=100))
    world.workflow("both", [delay("5m"), feed("{{ data.n }}")])
    world.trigger("both", "ann", data={"n": "early"})
    overdue(world, timedelta(hours=5))
    assert [m.data["n"] for m in world.messages()] == ["early", "first", "last"]


@pytest.mark.req("E-39")
def test_the_engine_stands_still_and_catches_up(world):
    world.workflow("wait", [delay("1h"), feed()])
    world.trigger("wait", "ann")
    world.stand_still(world.started + timedelta(hours=3))
    world.until(timedelta(hours=2))
    assert world.messages() == []
    world.until(timedelta(hours=4))
    assert world.messages()[0].inserted_at == world.started + timedelta(hours=3)


@pytest.mark.req("E-66")
def test_arrivals_of_one_instant_keep_the_order_of_their_triggers(world):
    steps = [batch(batch_items_render_limit=100), email("{{ activities | map: 'n' | join: ',' }}")]
    world.workflow("digest", steps)
    for n in range(40):
        world.accept("digest", "ann", data={"n": n})
    world.work()
    world.until(timedelta(minutes=10))
    (message,) = world.messages()
    assert world.content(message)["text_body"] == ",".join(map(str, range(40)))


@pytest.mark.req("E-14")
def test_messages_of_one_trigger_follow_the_order_of_its_recipients(world):
    world.workflow("note", [feed(), email("x")])
    names = [f"user-{n}" for n in (7, 3, 9, 1, 5)]
    world.trigger("note", *[{"id": name, "email": f"{name}@x.io"} for name in names])
    assert [m.recipient.id for m in world.messages()] == [n for n in names for _ in range(2)]
