"""Parked work goes on where it stopped, because a person asked for it."""

from __future__ import annotations

from datetime import timedelta

import pytest

from engine.runs.retry import retry_all, retry_run
from engine.trigger.cancel import cancel
from storage.channels import put_settings
from storage.parked import count_parked, is_parked
from storage.records import USERS, RecipientRef, RunPhase, RunStatus
from tests.engine.wire import delay, email, feed

pytestmark = pytest.mark.req("R-29")


def set_channel(world, id_, **conditions):
    with world.db.transaction() as tx:
        put_settings(
            tx, id_, world.env, {}, world.clock.now(), secret_names=(), seal=world.sealer.seal,
            conditions=conditions or None,
        )  # fmt: skip


def retry(world, run, environment=None):
    with world.db.transaction() as tx:
        done = retry_run(tx, environment or world.env, run.id, world.clock.now(), by="olga@x.org")
    world.work()
    return done


@pytest.fixture
def parked(world):
    """One run that waited a day, sent an email and then met a channel that nobody can read."""
    world.channel("broken", "in_app_feed", id="broken", conditions={"any": "thing"})
    world.workflow("poison", [delay("1d"), email(), feed(channel_key="broken")])
    world.trigger("poison", "ann")
    world.until(timedelta(days=2))
    (run,) = world.runs()
    assert (run.phase, run.error_count) == (RunPhase.DONE, 1)
    return world


def test_a_parked_run_goes_on_where_it_stopped_once_its_cause_is_gone(parked):
    (run,) = parked.runs()
    assert is_parked(parked.sql(), parked.env, run.id)
    set_channel(parked, "broken")
    assert retry(parked, run)
    (run,) = parked.runs()
    assert (run.status, run.error_count) == (RunStatus.COMPLETED, 0)
    assert [m.channel_type for m in parked.messages()] == ["email", "in_app_feed"]
    assert parked.happened(run).count("step_paused") == 1
    (entry,) = [e for e in parked.timeline(run) if e["event"] == "run_retried"]
    assert entry["data"] == {"by": "olga@x.org"}
    assert not is_parked(parked.sql(), parked.env, run.id)


def test_a_run_whose_cause_is_still_there_is_parked_again_and_harms_nobody(parked):
    parked.workflow("sound", [feed()])
    parked.accept("sound", "bob")
    (run, _) = parked.runs()
    assert retry(parked, run)
    poison, sound = parked.runs()
    assert (poison.phase, poison.error_count) == (RunPhase.DONE, 1)
    assert (sound.status, sound.error_count) == (RunStatus.COMPLETED, 0)
    assert parked.happened(poison).count("run_failed") == 2


def test_only_a_parked_run_of_the_environment_is_retried(parked):
    parked.workflow("sound", [feed()])
    parked.trigger("sound", "bob")
    poison, sound = parked.runs()
    assert not retry(parked, sound)
    assert not retry(parked, poison, "production")
    assert parked.happened(sound).count("run_retried") == 0


def test_all_that_is_parked_is_retried_in_slices(world):
    world.channel("broken", "in_app_feed", id="broken", conditions={"any": "thing"})
    world.workflow("poison", [feed(channel_key="broken")])
    world.trigger("poison", "ann", "bob", "cyd")
    assert count_parked(world.sql(), world.env) == 3
    set_channel(world, "broken")
    counts = []
    while not counts or counts[-1]:
        with world.db.transaction() as tx:
            counts.append(retry_all(tx, world.env, world.clock.now(), by="o", limit=2))
    world.work()
    assert counts == [2, 1, 0]
    assert {run.error_count for run in world.runs()} == {0}
    assert len(world.messages()) == 3


def test_an_expansion_that_rests_is_tried_again_when_asked(world):
    world.workflow("note", [feed()])
    group = {"collection": "groups", "id": "bad"}
    world.subscribe(group, "ann")
    with world.db.transaction() as tx:
        tx.run("UPDATE subscriptions SET properties = '{broken'")
    world.accept("note", group)
    for _ in range(4):
        world.work()
    assert count_parked(world.sql(), world.env) == 1
    with world.db.transaction() as tx:
        tx.run("UPDATE subscriptions SET properties = '{}'")
    world.work()
    assert world.messages() == []
    with world.db.transaction() as tx:
        assert retry_all(tx, world.env, world.clock.now(), by="o") == 1
    world.work()
    assert [m.recipient.id for m in world.messages()] == ["ann"]
    assert count_parked(world.sql(), world.env) == 0
    assert world.sql().value("SELECT count(*) FROM counters") == 0


@pytest.mark.parametrize(
    ("recipients", "is_meant"), [(None, True), (["ann"], True), (["bob"], False)]
)
def test_a_parked_run_that_was_cancelled_does_not_come_back(world, recipients, is_meant):
    world.channel("broken", "in_app_feed", id="broken", conditions={"any": "thing"})
    world.workflow("poison", [feed(channel_key="broken"), email()])
    world.trigger("poison", "ann", cancellation_key="order-1")
    refs = None if recipients is None else [RecipientRef(USERS, name) for name in recipients]
    with world.db.transaction() as tx:
        count = cancel(tx, world.env, "poison", "order-1", refs, world.clock.now())
    set_channel(world, "broken")
    with world.db.transaction() as tx:
        retry_all(tx, world.env, world.clock.now(), by="olga@x.org")
    world.work()
    (run,) = world.runs()
    assert count == int(is_meant)
    assert (run.status is RunStatus.CANCELLED, len(world.messages())) == (
        (True, 0) if is_meant else (False, 2)
    )
    assert ("run_cancelled" in world.happened(run)) == is_meant
