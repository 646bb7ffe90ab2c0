"""What holds for any workflow, any arrivals and any graph of followers."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.runs.apply import apply
from engine.trigger.fan_out import fan_out
from engine.worker.caller import seal_call
from engine.worker.versions import newest_version
from storage.invariants import violations
from storage.triggers import get_triggers
from tests.engine.wire import asks, batch, delay, email, feed, fetch, throttle
from tests.engine.world import World

URL = "https://api.example.com/x"
FEW = settings(
    max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@contextmanager
def a_world(**services: Any) -> Iterator[World]:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder), **services)
        try:
            world.channels("scripted")
            world.transport.answer({"url": URL}, [{"status": 200, "json": {"x": 1}}])
            world.user("ann", name="Ann", email="ann@example.com")
            yield world
            assert violations(world.sql()) == {}
        finally:
            world.close()


# ---------------------------------------------------------------- nothing twice


def counts_up(ref: str) -> Any:
    """Count in the recipient's record; to do it twice shows."""
    properties = {"count": "{{ recipient.count | default: 0 | plus: 1 }}"}
    return {"type": "update_user", "ref": ref, "settings": {"update_properties": properties}}


STEPS = {
    "feed": lambda n: feed(ref=f"feed_{n}"),
    "email": lambda n: email("{{ data.x }}", ref=f"email_{n}"),
    "sometimes": lambda n: feed(ref=f"some_{n}", conditions=asks("data.x", "equal_to", "{{ 1 }}")),
    "broken": lambda n: email("{{ 'x' | from_json }}", ref=f"broken_{n}"),
    "delay": lambda n: delay("1m", ref=f"delay_{n}"),
    "batch": lambda n: batch("2m", ref=f"batch_{n}"),
    "fetch": lambda n: {**fetch(URL), "ref": f"fetch_{n}"},
    "throttle": lambda n: {**throttle("1h", throttle_limit=2), "ref": f"throttle_{n}"},
    "update": lambda n: counts_up(f"update_{n}"),
    "start": lambda n: {
        "type": "trigger_workflow",
        "ref": f"start_{n}",
        "settings": {"workflow_key": "other"},
    },
}
HARMS = ["none", "twice", "crash before commit", "stale"]


class Crash(Exception):
    """The process dies here."""


class Turns:
    """Take the lane's turns by hand, each with something that goes wrong."""

    def __init__(self, world: World, harms: list[str]) -> None:
        self.world, self.harms, self.turn = world, harms, 0
        self.dropped = 0

    def until_quiet(self) -> None:
        world = self.world
        for _ in range(400):
            while self._take():
                pass
            world.loop.run_until_complete(self._around_the_lane())
            if self._ready():
                continue
            due = world.next_due()
            if due is None:
                return
            world.clock.set(max(due, world.clock.now()))
            world._wake_one()
        raise AssertionError("the workflow does not come to an end")

    async def _around_the_lane(self) -> None:
        executor = self.world.executor
        await executor.sender.poll()
        await executor.caller.poll()
        for _ in range(40):
            await asyncio.sleep(0)

    def _ready(self) -> bool:
        return world_has(self.world, "SELECT 1 FROM runs WHERE phase = 'ready' LIMIT 1")

    def _take(self) -> bool:
        world, lane = self.world, self.world.lane
        with world.db.transaction() as tx:
            runs = lane._claim(tx)
        if not runs:
            return False
        # The last turn of each round goes well: otherwise nothing would ever come to an end.
        harm = [*self.harms, "none"][self.turn % (len(self.harms) + 1)]
        self.turn += 1
        effects, contents = world.loop.run_until_complete(lane._decide(runs))
        if harm == "crash before commit":
            with pytest.raises(Crash):
                self._apply_and_crash(effects, contents)
            self._restart()
            return True
        if harm == "stale":
            # Another worker takes over and finishes before this one comes back.
            self._restart()
            world.loop.run_until_complete(lane.run_once())
            before = facts(world)
            with world.db.transaction() as tx:
                self.dropped += self._apply(tx, effects, contents).dropped
            assert facts(world) == before
            return True
        with world.db.transaction() as tx:
            self._apply(tx, effects, contents)
        if harm == "twice":
            before = facts(world)
            with world.db.transaction() as tx:
                self.dropped += self._apply(tx, effects, contents).dropped
            assert facts(world) == before
        return True

    def _apply_and_crash(self, effects: Any, contents: Any) -> None:
        with self.world.db.transaction() as tx:
            self._apply(tx, effects, contents)
            raise Crash

    def _apply(self, tx: Any, effects: Any, contents: Any) -> Any:
        now, seal = self.world.clock.now(), self.world.services.seal
        sealed = [seal_call(one, seal) for one in effects]
        return apply(tx, sealed, contents, now, newest=newest_version(tx))

    def _restart(self) -> None:
        """Free the leases as a new executor does, and go on with its epoch."""
        world = self.world
        with world.db.transaction() as tx:
            epoch = tx.open_epoch(world.clock.now(), 1)
            tx.free_leases(world.clock.now(), epoch)
            tx.free_outbox_leases(epoch)
        for part in (world.lane, world.executor.sender, world.executor.caller):
            part._epoch = epoch


