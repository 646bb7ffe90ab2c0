"""A request that cannot be made or written down leaves no run hanging, and no secret behind."""

import orjson
import pytest

from engine.worker import caller
from storage.errors import Busy
from storage.records import RunPhase
from storage.secrets import SealBroken
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
    world.variable("token", SECRET, is_secret=True)
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


def test_the_login_in_an_address_is_not_shown_in_the_timeline(world):
    world.transport.answer({}, [{"status": 200, "json": {}}])
    world.workflow("ask", [fetch("https://joe:hunter-2@hooks.test/a?x=1")])
    world.trigger("ask", "ann")
    timeline = world.timeline(world.runs()[0])
    (shown,) = [e["data"]["request"]["url"] for e in timeline if "request" in e["data"]]
    assert shown == "https://hooks.test/a?x=1"
    assert b"hunter-2" not in orjson.dumps(timeline)


def test_no_more_calls_are_claimed_than_may_be_in_flight(world, monkeypatch):
    monkeypatch.setattr(caller, "_IN_FLIGHT", 3)
    world.transport.answer({}, [{"outcome": "timeout"}])
    world.workflow("ask", [fetch()])
    for n in range(5):
        world.trigger("ask", f"u{n}")
    assert len(world.transport.asked) == 3


@pytest.mark.req("R-33", "R-48")
def test_a_request_that_waits_to_be_made_is_sealed(world, monkeypatch):
    monkeypatch.setattr(caller, "_IN_FLIGHT", 0)
    world.variable("token", SECRET, is_secret=True)
    request = fetch(headers=[{"key": "authorization", "value": "Bearer {{ vars.token }}"}])
    request["settings"]["signing_key"] = "{{ vars.token }}-signing"
    world.workflow("ask", [request])
    world.trigger("ask", "ann")
    stored = world.sql().value("SELECT request FROM calls")
    assert SECRET not in stored
    assert "authorization" not in stored
    assert SECRET not in bytes.fromhex(orjson.loads(stored)["sealed"]).decode("latin-1")
    monkeypatch.setattr(caller, "_IN_FLIGHT", 1)
    world.transport.answer({}, [{"status": 204}])
    world.work()
    (asked,) = world.transport.asked
    assert ("authorization", f"Bearer {SECRET}") in asked.request.headers


@pytest.mark.req("R-48")
def test_a_request_that_does_not_open_waits_for_the_right_master_key(world):
    def closed(sealed, row):
        raise SealBroken(f"{row} does not open")

    opening = world.services.unseal
    world.transport.answer({}, [{"status": 204}])
    world.workflow("ask", [fetch()])
    object.__setattr__(world.services, "unseal", closed)
    world.trigger("ask", "ann")
    (run,) = world.runs()
    assert (run.phase, world.transport.asked) == (RunPhase.CALL, [])
    object.__setattr__(world.services, "unseal", opening)
    with world.db.transaction() as tx:
        tx.run("UPDATE calls SET lease_epoch = lease_epoch - 1")  # as after a restart
    world.work()
    assert world.runs()[0].phase is RunPhase.DONE


@pytest.mark.req("R-33")
@pytest.mark.parametrize("secret", [SECRET, '{"deep": ["hush-hush-1234"]}', "x" * 900 + SECRET])
def test_no_secret_variable_is_left_in_the_timeline_of_conditions(world, secret):
    world.variable("token", secret, is_secret=True)
    condition = {"variable": "vars.token", "operator": "equal_to", "argument": "{{ vars.token }}"}
    deep = {"variable": "vars.token.deep", "operator": "not_contains", "argument": "no"}
    conditions = {"all": [condition, deep]}
    world.workflow("ask", [feed("x", conditions=conditions)], conditions=conditions)
    world.trigger("ask", "ann")
    (run,) = world.runs()
    text = orjson.dumps(world.timeline(run)).decode()
    assert "trigger_conditions_evaluated" in text
    assert SECRET not in text
    assert "x" * 20 not in text
    assert "[masked]" in text
