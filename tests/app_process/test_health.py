from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from served import until

from app.dispatch import API_PARTS, HEALTH_PARTS, LOGIN_PARTS, Outer, live
from app.folder import DataFolder, write_state
from app.health import Health, HealthApp, WatchedWriter
from app.outcomes import CountingTransport, Outcomes, outcome_of
from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure, SmtpAnswer
from engine.timing.clock import SystemClock
from storage.db import Database
from storage.errors import DiskFull, StorageError
from storage.migrations import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    migrate(tmp_path / "tocsin.db")
    database = Database(tmp_path / "tocsin.db")
    yield database
    database.close()


async def fetch(app: Any, path: str, **headers: str) -> tuple[int, bytes]:
    """Ask an ASGI app for a path."""
    sent: list[dict[str, Any]] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": "GET", "path": path, "headers": raw}
    await app(scope, receive, send)
    return sent[0]["status"], b"".join(m.get("body", b"") for m in sent)


class Refusing:
    """A writer whose disk is full."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error

    async def run(self, work: Any) -> Any:
        if self.error is not None:
            raise self.error
        return work(None)


@pytest.mark.req("R-52")
async def test_health_tells_starting_serving_read_only_and_draining_apart(
    tmp_path: Path, database: Database
) -> None:
    folder = DataFolder(tmp_path)
    health = Health(folder, needs_executor=True)
    app = HealthApp(health, database, SystemClock(), folder.figures, None)

    async def told() -> tuple[int, str]:
        status, body = await fetch(app, "/health")
        return status, orjson.loads(body)["status"]

    assert await told() == (503, "starting")
    health.is_ready = True
    write_state(folder, executor="starting")
    assert await told() == (503, "starting")
    write_state(folder, executor="running")
    assert await told() == (200, "serving")
    refusing = Refusing(DiskFull("The disk is full."))
    writer = WatchedWriter(refusing, health)
    with pytest.raises(DiskFull):
        await writer.run(lambda _: None)
    assert await told() == (503, "read_only")
    refusing.error = None
    assert await writer.run(lambda _: 7) == 7
    assert await told() == (200, "serving")
    refusing.error = StorageError("a mistake of one caller")
    with pytest.raises(StorageError):
        await writer.run(lambda _: None)
    assert await told() == (200, "serving")
    health.is_draining = True
    assert await told() == (503, "draining")
    assert (await fetch(app, "/health/live"))[0] == 200


async def test_metrics_hold_what_this_process_the_file_and_the_executor_know(
    tmp_path: Path, database: Database
) -> None:
    folder = DataFolder(tmp_path)
    app = HealthApp(
        Health(folder, needs_executor=False), database, SystemClock(), folder.figures, None
    )
    text = (await fetch(app, "/metrics"))[1].decode()
    assert 'tocsin_queue_depth{queue="outbox"} 0.0' in text
    assert "tocsin_render_kills" not in text
    outcomes = Outcomes()
    outcomes.count("smtp", SmtpAnswer(stage="done", code=250, text=""))
    outcomes.publish(folder, Figures())
    text = (await fetch(app, "/metrics"))[1].decode()
    assert "tocsin_render_kills 3.0" in text
    assert 'tocsin_attempts_total{kind="smtp",outcome="2xx"} 1.0' in text


class Figures:
    kills = 3
    rendered = 9


async def test_metrics_ask_for_their_token(tmp_path: Path, database: Database) -> None:
    folder = DataFolder(tmp_path)
    app = HealthApp(
        Health(folder, needs_executor=False), database, SystemClock(), folder.figures, "s3cret"
    )
    assert (await fetch(app, "/metrics"))[0] == 401
    assert (await fetch(app, "/metrics", authorization="Bearer wrong"))[0] == 401
    assert (await fetch(app, "/metrics", authorization="Bearer s3cret"))[0] == 200
    assert (await fetch(app, "/health/none"))[0] == 404


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (HttpAnswer(status=204), "2xx"),
        (HttpAnswer(status=503), "5xx"),
        (SmtpAnswer(stage="recipient", code=550, text=""), "5xx"),
        (NetFailure(kind="timeout", message=""), "timeout"),
    ],
)
async def test_every_call_is_counted_by_its_outcome(answer: Any, outcome: str) -> None:
    class Inner:
        async def send(self, request: HttpRequest, **_: Any) -> Any:
            return answer

        async def mail(self, mail: Any) -> Any:
            return answer

    outcomes = Outcomes()
    transport = CountingTransport(Inner(), outcomes)
    assert await transport.send(HttpRequest(method="GET", url="http://x")) is answer
    assert outcome_of(answer) == outcome
    value = outcomes.registry.get_sample_value(
        "tocsin_attempts_total", {"kind": "http", "outcome": outcome}
    )
    assert value == 1.0


async def test_each_path_goes_to_its_half_of_the_server() -> None:
    def app(name: str) -> Any:
        async def answer(scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": name.encode()})

        return answer

    outer = Outer(api=app("api"), login=app("login"), health=app("health"), designer=app("pages"))
    expected = (
        dict.fromkeys(API_PARTS, b"api")
        | dict.fromkeys(LOGIN_PARTS, b"login")
        | dict.fromkeys(HEALTH_PARTS, b"health")
        | dict.fromkeys(("", "development", "v1beta", "_nicegui", "loginx"), b"pages")
    )
    for part, name in expected.items():
        assert (await fetch(outer, f"/{part}"))[1] == name
        assert (await fetch(outer, f"/{part}/more"))[1] == name
    bare = Outer(api=app("api"), login=app("login"), health=app("health"), designer=None)
    assert (await fetch(bare, "/"))[0] == 404


async def test_an_app_with_nothing_to_start_answers_its_lifespan() -> None:
    events = iter([{"type": "lifespan.startup"}, {"type": "lifespan.shutdown"}])
    sent: list[str] = []

    async def receive() -> Any:
        return next(events)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    await asyncio.wait_for(live(receive, send), 5)
    assert sent == ["lifespan.startup.complete", "lifespan.shutdown.complete"]


async def test_figures_that_cannot_be_written_do_not_end_the_publishing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.outcomes._PUBLISH_SECONDS", 0.0)
    folder = DataFolder(tmp_path / "later")
    publishing = asyncio.create_task(Outcomes().keep_publishing(folder, Figures()))
    await asyncio.to_thread(lambda: None)
    (tmp_path / "later").mkdir()
    await asyncio.to_thread(until, folder.figures.exists)
    assert not publishing.done()
    publishing.cancel()
