"""Whom a trigger reaches, by which path, and how often."""

import uuid
from datetime import timedelta

import pytest

from engine.errors import InvalidInput
from engine.recipients.references import parse_references
from engine.trigger.accept import TriggerCommand
from storage.records import RunStatus, WorkflowStatus
from tests.engine.wire import batch, delay, email, feed
from tests.engine.world import ref

ORG = {"collection": "orgs", "id": "o"}
TEAM = {"collection": "teams", "id": "t"}
SQUAD = {"collection": "squads", "id": "s"}


def reached(world):
    return [(run.recipient.collection, run.recipient.id) for run in world.runs()]


@pytest.fixture
def note(world):
    body = "{{ recipient.subscription.role }} of {{ recipient.subscription.object.id }}"
    world.workflow("note", [feed(body)])
    return world


def said(world):
    return {m.recipient.id: _text(world.content(m)) for m in world.messages()}


def _text(content):
    return content["blocks"][0]["rendered"].removeprefix("<p>").removesuffix("</p>")


@pytest.mark.req("E-2")
def test_run_ids_derive_from_the_trigger_and_the_recipient(note):
    accepted = note.trigger("note", "ann", {"collection": "orgs", "id": "o"})
    root = uuid.UUID(accepted.workflow_run_id)
    assert root.version == 4
    expected = [str(uuid.uuid5(root, name)) for name in ("$users/ann", "orgs/o")]
    assert [run.id for run in note.runs()] == expected


@pytest.mark.req("E-13")
def test_objects_are_expanded_two_levels_deep_and_no_further(note):
    note.subscribe(ORG, TEAM)
    note.subscribe(TEAM, SQUAD, "ann")
    note.subscribe(SQUAD, "bob")
    note.trigger("note", ORG)
    assert reached(note) == [
        ("orgs", "o"), ("teams", "t"), ("squads", "s"), ("$users", "ann"),
    ]  # fmt: skip


@pytest.mark.req("E-13")
def test_objects_that_follow_each_other_are_reached_once(note):
    note.subscribe(ORG, TEAM, "ann")
    note.subscribe(TEAM, ORG, "ann", "bob")
    note.trigger("note", ORG, TEAM)
    assert sorted(reached(note)) == [
        ("$users", "ann"), ("$users", "bob"), ("orgs", "o"), ("teams", "t"),
    ]  # fmt: skip


@pytest.mark.req("E-14")
def test_who_is_listed_by_name_has_no_subscription(note):
    note.subscribe(ORG, "ann", "bob", role="member")
    note.trigger("note", ORG, "ann")
    assert said(note) == {"ann": "of", "bob": "member of o"}


@pytest.mark.req("E-14")
def test_the_nearer_of_two_paths_supplies_the_subscription(note):
    note.subscribe(ORG, TEAM)
    note.subscribe(TEAM, "ann", role="far")
    note.subscribe({"collection": "orgs", "id": "o2"}, "ann", role="near")
    note.trigger("note", ORG, {"collection": "orgs", "id": "o2"})
    assert said(note) == {"ann": "near of o2"}


@pytest.mark.req("E-14")
def test_a_recipient_listed_twice_is_merged_in_list_order(world):
    world.workflow("note", [feed("{{ data.a }}{{ data.b }}{{ data.c }} {{ recipient.name }}")])
    world.trigger(
        "note",
        {"id": "eve", "name": "Eve", "city": "Rome", "$trigger_data": {"a": 1, "b": 1}},
        {"id": "eve", "name": "Eva", "$trigger_data": {"b": 2}},
        data={"c": 3},
    )
    assert said(world) == {"eve": "123 Eva"}


@pytest.mark.req("E-5")
def test_data_that_comes_with_an_object_is_not_for_its_followers(world):
    world.workflow("note", [feed("[{{ data.a }}]")])
    world.subscribe(ORG, "ann")
    world.trigger("note", {**ORG, "$trigger_data": {"a": 1}})
    assert said(world) == {"ann": "[]"}
    assert world.runs()[0].state["data"] == {"a": 1}


@pytest.mark.req("E-16")
def test_an_object_that_acts_is_not_told_but_its_followers_are(note):
    note.subscribe(ORG, TEAM)
    note.subscribe(TEAM, "ann")
    note.trigger("note", ORG, actor=TEAM)
    assert reached(note) == [("orgs", "o"), ("$users", "ann")]


@pytest.mark.req("E-19")
def test_a_tenant_is_created_and_can_be_followed_like_an_object(note):
    tenants = {"collection": "$tenants", "id": "acme"}
    note.subscribe(tenants, "ann", role="member")
    note.trigger("note", tenants, tenant="acme")
    assert reached(note) == [("$tenants", "acme"), ("$users", "ann")]
    assert [m.tenant for m in note.messages()] == ["acme"]
    assert note.sql().value("SELECT count(*) FROM recipients WHERE collection = '$tenants'") == 1


@pytest.mark.req("E-6")
def test_a_user_nobody_identified_gets_a_run_and_no_record(world):
    world.workflow("note", [email("x"), feed("{{ recipient.id }}{{ recipient.name }}")])
    world.trigger("note", "ghost")
    assert said(world) == {"ghost": "ghost"}
    assert world.reasons(world.runs()[0]) == ["missing_recipient_data"]
    assert world.sql().value("SELECT count(*) FROM recipients WHERE id = 'ghost'") == 0


