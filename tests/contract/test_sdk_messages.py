"""The official Python client reads and marks what the engine made, strictly validated."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import knockapi
import pytest
import uvicorn
from knockapi import AsyncKnock, Knock

from app.api.app import create_api
from app.services import Services
from storage.db import Database
from storage.writer import GroupWriter
from tests.app.api.message_world import BATCH, CHAT, EMAIL, IN_APP, PUSH, SMS, ApiWorld


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """Ann's messages on every channel: five items in her feed, one of a batch, a failed mail."""
    world = ApiWorld(tmp_path_factory.mktemp("sdk"))
    world.channels()
    world.channel("broken", "email", provider="scripted")
    world.transport.provide(world.channel_id("broken"), ["rejected"])
    world.identify({
        "id": "ann", "name": "Ann", "email": "ann@example.com", "phone_number": "+1555",
        "channel_data": {
            "push": {"tokens": ["t1"]}, "chat": {"connections": [{"channel_id": "C1"}]},
        },
    })  # fmt: skip
    world.workflow("ping", [IN_APP], categories=["news"])
    world.workflow("all", [EMAIL, SMS, PUSH, CHAT])
    world.workflow("digest", [BATCH, IN_APP])
    world.workflow("bad", [{**EMAIL, "channel_key": "broken"}])
    for number in range(4):
        world.trigger("ping", "ann", actor="bob", tenant="acme", data={"n": number})
        world.until(world.clock.now() + timedelta(hours=1))
    for number in range(3):
        world.trigger("digest", "ann", data={"n": number})
    world.until(world.clock.now() + timedelta(hours=1))
    team = {"id": "1", "collection": "teams", "email": "t@example.com"}
    world.trigger("all", "ann", data={"text": "x"})
    world.trigger("bad", team)
    yield world
    world.close()


@pytest.fixture(scope="module")
def base_url(world: ApiWorld) -> Iterator[str]:
    """A server on the same file, with its grouping writer, on a port that the system chose."""
    database = Database(world.db.path)
    writer = GroupWriter(database)
    api = create_api(Services(database=database, writer=writer, clock=world.clock))
    server = uvicorn.Server(
        uvicorn.Config(api, ws="none", log_level="error", loop="asyncio", http="httptools")
    )
    listener = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    give_up = time.monotonic() + 10
    while not server.started and time.monotonic() < give_up:
        time.sleep(0.01)
    assert server.started, "the server did not start"
    yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    server.should_exit = True
    thread.join(10)
    writer.close()
    database.close()


@pytest.fixture
def knock(base_url: str) -> Iterator[Knock]:
    options: dict[str, Any] = {"_strict_response_validation": True, "max_retries": 0}
    with Knock(api_key="sk_development", base_url=base_url, **options) as client:
        yield client


def feed_ids(world: ApiWorld) -> list[str]:
    return [m.id for m in world.messages("in_app_feed_1")][::-1]


def test_lists_go_on_by_themselves(knock: Knock, world: ApiWorld) -> None:
    every = [m.id for m in world.messages()][::-1]
    assert len(every) == 10
    found = [m.id for m in knock.messages.list(page_size=3)]
    assert sorted(found, reverse=True) == found == sorted(every, reverse=True)
    mine = knock.users.list_messages("ann", page_size=2, source="ping", tenant="acme")
    assert [m.id for m in mine] == feed_ids(world)[1:]
    (other,) = knock.objects.list_messages("teams", id="1")
    assert other.status == "undelivered"


def test_filters_arrive_in_the_clients_own_dialect(knock: Knock, world: ApiWorld) -> None:
    newest = world.messages("in_app_feed_1")[3]
    run = newest.run_id
    for filters in (
        {"trigger_data": '{"n":3}', "workflow_categories": ["news"]},
        {"message_ids": [newest.id], "status": ["delivered", "sent"]},
        {"workflow_recipient_run_id": run, "engagement_status": ["unseen", "unread"]},
        {"workflow_run_id": newest.trigger_id, "channel_id": newest.channel_id},
        {
            "source": "ping",
            "inserted_at": {"gt": "2026-01-01T02:30:00Z", "lte": "2026-01-01T03:00:00Z"},
        },
    ):
        assert [m.id for m in knock.messages.list(**filters)] == [newest.id], filters  # type: ignore[arg-type]  # as JSON


def test_one_message_and_what_belongs_to_it(knock: Knock, world: ApiWorld) -> None:
    mail = world.one_of("all", "email_1")
    message = knock.messages.get(mail)
    assert message.channel is not None
    assert (message.channel.type, message.status) == ("email", "sent")
    assert (message.source.key, message.recipient) == ("all", "ann")
    types = [e.type for e in knock.messages.list_events(mail, page_size=1)]
    assert types == ["message.created", "message.queued", "message.sent"]
    assert [a.data for a in knock.messages.list_activities(mail)] == [{"text": "x"}]
    digest = feed_ids(world)[0]
    activities = knock.messages.list_activities(digest, page_size=2)
    assert [(a.data or {})["n"] for a in activities] == [0, 1, 2]
    (failed,) = knock.objects.list_messages("teams", id="1")
    (log,) = knock.messages.list_delivery_logs(failed.id)
    assert (log.request.method, log.response.status) == ("POST", 400)