def world_has(world: World, query: str) -> bool:
    return world.sql().value(query) is not None


def facts(world: World) -> list[Any]:
    """Everything that a second execution must not add to."""
    tables = ("runs", "messages", "outbox", "timers", "calls", "windows", "window_items")
    tables += ("triggers", "recipients")
    found = [world.sql().rows(f"SELECT * FROM {table} ORDER BY 1, 2") for table in tables]
    logs = [world.timeline(run) for run in world.runs()]
    return [*found, logs, [world.events(m) for m in world.messages()]]


def outcome(world: World) -> list[Any]:
    runs = [(r.workflow, r.recipient.id, r.status, r.error_count) for r in world.runs()]
    said = [(m.step_ref, m.status, m.total_activities) for m in world.messages()]
    logs = [[(e["event"], e["step_ref"]) for e in world.timeline(r)] for r in world.runs()]
    people = [row[0] for row in world.sql().rows("SELECT properties FROM recipients ORDER BY id")]
    return [sorted(runs), sorted(said), sorted(map(str, logs)), people]


@pytest.mark.req("R-3")
@FEW
@given(
    kinds=st.lists(st.sampled_from(sorted(STEPS)), min_size=1, max_size=6),
    triggers=st.integers(1, 3),
    harms=st.lists(st.sampled_from(HARMS), min_size=1, max_size=6),
    prefix=st.sampled_from([None, 1, 2]),
)
def test_a_pass_that_is_executed_again_creates_nothing_twice(kinds, triggers, harms, prefix):
    outcomes = []
    for chosen, limit in ((["none"], None), (harms, prefix)):
        with a_world(step_limit=limit) as world:
            world.workflow("other", [feed(ref="other")])
            world.workflow("any", [STEPS[kind](n) for n, kind in enumerate(kinds)])
            for n in range(triggers):
                world.accept("any", "ann", data={"n": n})
            Turns(world, chosen).until_quiet()
            outcomes.append(outcome(world))
    assert outcomes[0] == outcomes[1]


@pytest.mark.req("R-6")
def test_effects_that_come_late_are_dropped():
    with a_world() as world:
        world.workflow("any", [feed(), delay("1m"), email()])
        world.accept("any", "ann")
        turns = Turns(world, ["stale", "twice"])
        turns.until_quiet()
        assert turns.dropped == 2
        assert len(world.messages()) == 2


# ---------------------------------------------------------------- batches

MINUTES = st.integers(0, 40)


