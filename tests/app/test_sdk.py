"""The official Python client against a live server on loopback, strictly validated."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import knockapi
import pytest
import uvicorn
from api_world import PUSH_CHANNEL, seed
from knockapi import AsyncKnock, Knock

from app.api.app import create_api
from app.services import Services
from engine.timing.clock import SystemClock
from storage.db import Database
from storage.migrations import migrate
from storage.writer import GroupWriter


@pytest.fixture(scope="module")
def base_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A server with its grouping writer, on a port that the system chose."""
    path: Path = tmp_path_factory.mktemp("sdk") / "tocsin.db"
    migrate(path)
    seeding = Database(path)
    seeding.write(seed)
    seeding.close()
    database = Database(path)
    writer = GroupWriter(database)
    api = create_api(Services(database=database, writer=writer, clock=SystemClock()))
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
    with Knock(
        api_key="sk_development", base_url=base_url, _strict_response_validation=True, max_retries=0
    ) as client:
        yield client


def test_users(knock: Knock) -> None:
    user = knock.users.update(
        user_id="jane doe", name="Jane", created_at="2019-12-27T18:11:19.117000+00:00",
        preferences={"default": {"workflows": {"w": False}}},
        channel_data={PUSH_CHANNEL: {"tokens": ["t"]}}, extra_body={"plan": "pro"},
    )  # fmt: skip
    assert (user.id, user.name, user.model_extra) == ("jane doe", "Jane", {"plan": "pro"})
    assert user.created_at is not None
    assert user.created_at.year == 2019
    assert knock.users.get("jane doe").id == "jane doe"
    (listed,) = [u for u in knock.users.list(include=["preferences"]) if u.id == "jane doe"]
    assert (listed.model_extra or {})["preferences"]["default"]["workflows"] == {"w": False}
    knock.users.delete("jane doe")
    with pytest.raises(knockapi.NotFoundError) as missing:
        knock.users.get("jane doe")
    assert missing.value.body["code"] == "resource_missing"  # type: ignore[index]  # JSON


def test_lists_go_on_by_themselves(knock: Knock) -> None:
    for number in range(7):
        knock.objects.set("pages", id=f"{number}")
    found = [item.id for item in knock.objects.list("pages", page_size=3)]
    assert found == [str(number) for number in range(7)]


def test_objects(knock: Knock) -> None:
    set_ = knock.objects.set("docs", id="1", name="Plan", extra_body={"size": 3})
    assert set_.properties == {"name": "Plan", "size": 3}
    assert knock.objects.get("docs", id="1").collection == "docs"
    knock.objects.delete("docs", id="1")
    with pytest.raises(knockapi.NotFoundError):
        knock.objects.get("docs", id="1")


def test_tenants(knock: Knock) -> None:
    tenant = knock.tenants.set(
        id="acme", name="Acme",
        settings={"branding": {"primary_color": "#f00"},
                  "preference_set": {"channel_types": {"email": False}}},
    )  # fmt: skip
    assert tenant.settings is not None
    assert tenant.settings.branding is not None
    assert tenant.settings.branding.primary_color == "#f00"
    found = knock.tenants.get(id="acme", resolve_full_preference_settings=True)
    assert found.settings is not None
    assert found.settings.preference_set is not None
    assert [t.id for t in knock.tenants.list(name="Acme", tenant_id="acme")] == ["acme"]
    knock.tenants.delete("acme")
    assert list(knock.tenants.list()) == []


def test_subscriptions(knock: Knock) -> None:
    added = knock.objects.add_subscriptions(
        "projects", object_id="p1",
        recipients=["ann", {"id": "bob", "name": "Bob"}, {"id": "t", "collection": "teams"}],
        properties={"role": "owner"},
    )  # fmt: skip
    assert [s.recipient.id for s in added] == ["ann", "bob", "t"]
    only = knock.objects.list_subscriptions(
        "projects", object_id="p1", recipients=["ann", {"id": "t", "collection": "teams"}],
        include=["preferences"],
    )  # fmt: skip
    assert [s.recipient.id for s in only] == ["ann", "t"]
    reverse = knock.objects.list_subscriptions("teams", object_id="t", mode="recipient")
    assert [s.object.id for s in reverse] == ["p1"]
    knock.objects.add_subscriptions("projects", object_id="p2", recipients=["ann"])
    assert [s.object.id for s in knock.users.list_subscriptions("ann")] == ["p2", "p1"]
    narrowed = knock.users.list_subscriptions(
        "ann", objects=[{"id": "p1", "collection": "projects"}]
    )
    assert [s.object.id for s in narrowed] == ["p1"]
    removed = knock.objects.delete_subscriptions(
        "projects", object_id="p1", recipients=["ann", "nobody"]
    )
    assert [s.recipient.id for s in removed] == ["ann"]


