"""One timer or one expansion that breaks does not stop the others, nor the start."""

from datetime import timedelta

import pytest

from storage.parked import struck_expansions
from storage.records import RunPhase, RunStatus
from tests.engine.wire import batch, delay, feed


def wake(world):
    world.clock.advance(timedelta(hours=2))
    world.loop.run_until_complete(world.executor.ticker.due())
    world.work()


def spoil(world, sql):
    with world.db.transaction() as tx:
        tx.run(sql)


@pytest.mark.req("R-29")
def test_a_sleeper_that_cannot_be_read_ends_and_the_others_wake(world):
    world.workflow("wait", [delay("1h"), feed()])
    world.trigger("wait", "ann", "bob")
    spoil(world, "UPDATE runs SET state = '{broken' WHERE recipient = 'ann'")
    wake(world)
    ann, bob = world.runs()
    assert (ann.phase, ann.error_count) == (RunPhase.DONE, 1)
    assert world.happened(ann)[-1] == "run_failed"
    assert (bob.status, bob.error_count) == (RunStatus.COMPLETED, 0)


@pytest.mark.req("R-29")
def test_a_batch_that_cannot_be_read_ends_its_holder_and_the_others_close(world):
    world.workflow("digest", [batch("1h"), feed()])
    world.trigger("digest", "ann", "bob")
    spoil(world, "UPDATE windows SET settings = '{broken' WHERE recipient = 'ann'")
    wake(world)
    ann, bob = world.runs()
    assert (ann.phase, ann.error_count) == (RunPhase.DONE, 1)
    assert (bob.status, bob.error_count) == (RunStatus.COMPLETED, 0)
    assert [m.recipient.id for m in world.messages()] == ["bob"]


@pytest.mark.req("R-29")
def test_an_expansion_that_breaks_rests_and_the_others_go_on(world):
    world.workflow("note", [feed()])
    groups = [{"collection": "groups", "id": id_} for id_ in ("bad", "good")]
    world.subscribe(groups[0], "ann")
    world.subscribe(groups[1], "bob")
    world.accept("note", groups[0])
    world.accept("note", groups[1])
    spoil(world, "UPDATE subscriptions SET properties = '{broken' WHERE object_id = 'bad'")
    for _ in range(4):
        world.work()
    assert {m.recipient.id for m in world.messages()} == {"bob"}
    assert list(struck_expansions(world.sql()).values()) == [3]
    assert world.sql().value("SELECT count(*) FROM triggers WHERE pending IS NOT NULL") == 1
