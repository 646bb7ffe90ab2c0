"""What an expansion costs stays bounded, page by page."""

from storage.sql import loads
from tests.engine.wire import feed

GROUP = {"collection": "groups", "id": "all"}


def pending(world):
    text = world.sql().value("SELECT pending FROM triggers")
    return None if text is None else loads(text)


def turn(world):
    world.loop.run_until_complete(world.executor.ticker.expand())


def test_the_cursor_does_not_carry_recipients_that_are_runs_already(world, monkeypatch):
    monkeypatch.setattr("engine.trigger.fan_out.fan_out.__defaults__", (3,))
    world.workflow("note", [feed()])
    world.subscribe(GROUP, *[f"u{n}" for n in range(5)])
    world.accept("note", GROUP, {"id": "ann", "$trigger_data": {"long": "x" * 1000}})
    turn(world)
    assert pending(world)["recipients"] == []
    world.work()
    assert pending(world) is None
    assert len(world.runs()) == 7


def test_objects_that_nobody_follows_are_looked_at_page_by_page(world, monkeypatch):
    monkeypatch.setattr("engine.trigger.fan_out.fan_out.__defaults__", (4,))
    world.workflow("note", [feed()])
    world.subscribe(GROUP, *[{"collection": "teams", "id": f"t{n}"} for n in range(9)])
    world.accept("note", GROUP)
    turns = 0
    while pending(world) is not None:
        turn(world)
        turns += 1
    assert turns == 5
    assert len(world.runs()) == 10
