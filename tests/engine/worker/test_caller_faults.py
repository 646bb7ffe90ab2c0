"""A request that cannot be made or written down leaves no run hanging, and no secret behind."""

import orjson
import pytest

from engine.worker import caller
from storage.errors import Busy
from storage.records import RunPhase
from tests.engine.wire import feed, fetch

SECRET = "hush-hush-1234"


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch):
    monkeypatch.setattr(caller, "_ERROR_PAUSE", 0.0)


@pytest.mark.req("R-29")
def test_a_request_that_breaks_the_transport_fails_its_step(world, monkeypatch):
    async def breaks(request, **more):
        raise KeyError("odd")

    monkeypatch.setattr(world.transport, "send", breaks)
    world.workflow("ask", [fetch(), feed()])
    world.trigger("ask", "ann")
    (run,) = world.runs()
    assert (run.phase, run.error_count) == (RunPhase.DONE, 1)
    assert "step_failed" in world.happened(run)


@pytest.mark.req("R-20")
def test_an_answer_is_kept_until_it_can_be_written(world, monkeypatch):
    record, left = caller.record_answer, [3]

    def busy(*args):
        if left[0]:
            left[0] -= 1
            raise Busy("busy")
        return record(*args)

    monkeypatch.setattr(caller, "record_answer", busy)
    world.transport.answer({}, [{"status": 200, "json": {"x": 1}}])
    world.workflow("ask", [fetch(), feed("{{ data.x }}")])
    world.trigger("ask", "ann")
    assert len(world.transport.asked) == 1
    assert [m.data for m in world.messages()] == [{"x": 1}]


@pytest.mark.req("R-33", "E-83")
def test_no_secret_variable_is_left_in_the_timeline_of_a_fetch(world):
    world.variable("token", "00ff")
    with world.db.transaction() as tx:
        tx.run("UPDATE variables SET type = 'secret'")
    object.__setattr__(world.services, "unseal", lambda sealed, row: SECRET)
    world.transport.answer({}, [{"status": 404, "json": {"no": SECRET}}])
    request = fetch(
        "https://api.example.com/{{ vars.token }}?q={{ vars.token }}",
        method="post",
        headers=[{"key": "x-mine", "value": "{{ vars.token }}"}],
        body='{"t": "{{ vars.token }}"}',
    )
    world.workflow("ask", [request])
    world.trigger("ask", "ann")
    (asked,) = world.transport.asked
    assert SECRET.encode() in asked.request.body
    (run,) = world.runs()
    timeline = world.timeline(run)
    assert any("request" in entry["data"] for entry in timeline)
    assert SECRET not in orjson.dumps(timeline).decode()


def test_no_more_calls_are_claimed_than_may_be_in_flight(world, monkeypatch):
    monkeypatch.setattr(caller, "_IN_FLIGHT", 3)
    world.transport.answer({}, [{"outcome": "timeout"}])
    world.workflow("ask", [fetch()])
    for n in range(5):
        world.trigger("ask", f"u{n}")
    assert len(world.transport.asked) == 3
