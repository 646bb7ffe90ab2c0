"""The next batch is claimed in the commit of a full one, and lost with nothing else."""

from __future__ import annotations

import pytest

from storage.errors import DiskFull
from storage.records import RunPhase
from tests.engine.wire import feed
from tests.engine.world import World


@pytest.fixture
def backlog(world):
    """Five runs that are ready, for a lane that takes two at a time."""
    object.__setattr__(world.services, "claim_limit", 2)
    world.workflow("sound", [feed()])
    for number in range(5):
        world.accept("sound", f"u{number}")
    return world


def turn(world: World) -> int:
    return world.loop.run_until_complete(world.lane.run_once())


def phases(world: World) -> list[RunPhase]:
    return sorted(run.phase for run in world.runs())


@pytest.mark.req("R-6")
def test_a_full_batch_leaves_the_next_one_claimed_and_named_as_in_hand(backlog):
    assert turn(backlog) == 2
    leased = {run.id for run in backlog.runs() if run.phase is RunPhase.LEASED}
    assert len(leased) == 2
    assert set(backlog.executor.in_hand()) == leased


@pytest.mark.req("R-3")
def test_the_batches_that_follow_do_every_run_once(backlog):
    assert [turn(backlog), turn(backlog), turn(backlog), turn(backlog)] == [2, 2, 1, 0]
    assert phases(backlog) == [RunPhase.DONE] * 5
    assert len(backlog.messages()) == 5
    assert backlog.executor.in_hand() == []


@pytest.mark.req("R-20")
def test_a_commit_that_fails_claims_nothing_ahead(backlog, monkeypatch):
    choose = backlog.lane._claim_ahead

    def full(tx, taken):
        choose(tx, taken)
        raise DiskFull("full")

    with monkeypatch.context() as patched:
        patched.setattr(backlog.lane, "_claim_ahead", full)
        with pytest.raises(DiskFull):
            turn(backlog)
    assert phases(backlog) == [RunPhase.READY] * 5
    backlog.work()
    assert phases(backlog) == [RunPhase.DONE] * 5
    assert len(backlog.messages()) == 5


def test_where_one_run_is_taken_at_a_time_each_claim_is_a_commit_of_its_own(backlog):
    object.__setattr__(backlog.services, "claim_limit", 1)
    assert turn(backlog) == 1
    assert RunPhase.LEASED not in phases(backlog)
