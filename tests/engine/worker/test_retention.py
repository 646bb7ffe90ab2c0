"""What is past its days goes, in slices, and what is still needed stays."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest

from engine.worker.retention import Pace, Retention
from storage.bulk_operations import start
from storage.members import Session, insert_session
from storage.records import RunPhase
from tests.engine.wire import batch, delay, email, feed, throttle

MONTH = timedelta(days=31)


def count(world, table):
    return world.sql().value(f"SELECT count(*) FROM {table}")


async def no_pause(seconds):
    await asyncio.sleep(0)


def purge(world, **parts):
    retention = Retention(world.services, **{"pause": no_pause, **parts})
    return world.loop.run_until_complete(retention.purge())


def many_runs(world, number):
    """Repeat the only run and its trigger, a second apart."""
    columns = [row[1] for row in world.sql().rows("PRAGMA table_info(runs)")]
    shown = ", ".join({"id": "'r' || n", "trigger_id": "'t' || n"}.get(c, c) for c in columns)
    numbers = f"WITH RECURSIVE c(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c LIMIT {number})"
    with world.db.transaction() as tx:
        tx.run(f"{numbers} INSERT INTO runs SELECT {shown} FROM c, (SELECT * FROM runs LIMIT 1)")


@pytest.mark.req("R-23")
def test_an_ended_run_goes_with_its_trigger_and_messages_a_feed_item_stays(world):
    world.workflow("note", [email(), feed()])
    world.trigger("note", "ann", "bob")
    world.clock.advance(timedelta(days=29))
    assert not purge(world)
    world.clock.advance(timedelta(days=2))
    deleted = purge(world)
    assert (deleted["runs"], deleted["triggers"], deleted["messages"]) == (2, 1, 2)
    assert (count(world, "runs"), count(world, "triggers"), count(world, "log_days")) == (0, 0, 0)
    assert [m.channel_type for m in world.messages()] == ["in_app_feed"] * 2
    assert [world.content(m)["blocks"][0]["content"] for m in world.messages()] == ["hello"] * 2


@pytest.mark.req("R-23")
def test_the_age_of_a_run_counts_from_its_end(world):
    world.workflow("wait", [delay("40d"), email()])
    world.trigger("wait", "ann")
    world.clock.advance(timedelta(days=39))
    assert purge(world)["runs"] == 0
    world.until(timedelta(days=41))
    assert [run.phase for run in world.runs()] == [RunPhase.DONE]
    assert purge(world)["runs"] == 0
    assert (count(world, "triggers"), count(world, "messages")) == (1, 1)
    world.clock.advance(MONTH)
    assert purge(world)["runs"] == 1
    assert (count(world, "triggers"), count(world, "messages")) == (0, 0)


@pytest.mark.req("R-23")
def test_what_a_wrong_clock_dated_years_ahead_keeps_nothing_behind_it(world):
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    with world.db.transaction() as tx:
        for table in ("triggers", "runs", "messages"):
            tx.run(f"UPDATE {table} SET inserted_at = inserted_at + 315360000000000")
    world.trigger("note", "bob")
    world.clock.advance(MONTH)
    deleted = purge(world)
    assert [deleted[table] for table in ("triggers", "runs", "messages")] == [1, 2, 1]


@pytest.mark.req("R-23")
def test_a_trigger_that_is_still_to_be_expanded_stays(world):
    world.workflow("note", [feed()])
    world.accept("note", "ann")
    world.clock.advance(MONTH)
    with world.db.transaction() as tx:
        tx.run("DELETE FROM runs")
        tx.run("UPDATE triggers SET pending = '{}'")
    assert purge(world)["triggers"] == 0
    with world.db.transaction() as tx:
        tx.run("UPDATE triggers SET pending = NULL")
    assert purge(world)["triggers"] == 1


@pytest.mark.req("R-23")
def test_a_batch_goes_when_the_run_that_held_it_has_gone(world):
    world.workflow("digest", [batch("1h"), delay("40d"), email("{{ total_activities }}")])
    for _ in range(3):
        world.trigger("digest", "ann")
    world.until(timedelta(days=35))
    purge(world)
    assert (count(world, "windows"), count(world, "window_items")) == (1, 3)
    world.until(timedelta(days=41))
    assert world.content(world.messages()[0])["text_body"].startswith("3")
    world.clock.advance(MONTH)
    deleted = purge(world)
    assert (deleted["windows"], deleted["window_items"]) == (1, 3)


@pytest.mark.req("R-23")
def test_a_run_whose_activity_waits_in_an_open_batch_can_still_be_cancelled(world):
    world.workflow("digest", [batch("40d"), email("{{ total_activities }}")])
    world.trigger("digest", "ann")
    world.trigger("digest", "ann", cancellation_key="c")
    world.clock.advance(timedelta(days=35))
    assert purge(world)["runs"] == 0
    assert world.cancel("digest", "c") == 1
    world.until(timedelta(days=41))
    assert world.content(world.messages()[0])["text_body"].startswith("1")


@pytest.mark.req("E-134")
@pytest.mark.parametrize("operator", ["less_than", "greater_than_or_equal_to", "not_equal_to"])
def test_a_waiting_run_never_takes_a_message_past_its_days_for_one_that_was_skipped(
    world, operator
):
    condition = {
        "variable": "refs.email_1.delivery_status",
        "operator": operator,
        "argument": "$message.delivered",
    }
    reminder = email("again", ref="email_2", conditions={"all": [condition]})
    world.workflow("wait", [email(), delay("40d"), reminder])
    world.trigger("wait", "ann")
    world.until(timedelta(days=35))
    assert purge(world)["messages"] == 0
    world.until(timedelta(days=41))
    assert [m.step_ref for m in world.messages()] == ["email_1"]
    (run,) = world.runs()
    assert (run.phase, run.error_count) == (RunPhase.DONE, 0)
    assert purge(world)["messages"] == 1


@pytest.mark.req("R-23")
def test_a_message_on_its_way_out_stays(world):
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    with world.db.transaction() as tx:
        tx.run("INSERT INTO outbox SELECT id, environment, channel_id, 1, 0, 0, 0, 0 FROM messages")
    world.clock.advance(MONTH)
    assert purge(world)["messages"] == 0
    with world.db.transaction() as tx:
        tx.run("DELETE FROM outbox")
    assert purge(world)["messages"] == 1


@pytest.mark.req("R-23")
def test_a_run_once_per_recipient_stays_the_only_one(world):
    world.workflow("hello", [email()], trigger_frequency="once_per_recipient")
    world.trigger("hello", "ann")
    world.clock.advance(MONTH)
    assert purge(world)["runs"] == 1
    world.trigger("hello", "ann")
    assert world.messages() == []


@pytest.mark.req("R-23")
def test_ended_throttles_operations_and_sessions_go(world):
    world.workflow("note", [throttle("1h"), email()])
    world.trigger("note", "ann")
    now = world.clock.now()
    with world.db.transaction() as tx:
        start(tx, world.env, "b1", "users.identify", 3, now)
        for hash_, days in (("s1", 14), ("s2", 90)):
            insert_session(
                tx,
                Session(
                    hash=hash_, member_id="m", inserted_at=now, used_at=now,
                    expires_at=now + timedelta(days=days), address=None, agent=None,
                ),
            )  # fmt: skip
    assert not purge(world)
    world.clock.advance(MONTH)
    deleted = purge(world)
    assert [deleted[k] for k in ("throttles", "bulk_operations", "sessions")] == [1, 1, 1]
    assert world.sql().value("SELECT hash FROM sessions") == "s2"


@pytest.mark.req("R-23")
def test_others_write_between_any_two_slices(world):
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    many_runs(world, 3000)
    world.clock.advance(MONTH)
    sizes, others = [], []

    async def pause(seconds):
        sizes.append(world.sql().value("SELECT count(*) FROM runs"))
        await asyncio.sleep(0)

    async def busy():
        while count(world, "runs"):
            await world.services.writer.run(lambda tx: tx.run("UPDATE account SET name = name"))
            others.append(count(world, "runs"))
            await asyncio.sleep(0)

    async def both():
        retention = Retention(world.services, stopwatch=lambda: 0.0, pause=pause)
        await asyncio.gather(retention.purge(), busy())

    world.loop.run_until_complete(both())
    assert max(a - b for a, b in pairwise(sizes)) <= 500
    assert set(sizes) - {0} <= set(others)
    assert len(set(others)) > 5


@pytest.mark.req("R-23")
def test_a_slice_shrinks_until_it_fits_into_its_time(world):
    pace = Pace()
    longest = []
    for _ in range(30):
        longest.append(pace.size * 0.001)
        pace.learn(longest[-1])
    assert longest[0] > 0.01
    assert max(longest[1:]) <= 0.005
    for _ in range(30):
        pace.learn(pace.size * 0.00001)
    assert 200 <= pace.size <= 500


@pytest.mark.req("R-23")
def test_the_others_get_most_of_the_time(world):
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    many_runs(world, 200)
    world.clock.advance(MONTH)
    time, rests = iter(range(100_000)), []

    async def pause(seconds):
        rests.append(seconds)

    purge(world, stopwatch=lambda: next(time) * 0.01, pause=pause)
    assert len(rests) > 10
    # Four looks at the watch, three hundredths between the first and the last.
    assert min(rests) == pytest.approx(0.03 * 4)


@pytest.mark.req("R-23")
def test_a_slow_disk_makes_no_slice_smaller(world):
    world.workflow("note", [email()])
    world.trigger("note", "ann")
    many_runs(world, 300)
    world.clock.advance(MONTH)
    # Each commit takes a second, the work nothing: the fourth look is the one after the commit.
    looks, time = [0], [0.0]

    def stopwatch():
        looks[0] += 1
        time[0] += 1.0 if looks[0] % 4 == 0 else 0.0
        return time[0]

    retention = Retention(world.services, stopwatch=stopwatch, pause=no_pause)
    world.loop.run_until_complete(retention.purge())
    assert retention._paces["runs"].size > 100


@pytest.mark.req("R-23")
def test_a_second_walk_begins_behind_the_feed_items_that_stay(world, monkeypatch):
    world.workflow("note", [feed()])
    world.trigger("note", "ann", "bob")
    world.clock.advance(MONTH)
    retention = Retention(world.services, pause=no_pause)
    world.loop.run_until_complete(retention.purge())
    assert retention._settled == {"messages": (2,)}
    # Deleted with their readers: the numbers of their rows are given again.
    with world.db.transaction() as tx:
        tx.run("DELETE FROM messages")
    world.workflow("mail", [email()])
    world.trigger("mail", "ann")
    world.clock.advance(MONTH)
    assert world.loop.run_until_complete(retention.purge())["messages"] == 1


@pytest.mark.req("R-23")
def test_the_file_shrinks_when_much_has_gone(world):
    world.workflow("note", [email("x" * 20_000)])
    for _ in range(150):
        world.trigger("note", "ann", "bob")
    world.db.checkpoint()
    before = world.db.path.stat().st_size
    world.clock.advance(MONTH)
    purge(world)
    world.db.checkpoint()
    assert before > 6_000_000
    assert world.db.path.stat().st_size < before / 3
    assert world.db.quick_check() == "ok"


@pytest.mark.req("R-23")
def test_the_first_tick_purges_and_the_next_ones_once_an_hour(world, monkeypatch):
    purges = []

    async def noted(self):
        purges.append(world.clock.now() - world.started)

    monkeypatch.setattr(Retention, "purge", noted)
    for _ in range(25):
        world.loop.run_until_complete(world.executor.ticker.purge())
        world.clock.advance(timedelta(minutes=5))
    assert purges == [timedelta(hours=n) for n in range(3)]