@pytest.mark.req("E-57")
@FEW
@given(
    arrivals=st.lists(st.tuples(MINUTES, st.sampled_from("abc")), min_size=1, max_size=14),
    cancels=st.lists(st.tuples(MINUTES, st.sampled_from("abc")), max_size=4),
    limit=st.sampled_from([None, "15m", "4m"]),
    most=st.sampled_from([None, 2, 4]),
    mode=st.sampled_from(["accumulate", "flush_leading"]),
)
def test_each_activity_ends_in_one_batch_or_is_cancelled(arrivals, cancels, limit, most, mode):
    step = batch(
        "10m",
        limit=limit,
        batch_items_max_limit=most,
        batch_execution_mode=mode,
        batch_items_render_limit=100,
    )
    script = sorted(
        [(minute, 0, n, key) for n, (minute, key) in enumerate(arrivals)]
        + [(minute, 1, n, key) for n, (minute, key) in enumerate(cancels)]
    )
    with a_world() as world:
        text = "{% for a in activities %}{{ a.n }} {% endfor %}"
        world.workflow("digest", [step, email(text)])
        accepted: dict[int, str] = {}
        doomed: dict[int, Any] = {}
        for minute, kind, n, key in script:
            world.before(world.started + timedelta(minutes=minute))
            if kind == 0:
                world.trigger("digest", "ann", data={"n": n}, cancellation_key=key)
                accepted[n] = key
            else:
                world.cancel("digest", key)
                gone = set(accepted) - sent(world).keys()
                doomed |= dict.fromkeys(n for n in gone if accepted[n] == key)
        world.until(timedelta(hours=4))
        told = sent(world)
        assert set(told) == set(accepted) - set(doomed)
        assert all(run.status in ("completed", "cancelled") for run in world.runs())


def sent(world: World) -> dict[int, Any]:
    """Map each activity to the message that shows it; none is shown by two."""
    found: dict[int, Any] = {}
    for message in world.messages():
        shown = [int(n) for n in world.content(message)["text_body"].split()]
        assert len(shown) == message.total_activities
        assert not found.keys() & set(shown)
        found |= dict.fromkeys(shown, message.id)
    return found


# ---------------------------------------------------------------- one run each

NAMES = ["u0", "u1", "u2", "u3"]
OBJECTS = ["o0", "o1", "o2", "o3"]
ANYONE = st.sampled_from(NAMES + OBJECTS)


def wire(name: str, *, inline: bool = False) -> Any:
    if name in NAMES:
        return {"id": name, "seen": True} if inline else name
    named = {"collection": "things", "id": name}
    return {**named, "seen": True} if inline else named


def expected_runs(
    listed: list[str], follows: set[tuple[str, str]], actor: str | None
) -> dict[str, int]:
    """Say whom the trigger reaches: the listed, and two levels of followers."""
    level = [name for name in dict.fromkeys(listed) if name in OBJECTS]
    reached = set(listed)
    expanded: set[str] = set()
    for _ in range(2):
        found = {who for whom, who in follows if whom in level}
        expanded |= set(level)
        reached |= found - {actor}
        level = [name for name in found if name in OBJECTS and name not in expanded]
    return dict.fromkeys(reached, 1)


@pytest.mark.req("R-2")
@FEW
@given(
    listed=st.lists(st.tuples(ANYONE, st.booleans()), min_size=1, max_size=8),
    follows=st.sets(st.tuples(st.sampled_from(OBJECTS), ANYONE), max_size=14),
    actor=st.none() | ANYONE,
    page=st.integers(1, 6),
)
def test_each_recipient_gets_one_run_by_whatever_paths(listed, follows, actor, page):
    follows = {(whom, who) for whom, who in follows if whom != who}
    with a_world() as world:
        world.workflow("note", [feed()])
        for whom, who in sorted(follows):
            world.subscribe(wire(whom), wire(who))
        accepted = world.accept(
            "note",
            *[wire(name, inline=inline) for name, inline in listed],
            actor=None if actor is None else wire(actor),
        )
        for _ in range(200):
            with world.db.transaction() as tx:
                trigger = get_triggers(tx, [accepted.workflow_run_id])[accepted.workflow_run_id]
                if trigger.pending is None:
                    break
                fan_out(tx, trigger, world.clock.now(), limit=page)
        runs = [run.recipient.id for run in world.runs()]
        assert {name: runs.count(name) for name in runs} == expected_runs(
            [name for name, _ in listed], follows, actor
        )
        world.work()
        assert all(run.status == "completed" for run in world.runs())