@pytest.mark.req("E-17")
def test_a_trigger_that_does_not_fan_out_runs_for_the_object_alone(note):
    note.subscribe(ORG, "ann")
    command = TriggerCommand(
        environment=note.env,
        workflow="note",
        recipients=tuple(parse_references([ORG], "recipients", most=1)),
        source_type="schedule",
        fans_out=False,
    )
    with note.db.transaction() as tx:
        note.acceptor.accept(tx, command, note.clock.now())
    note.work()
    assert reached(note) == [("orgs", "o")]


@pytest.mark.req("E-22")
def test_followers_who_had_their_only_run_get_no_second_one(world):
    world.workflow("welcome", [feed()], trigger_frequency="once_per_recipient")
    world.subscribe(ORG, "ann", "bob")
    world.trigger("welcome", "ann")
    world.trigger("welcome", ORG)
    assert reached(world) == [("$users", "ann"), ("orgs", "o"), ("$users", "bob")]


@pytest.mark.req("E-12")
def test_a_large_fan_out_is_paged_and_reaches_everyone_once(note):
    names = [f"u{n}" for n in range(1200)]
    note.subscribe(ORG, *names[:700])
    note.subscribe(TEAM, *names[500:])
    note.trigger("note", ORG, TEAM, *names[::100])
    assert len(note.runs()) == 1202
    assert len({run.recipient for run in note.runs()}) == 1202


@pytest.mark.req("E-177")
def test_a_cancel_reaches_recipients_that_are_not_expanded_yet(world):
    world.workflow("slow", [delay("1h"), feed()])
    world.subscribe(ORG, "ann", "bob")
    world.accept("slow", ORG, cancellation_key="k")
    assert world.cancel("slow", "k", ["ann"]) == 1
    world.until(timedelta(hours=1))
    assert [m.recipient.id for m in world.messages()] == ["bob"]
    ann = next(run for run in world.runs() if run.recipient == ref("ann"))
    assert ann.status is RunStatus.CANCELLED
    assert world.reasons(ann) == ["cancellation_key"]


@pytest.mark.req("E-178")
def test_a_run_that_ended_before_the_cancel_hears_nothing_of_it(world):
    world.workflow("note", [feed()])
    world.subscribe(ORG, *[f"u{n}" for n in range(600)], "ann")
    world.accept("note", ORG, "ann", cancellation_key="k")
    world.loop.run_until_complete(world.executor.ticker.expand())
    world.loop.run_until_complete(world.lane.run_once())
    ann = next(run for run in world.runs() if run.recipient == ref("ann"))
    assert ann.status is RunStatus.COMPLETED
    world.cancel("note", "k")
    assert world.happened(ann)[-1] == "run_completed"


@pytest.mark.req("E-178")
def test_a_cancel_without_names_takes_all_that_is_left_of_a_fan_out(world):
    world.workflow("slow", [feed()])
    world.subscribe(ORG, *[f"u{n}" for n in range(600)])
    world.accept("slow", ORG, cancellation_key="k")
    world.loop.run_until_complete(world.executor.ticker.expand())
    assert 0 < len(world.runs()) < 601
    world.cancel("slow", "k")
    assert len(world.runs()) == 601
    assert {run.status for run in world.runs()} == {RunStatus.CANCELLED}
    assert world.messages() == []


@pytest.mark.req("E-178")
def test_a_key_that_was_used_for_years_costs_only_its_live_runs(world):
    world.workflow("note", [feed()])
    world.workflow("digest", [batch(), feed()])
    for _ in range(5):
        world.trigger("note", "ann", cancellation_key="k")
        world.trigger("digest", "ann", cancellation_key="k")
    with world.db.transaction() as tx:
        assert tx.cancellable_runs(world.env, "note", "k", None) == []
        assert len(tx.cancellable_runs(world.env, "digest", "k", None)) == 5
    world.until(timedelta(hours=1))
    with world.db.transaction() as tx:
        assert tx.cancellable_runs(world.env, "digest", "k", None) == []


@pytest.mark.req("E-10")
def test_a_schema_refuses_the_whole_call_for_one_recipients_own_data(world):
    schema = {"type": "object", "properties": {"n": {"type": "number"}}}
    world.workflow("note", [feed()], trigger_data_json_schema=schema)
    with pytest.raises(InvalidInput) as refused:
        world.trigger("note", "ann", {"id": "eve", "$trigger_data": {"n": "x"}}, data={"n": 1})
    assert [p.path for p in refused.value.problems] == ["recipients[1].$trigger_data.n"]
    assert world.runs() == []
    assert world.sql().value("SELECT count(*) FROM recipients WHERE id = 'eve'") == 0


@pytest.mark.req("E-8")
def test_an_archived_workflow_is_missing(world):
    world.workflow("note", [feed()])
    world.set_status("note", WorkflowStatus.ARCHIVED)
    with pytest.raises(Exception, match="no committed workflow"):
        world.trigger("note", "ann")
