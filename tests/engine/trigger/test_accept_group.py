"""Triggers that arrive together: one transaction, and nobody pays for a neighbour."""

import uuid
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import IdempotencyMismatch, InvalidInput, NotFound
from engine.recipients.references import parse_references
from engine.trigger.accept import TriggerCommand
from storage.ids import run_id
from tests.engine.world import World

FEED = {
    "type": "channel", "ref": "feed", "channel_type": "in_app_feed",
    "channel_key": "in_app_feed", "template": {"markdown_body": "Hello"},
}  # fmt: skip


@pytest.fixture
def world(tmp_path):
    world = World(tmp_path)
    world.channels()
    world.workflow("note", [FEED])
    yield world
    world.close()


def _command(recipient="ann", key=None, workflow="note", body=None, request_id="req"):
    return TriggerCommand(
        environment="development", workflow=workflow, idempotency_key=key, request_id=request_id,
        recipients=tuple(parse_references([recipient], "recipients", most=5)), body=body or {},
    )  # fmt: skip


def _accept(world, *commands):
    with world.db.transaction() as tx:
        return world.acceptor.accept_all(tx, commands, world.clock.now())


def _count(world, table):
    return world.db.read().value(f"SELECT count(*) FROM {table}")


def test_each_command_gets_its_own_answer(world):
    wrong_inline = {"id": "zoe", "channel_data": {"no-such-channel": {"tokens": []}}}
    found = _accept(
        world, _command("ann"), _command("bob", workflow="absent"), _command(wrong_inline),
        _command("cleo"),
    )  # fmt: skip
    assert isinstance(found[1], NotFound)
    assert isinstance(found[2], InvalidInput)
    assert _count(world, "triggers") == 2
    rows = world.db.read().rows("SELECT trigger_id, recipient FROM runs")
    assert sorted(rows) == sorted(
        [(found[0].workflow_run_id, "ann"), (found[3].workflow_run_id, "cleo")]
    )


def test_a_refused_inline_identification_leaves_no_half_recipient(world):
    wrong = {"id": "zoe", "name": "Zoe", "channel_data": {"no-such-channel": {"tokens": []}}}
    _accept(world, _command(wrong), _command({"id": "ann", "name": "Ann"}))
    assert world.db.read().rows("SELECT id FROM recipients WHERE collection = '$users'") == [
        ("ann",)
    ]


def test_one_key_twice_in_a_group_makes_one_trigger(world):
    first, again, other = _accept(
        world, _command(key="k", request_id="one"), _command(key="k", request_id="two"),
        _command(key="k", body={"data": {"n": 2}}),
    )  # fmt: skip
    assert again.workflow_run_id == first.workflow_run_id
    assert (first.replayed_from, again.replayed_from) == (None, "one")
    assert isinstance(other, IdempotencyMismatch)
    assert _count(world, "triggers") == _count(world, "runs") == 1


def test_a_key_can_be_used_anew_after_a_day(world):
    (first,) = _accept(world, _command(key="k"))
    world.clock.set(world.clock.now() + timedelta(hours=23, minutes=59))
    (kept,) = _accept(world, _command(key="k"))
    world.clock.set(world.clock.now() + timedelta(minutes=2))
    (anew,) = _accept(world, _command(key="k"))
    (repeat,) = _accept(world, _command(key="k"))
    assert kept.workflow_run_id == first.workflow_run_id
    assert anew.workflow_run_id != first.workflow_run_id
    assert repeat.workflow_run_id == anew.workflow_run_id
    assert _count(world, "triggers") == 2


def test_a_command_without_a_key_is_never_a_repeat(world):
    first, second = _accept(world, _command(), _command())
    assert first.workflow_run_id != second.workflow_run_id


def test_workflow_run_ids_sort_by_time_and_are_valid_uuids(world):
    ids = []
    for _ in range(5):
        ids.append(_accept(world, _command())[0].workflow_run_id)
        world.clock.set(world.clock.now() + timedelta(milliseconds=1))
    assert ids == sorted(ids)
    parsed = [uuid.UUID(one) for one in ids]
    assert [str(one) for one in parsed] == ids
    assert {(one.version, one.variant) for one in parsed} == {(4, uuid.RFC_4122)}


@given(st.uuids(), st.text(max_size=20), st.text(max_size=20))
def test_a_run_id_is_the_version_5_uuid_of_its_trigger(trigger, collection, recipient):
    try:
        expected = str(uuid.uuid5(trigger, f"{collection}/{recipient}"))
    except UnicodeEncodeError:
        return
    assert run_id(str(trigger), collection, recipient) == expected