def test_contents_of_every_channel_validate(knock: Knock, world: ApiWorld) -> None:
    ids = [m.id for m in world.messages()]
    kinds = {c.data.api_typename for c in knock.messages.batch.get_content(message_ids=ids)}
    assert kinds == {
        f"Message{name}Content" for name in ("Email", "Sms", "Push", "Chat", "InAppFeed")
    }
    assert knock.messages.get_content(ids[0]).data.api_typename == "MessageInAppFeedContent"


def test_marks_in_both_spellings(knock: Knock, world: ApiWorld) -> None:
    id = feed_ids(world)[0]
    assert knock.messages.mark_as_seen(id).engagement_statuses == ["seen"]
    assert knock.messages.mark_as_read(id).engagement_statuses == ["seen", "read"]
    assert knock.messages.mark_as_unread(id).engagement_statuses == ["seen"]
    assert knock.messages.mark_as_unseen(id).engagement_statuses == []
    assert knock.messages.archive(id).engagement_statuses == ["archived"]
    assert knock.messages.unarchive(id).engagement_statuses == []
    for name in ("unseen", "unread", "unarchived"):
        assert knock.delete(f"/v1/messages/{id}/{name}", cast_to=object) is not None
    clicked = knock.messages.mark_as_interacted(id, metadata={"type": "cell_click"})
    assert clicked.engagement_statuses == ["read", "interacted"]
    assert clicked.read_at is not None
    (*_, last) = knock.messages.list_events(id)
    assert (last.type, last.data) == ("message.interacted", {"type": "cell_click"})
    with pytest.raises(knockapi.UnprocessableEntityError):
        knock.messages.mark_as_interacted(id, metadata={"deep": {"a": 1}})
    with pytest.raises(knockapi.NotFoundError):
        knock.messages.mark_as_read("nope")


def test_marks_in_batches_and_in_bulk(knock: Knock, world: ApiWorld) -> None:
    ids = feed_ids(world)[1:3]
    for verb in ("mark_as_seen", "mark_as_unseen", "mark_as_read", "archive", "unarchive"):
        done = getattr(knock.messages.batch, verb)(message_ids=ids)
        assert [m.id for m in done] == ids, verb
    channel = world.channel_id("in_app_feed")
    operation = knock.channels.bulk.update_message_status(
        channel_id=channel, action="archive", recipient_ids=["ann"], engagement_status="read",
        archived="exclude",
    )  # fmt: skip
    assert operation.status == "completed"
    assert knock.bulk_operations.get(operation.id) == operation
    assert operation.success_count >= 2
    nobody = knock.channels.bulk.update_message_status(
        channel_id=channel, action="delete", recipient_ids=["bob"]
    )
    assert nobody.processed_rows == 0


def test_the_feed(knock: Knock, world: ApiWorld) -> None:
    channel = world.channel_id("in_app_feed")
    page = knock.users.feeds.list_items(
        user_id="ann", id=channel, page_size=2, archived="include", status="all",
        inserted_at={"gte": "2026-01-01T00:00:00Z"},
    )  # fmt: skip
    assert [item.id for item in page] == feed_ids(world)
    assert [item.total_activities for item in page.entries] == [3, 1]
    ids = [e.id for e in knock.users.feeds.list_items(user_id="nobody", id=channel)]
    assert ids == []
    settings = knock.users.feeds.get_settings(user_id="ann", id=channel)
    assert settings.features.branding_required is False


def test_runs(knock: Knock, world: ApiWorld) -> None:
    every = [r.id for r in knock.workflow_recipient_runs.list(page_size=4)]
    assert len(every) == len(set(every)) == len(world.runs())
    paged = knock.workflow_recipient_runs.list(page_size=2, workflow="ping", status=["completed"])
    assert len(list(paged)) == 4
    (team,) = knock.workflow_recipient_runs.list(recipient={"id": "1", "collection": "teams"})
    assert team.workflow == "bad"
    detail = knock.workflow_recipient_runs.get(team.id)
    assert detail.events[-1].event == "run_completed"
    late = knock.workflow_recipient_runs.list(
        starting_at="2026-01-01T05:00:00Z", has_errors=False, recipient="ann"
    )
    assert [r.workflow for r in late] == ["all"]


def test_the_asynchronous_client_iterates_too(base_url: str, world: ApiWorld) -> None:
    async def read() -> list[str]:
        async with AsyncKnock(api_key="sk_development", base_url=base_url) as client:
            return [m.id async for m in client.messages.list(page_size=4, source="ping")]

    assert asyncio.run(read()) == feed_ids(world)[1:]
