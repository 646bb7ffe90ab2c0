"""Work that cannot be executed is found, parked with evidence, and harms no neighbour."""

import asyncio
from datetime import timedelta

import pytest

from engine.render.inline import InlineRenderer
from storage.errors import DiskFull
from storage.records import RunPhase, RunStatus
from tests.engine.wire import feed
from tests.engine.world import World


@pytest.fixture
def mixed(world):
    """Nine sound runs and one whose channel has conditions that nobody can read."""
    world.channel("broken", "in_app_feed", id="broken", conditions={"any": "thing"})
    world.workflow("poison", [feed(channel_key="broken")])
    world.workflow("sound", [feed()])
    world.accept("poison", "ann")
    for _ in range(9):
        world.accept("sound", "bob")
    return world


@pytest.mark.req("R-29")
def test_neighbours_of_poison_proceed_and_it_is_parked_with_evidence(mixed):
    mixed.work()
    poison, *sound = mixed.runs()
    assert [run.status for run in sound] == [RunStatus.COMPLETED] * 9
    assert len(mixed.messages()) == 9
    assert (poison.phase, poison.error_count) == (RunPhase.DONE, 1)
    (entry,) = [e for e in mixed.timeline(poison) if e["event"] == "run_failed"]
    assert "failed 3 times: " in entry["data"]["message"]


@pytest.mark.req("R-29")
def test_a_row_that_holds_no_json_ends_alone(world):
    world.workflow("sound", [feed()])
    world.accept("sound", "ann")
    world.accept("sound", "bob")
    with world.db.transaction() as tx:
        tx.run("UPDATE runs SET state = '{broken' WHERE recipient = 'ann'")
    world.work()
    broken, sound = world.runs()
    assert (broken.phase, broken.error_count) == (RunPhase.DONE, 1)
    assert world.happened(broken) == ["run_failed"]
    assert (sound.status, sound.error_count) == (RunStatus.COMPLETED, 0)


@pytest.mark.req("R-29")
def test_a_run_without_its_trigger_ends(world):
    world.workflow("sound", [feed()])
    world.accept("sound", "ann")
    with world.db.transaction() as tx:
        tx.run("DELETE FROM triggers")
    world.work()
    (run,) = world.runs()
    assert (run.phase, world.happened(run)) == (RunPhase.DONE, ["run_failed"])
    with world.db.transaction() as tx:
        tx.run("DELETE FROM runs")  # an orphan breaks a rule that every world is held to


@pytest.mark.req("R-29")
def test_a_run_that_kills_the_process_is_parked_and_its_neighbours_run(world):
    world.workflow("sound", [feed()])
    world.workflow("killer", [feed()])
    world.accept("killer", "ann")
    world.accept("sound", "bob")
    deaths = 0
    while any(run.phase is not RunPhase.DONE for run in world.runs()):
        deaths += restart(world)
    killer, sound = world.runs()
    assert (deaths, killer.error_count, sound.error_count) == (4, 1, 0)
    assert [m.workflow for m in world.messages()] == ["sound"]


def restart(world) -> int:
    """Start an executor and let it work; it dies (1) once it decides about a killer."""
    lane = world.executor.make_lanes(1)[0]
    lane._epoch = world.executor.ticker._epoch = begin(world)
    decide = lane._decide

    async def deadly(runs):
        if any(run.workflow == "killer" for run in runs):
            raise Death
        return await decide(runs)

    lane._decide = deadly
    try:
        for _ in range(6):
            world.loop.run_until_complete(lane.run_once())
    except Death:
        return 1
    return 0


class Death(BaseException):
    """The end of the process, as far as a test can have one."""


def begin(world) -> int:
    with world.db.transaction() as tx:
        epoch = tx.open_epoch(world.clock.now(), 1)
        tx.free_leases(world.clock.now(), epoch, strike=True)
    return epoch


@pytest.mark.req("R-20")
def test_runs_go_on_as_soon_as_the_disk_has_room(world, monkeypatch):
    world.workflow("sound", [feed()])
    world.accept("sound", "ann")
    apply = world.lane._apply

    def full(tx, effects, contents):
        raise DiskFull("full")

    monkeypatch.setattr(world.lane, "_apply", full)
    with pytest.raises(DiskFull):
        world.work()
    monkeypatch.setattr(world.lane, "_apply", apply)
    world.work()
    (run,) = world.runs()
    assert (run.status, run.error_count) == (RunStatus.COMPLETED, 0)


class SlowRenderer(InlineRenderer):
    """Take longer than any lease, on the clock of the world."""

    world: World

    def render(self, batch, *, patience=None):
        for _ in range(20):
            self.world.clock.advance(SLOW)
            future = self.world.executor.ticker.reap()
            asyncio.run_coroutine_threadsafe(future, self.world.loop).result(10)
        return super().render(batch, patience=patience)


SLOW = timedelta(seconds=5)


@pytest.mark.req("R-6", "R-29")
def test_a_rendering_that_outlives_the_lease_loses_nothing(world):
    renderer = SlowRenderer()
    renderer.world = world
    object.__setattr__(world.services, "renderer", renderer)
    world.workflow("sound", [feed()])
    world.accept("sound", "ann")
    assert world.loop.run_until_complete(world.lane.run_once()) == 1
    (run,) = world.runs()
    assert run.status is RunStatus.COMPLETED


@pytest.mark.req("R-29")
def test_what_hanging_templates_leave_no_time_for_is_given_back(world, monkeypatch):
    monkeypatch.setattr("engine.worker.lane._PATIENCE", -1.0)
    world.workflow("sound", [feed()])
    for n in range(40):
        world.accept("sound", f"u{n}")
    assert world.loop.run_until_complete(world.lane.run_once()) == 1
    assert len(world.messages()) == 1
    assert {run.phase for run in world.runs()} == {RunPhase.DONE, RunPhase.READY}
    world.work()
    assert sorted(m.recipient.id for m in world.messages()) == sorted(f"u{n}" for n in range(40))
