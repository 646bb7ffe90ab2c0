"""Grouped writes: neighbours are undisturbed, errors are named, answers come after the commit."""

import asyncio
import threading
from datetime import UTC, datetime

import apsw
import pytest

from storage.db import Database
from storage.errors import StorageError
from storage.logs import message_events
from storage.migrations import migrate
from storage.records import MessageEvent
from storage.writer import DirectWriter, GroupWriter

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    yield database
    database.close()


def _put(name):
    def work(tx):
        tx.run("INSERT INTO counters (name, value) VALUES (?, 1)", (name,))
        return name

    return work


def _fail(tx):
    tx.run("INSERT INTO counters (name, value) VALUES ('half', 1)")
    raise ValueError("no")


def _names(database):
    return [row[0] for row in database.read().rows("SELECT name FROM counters ORDER BY name")]


def test_a_piece_that_fails_is_undone_alone(database):
    async def run():
        writer = GroupWriter(database)
        try:
            work = [_put("a"), _fail, _put("b"), _fail, _put("c")]
            return await asyncio.gather(*(writer.run(w) for w in work), return_exceptions=True)
        finally:
            writer.close()

    answers = asyncio.run(run())
    assert [str(a) for a in answers] == ["a", "no", "b", "no", "c"]
    assert _names(database) == ["a", "b", "c"]


def test_the_answer_comes_after_the_commit(database):
    async def run():
        writer = GroupWriter(database)
        try:
            for number in range(20):
                await writer.run(_put(f"n{number:02}"))
                assert len(_names(database)) == number + 1
        finally:
            writer.close()

    asyncio.run(run())


@pytest.mark.parametrize("pieces", [1, 3])
def test_an_error_of_the_database_reaches_the_caller_as_ours(database, pieces):
    def broken(tx):
        tx.run("INSERT INTO no_such_table VALUES (1)")

    async def run():
        writer = GroupWriter(database)
        try:
            work = [broken] * pieces
            return await asyncio.gather(*(writer.run(w) for w in work), return_exceptions=True)
        finally:
            writer.close()

    answers = asyncio.run(run())
    assert all(isinstance(a, StorageError) for a in answers), answers
    assert not any(isinstance(a, apsw.Error) for a in answers)


def test_a_direct_writer_undoes_what_fails(database):
    writer = DirectWriter(database)
    with pytest.raises(ValueError, match="no"):
        asyncio.run(writer.run(_fail))
    assert _names(database) == []


def test_a_days_first_log_rows_that_are_undone_do_not_break_the_days_next(database):
    event = MessageEvent(
        environment="e", message_id="m", event="message.read", data={}, inserted_at=NOW
    )

    def twice_then_fail(tx):
        tx.log_message_events([event], NOW)
        tx.log_message_events([event], NOW)
        raise ValueError("no")

    def once(tx):
        tx.log_message_events([event], NOW)

    async def run():
        writer = GroupWriter(database)
        try:
            work = [twice_then_fail, _put("a")]
            await asyncio.gather(*(writer.run(w) for w in work), return_exceptions=True)
            await asyncio.gather(writer.run(twice_then_fail), return_exceptions=True)
            await writer.run(once)
        finally:
            writer.close()

    asyncio.run(run())
    assert len(message_events(database.read(), "e", "m")) == 1


def _put_all(tx, names):
    """Answer an error for `wrong`, break on `poison`; the rest is stored in one statement."""
    if "poison" in names:
        tx.run("INSERT INTO counters (name, value) VALUES ('half', 1)")
        raise ValueError("broken")
    answers = [ValueError("wrong") if n == "wrong" else f"{n} of {len(names)}" for n in names]
    tx.many("INSERT INTO counters VALUES (?, 1)", [(n,) for n in names if n != "wrong"])
    return answers


async def _together(database, names, others=()):
    """Hold the writer's thread until everything is queued, so that it is one group."""
    writer, gate = GroupWriter(database), threading.Event()
    try:
        held = asyncio.create_task(writer.run(lambda tx: gate.wait(10)))
        await asyncio.sleep(0)
        tasks = [asyncio.create_task(writer.together(_put_all, name)) for name in names]
        tasks += [asyncio.create_task(writer.run(work)) for work in others]
        await asyncio.sleep(0)
        gate.set()
        await held
        return await asyncio.gather(*tasks, return_exceptions=True)
    finally:
        writer.close()


def test_items_of_one_work_are_done_together(database):
    answers = asyncio.run(_together(database, ["a", "b", "c"], [_put("d")]))
    assert answers == ["a of 3", "b of 3", "c of 3", "d"]
    assert _names(database) == ["a", "b", "c", "d"]


def test_an_error_that_is_answered_concerns_its_item_alone(database):
    answers = asyncio.run(_together(database, ["a", "wrong", "c"]))
    assert [str(a) for a in answers] == ["a of 3", "wrong", "c of 3"]
    assert _names(database) == ["a", "c"]


def test_when_the_work_breaks_each_item_is_tried_alone(database):
    answers = asyncio.run(_together(database, ["a", "poison", "c"], [_put("d")]))
    assert [str(a) for a in answers] == ["a of 1", "broken", "c of 1", "d"]
    assert _names(database) == ["a", "c", "d"]


def test_the_direct_writer_raises_the_error_that_is_answered(database):
    with pytest.raises(ValueError, match="wrong"):
        asyncio.run(DirectWriter(database).together(_put_all, "wrong"))
    assert asyncio.run(DirectWriter(database).together(_put_all, "a")) == "a of 1"


def _where(tx, items):
    """Answer which thread the work was done on."""
    _put_all(tx, items)
    return [threading.current_thread().name for _ in items]


async def _light(writer, names):
    tasks = [writer.together(_where, name, is_light=True) for name in names]
    return await asyncio.gather(*tasks)


def test_light_work_is_done_on_the_loop_in_one_transaction(database):
    async def run():
        writer = GroupWriter(database)
        try:
            return await _light(writer, ["a", "b", "c"])
        finally:
            writer.close()

    here = threading.current_thread().name
    assert asyncio.run(run()) == [here] * 3
    assert _names(database) == ["a", "b", "c"]


def test_more_light_work_than_a_group_holds_is_all_done(database):
    names = [f"n{n:03}" for n in range(100)]

    async def run():
        writer = GroupWriter(database)
        try:
            return await _light(writer, names)
        finally:
            writer.close()

    assert len(asyncio.run(run())) == 100
    assert _names(database) == names


def test_the_loop_does_not_wait_for_the_write_lock(database):
    other = Database(database.path)

    async def run():
        writer = GroupWriter(database)
        try:
            with other.transaction() as tx:
                waiting = asyncio.create_task(_light(writer, ["a", "b"]))
                for _ in range(1000):  # the loop turns all the while
                    await asyncio.sleep(0)
                assert not waiting.done()
                tx.run("INSERT INTO counters VALUES ('first', 1)")
            return await waiting
        finally:
            writer.close()

    assert asyncio.run(run()) == ["writer", "writer"]
    assert _names(database) == ["a", "b", "first"]
    other.close()


def test_while_flushes_are_slow_the_thread_does_light_work_too(database, monkeypatch):
    async def run():
        writer = GroupWriter(database)
        monkeypatch.setattr("storage.writer._SLOW_SECONDS", 0.0)
        try:
            return [(await _light(writer, [f"n{n}"]))[0] for n in range(4)]
        finally:
            writer.close()

    here = threading.current_thread().name
    assert asyncio.run(run()) == [here, here, here, "writer"]