def test_channel_data(knock: Knock) -> None:
    knock.users.set_channel_data(user_id="ann", channel_id=PUSH_CHANNEL, data={"tokens": ["t"]})
    found = knock.users.get_channel_data(user_id="ann", channel_id=PUSH_CHANNEL)
    assert found.provider == "push_apns"
    assert found.data.tokens == ["t"]  # type: ignore[union-attr]  # the union's push arm
    knock.users.unset_channel_data(user_id="ann", channel_id=PUSH_CHANNEL)
    with pytest.raises(knockapi.NotFoundError):
        knock.users.get_channel_data(user_id="ann", channel_id=PUSH_CHANNEL)
    where = {"collection": "docs", "object_id": "9", "channel_id": PUSH_CHANNEL}
    knock.objects.set_channel_data(**where, data={"devices": [{"token": "d", "locale": "de"}]})
    assert knock.objects.get_channel_data(**where).channel_id == PUSH_CHANNEL
    knock.objects.unset_channel_data(**where)
    with pytest.raises(knockapi.UnprocessableEntityError) as unknown:
        knock.users.get_channel_data(user_id="ann", channel_id="nowhere")
    assert unknown.value.body["code"] == "channel_invalid"  # type: ignore[index]  # JSON


def test_preferences(knock: Knock) -> None:
    condition = {"variable": "data.x", "operator": "equal_to", "argument": "1"}
    set_ = knock.users.set_preferences(
        user_id="ann", id="default", workflows={"w": {"channel_types": {"email": False}}},
        channel_types={"sms": {"conditions": [condition]}}, categories={"Big News": False},
    )  # fmt: skip
    assert set_.id == "default"
    assert set_.categories == {"Big News": False}
    assert knock.users.get_preferences(user_id="ann", id="default", tenant="acme").id == "default"
    assert [s.id for s in knock.users.list_preferences("ann")] == ["default"]
    merged = knock.users.set_preferences(
        user_id="ann", id="default", _persistence_strategy="merge", categories={"Other": True}
    )
    assert merged.categories == {"Big News": False, "Other": True}
    knock.users.unset_preferences(user_id="ann", id="default")
    assert knock.users.list_preferences("ann") == []
    where = {"collection": "docs", "object_id": "9", "id": "default"}
    assert knock.objects.set_preferences(**where, commercial_subscribed=False).id == "default"
    assert knock.objects.get_preferences(**where).commercial_subscribed is False
    assert len(knock.objects.list_preferences(collection="docs", object_id="9")) == 1
    knock.objects.unset_preferences(**where)


@pytest.mark.parametrize(
    ("key", "error"),
    [("sk_unknown", knockapi.AuthenticationError), ("pk_development",
      knockapi.PermissionDeniedError)],
)  # fmt: skip
def test_refusals_have_their_class(base_url: str, key: str, error: type[Exception]) -> None:
    with Knock(api_key=key, base_url=base_url, max_retries=0) as client, pytest.raises(error):
        client.users.list()


def test_wrong_parameters_have_their_class(knock: Knock) -> None:
    with pytest.raises(knockapi.UnprocessableEntityError):
        knock.users.update(user_id="ann", email=5)  # type: ignore[arg-type]  # wrong on purpose
    with pytest.raises(knockapi.APIStatusError) as large:
        knock.users.update(user_id="ann", extra_body={"big": "x" * (8 * 2**20)})
    assert large.value.status_code == 413


async def test_the_asynchronous_client_too(base_url: str) -> None:
    async with AsyncKnock(
        api_key="sk_development", base_url=base_url, _strict_response_validation=True
    ) as client:
        await client.users.update(user_id="zoe", name="Zoe")
        assert "zoe" in [user.id async for user in client.users.list(page_size=1)]
