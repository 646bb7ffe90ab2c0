"""A small world on an injected clock: the engine's own verbs, no sleeping, no sockets."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure, SmtpAnswer, SmtpMail
from engine.providers.base import discover_providers
from engine.recipients.identify import identify
from engine.recipients.references import parse_reference, parse_references, parse_tenant
from engine.render.inline import InlineRenderer
from engine.timing.clock import ManualClock
from engine.trigger.accept import Accepted, Acceptor, TriggerCommand
from engine.trigger.cancel import cancel
from engine.worker.loop import Executor
from engine.worker.services import ExecutorServices
from engine.workflow.kinds import discover
from storage import definitions
from storage.channels import put_channel, put_settings
from storage.db import Database
from storage.environments import put_account, put_environment
from storage.ids import SeededIds
from storage.logs import message_events, run_timeline
from storage.messages import COLUMNS as MESSAGE_COLUMNS
from storage.messages import get_content, message_from_row
from storage.migrations import migrate
from storage.records import (
    Message,
    RecipientRef,
    Run,
    WorkflowStatus,
    WorkflowVersion,
)
from storage.runs import COLUMNS, run_from_row
from storage.sql import maybe_instant
from storage.timers import next_due
from storage.writer import DirectWriter

START = datetime(2026, 1, 1, tzinfo=UTC)


class ScriptedTransport:
    """Answer requests from a script, per URL prefix; remember what was asked, and when."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.script: dict[str, list[HttpAnswer | NetFailure]] = {}
        self.requests: list[tuple[datetime, HttpRequest]] = []

    async def send(
        self, request: HttpRequest, *, timeout: float | None = None, allow_private: bool = False
    ) -> HttpAnswer | NetFailure:
        self.requests.append((self.clock.now(), request))
        for prefix, answers in self.script.items():
            if request.url.startswith(prefix):
                return answers.pop(0) if len(answers) > 1 else answers[0]
        raise AssertionError(f"no answer is scripted for {request.url}")

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        raise AssertionError("no mail is expected")


class World:
    """Builders and a clock around one executor whose parts are turned by hand."""

    def __init__(
        self, folder: Path, now: datetime = START, environment: str = "development"
    ) -> None:
        discover("engine.steps")
        discover_providers()
        self.env = environment
        self.clock = ManualClock(now)
        path = folder / "tocsin.db"
        migrate(path)
        self.db = Database(path, checkpoints=True)
        self.ids = SeededIds()
        self.acceptor = Acceptor(self.ids)
        self.transport = ScriptedTransport(self.clock)
        self.services = ExecutorServices(
            database=self.db,
            writer=DirectWriter(self.db),
            clock=self.clock,
            renderer=InlineRenderer(),
            transport=self.transport,
            unseal=lambda sealed, row: {},
        )
        with self.db.transaction() as tx:
            put_account(tx, name="Acme", timezone="Etc/UTC", now=now)
            put_environment(tx, environment, now=now)
            self.epoch = tx.open_epoch(now, 1)
        self.executor = Executor(self.services, self.epoch)
        self.lane = self.executor.make_lanes(1)[0]

    # ------------------------------------------------------------ building

    def channel(self, key: str, type_: str, provider: str | None = None, **more: Any) -> str:
        """Configure a channel; the catch-all inbox unless a provider is named."""
        with self.db.transaction() as tx:
            id_ = put_channel(tx, id=self.ids.uuid(), key=key, type=type_, now=self.clock.now())
            put_settings(
                tx,
                id_,
                self.env,
                more.pop("settings", {}),
                self.clock.now(),
                secret_names=(),
                seal=lambda value, row: b"",
                provider=provider,
                **more,
            )
        return id_

    def channels(self) -> None:
        """Configure one channel per type, keyed by its type."""
        for type_ in ("email", "in_app_feed", "sms", "push", "chat", "http"):
            self.channel(type_, type_)

    def user(self, id_: str, **properties: Any) -> None:
        self.identify({"id": id_, **properties})

    def identify(self, inline: dict[str, Any]) -> None:
        reference = parse_reference(inline, "recipient")
        with self.db.transaction() as tx:
            identify(tx, self.env, [reference.identity], self.clock.now())

    def workflow(self, key: str, steps: list[dict[str, Any]], **more: Any) -> int:
        """Commit a workflow; committing it again makes the next version."""
        definition = {"name": key.title(), "steps": steps, **more}
        now = self.clock.now()
        with self.db.transaction() as tx:
            number = max(definitions.versions(tx, self.env, key), default=0) + 1
            definitions.save_draft(tx, self.env, key, definition, f"hash{number}", now=now)
            definitions.add_version(
                tx,
                WorkflowVersion(
                    id=self.ids.uuid(),
                    environment=self.env,
                    key=key,
                    number=number,
                    definition=definition,
                    content_hash=f"hash{number}",
                    status=WorkflowStatus.ACTIVE,
                    author="test",
                    message="",
                    inserted_at=now,
                ),
            )
        return number

    def set_status(self, key: str, status: WorkflowStatus) -> None:
        with self.db.transaction() as tx:
            definitions.set_status(tx, self.env, key, status)

    # ------------------------------------------------------------ happenings

    def trigger(self, workflow: str, *recipients: Any, **body: Any) -> Accepted:
        """Accept a trigger and let everything happen that is due at this instant."""
        actor, tenant = body.get("actor"), body.get("tenant")
        command = TriggerCommand(
            environment=self.env,
            workflow=workflow,
            recipients=tuple(parse_references(list(recipients), "recipients", most=1000)),
            actor=parse_reference(actor, "actor") if actor else None,
            tenant=parse_tenant(tenant, "tenant") if tenant else None,
            data=body.get("data", {}),
            cancellation_key=body.get("cancellation_key"),
            settings=body.get("settings", {}),
            idempotency_key=body.get("idempotency_key"),
            body={"recipients": list(recipients), **body},
            request_id=body.get("request_id", "r1"),
        )
        with self.db.transaction() as tx:
            accepted = self.acceptor.accept(tx, command, self.clock.now())
        self.work()
        return accepted

    def cancel(self, workflow: str, key: str, recipients: list[str] | None = None) -> int:
        refs = None if recipients is None else [RecipientRef("$users", r) for r in recipients]
        with self.db.transaction() as tx:
            count = cancel(tx, self.env, workflow, key, refs, self.clock.now())
        self.work()
        return count

    def work(self) -> None:
        """Run until nothing is ready at this instant."""
        asyncio.run(self._work())

    async def _work(self) -> None:
        executor = self.executor
        for _ in range(1000):
            done = await executor.ticker.expand() + await self.lane.run_once()
            done += await executor.sender.poll() + await executor.caller.poll()
            await executor.sender.drain(60)
            await executor.caller.drain(60)
            if not done and not executor.sender.in_flight:
                return
        raise AssertionError("the world does not come to rest")

    def until(self, instant: datetime | timedelta) -> None:
        """Jump from due instant to due instant, up to and including `instant`."""
        end = START + instant if isinstance(instant, timedelta) else instant
        while True:
            due = self._next()
            if due is None or due > end:
                break
            self.clock.set(max(due, self.clock.now()))
            asyncio.run(self.executor.ticker.due())
            self.work()
        self.clock.set(end)

    def _next(self) -> datetime | None:
        outbox = self.sql().value("SELECT min(due_at) FROM outbox WHERE lease_until IS NULL")
        times = [t for t in (next_due(self.sql()), maybe_instant(outbox)) if t is not None]
        return min(times, default=None)

    # ------------------------------------------------------------ looking

    def sql(self) -> Any:
        return self.db.read()

    def runs(self) -> list[Run]:
        rows = self.sql().rows(f"SELECT {COLUMNS} FROM runs ORDER BY inserted_at, id")
        return [run_from_row(row) for row in rows]

    def messages(self, step: str | None = None) -> list[Message]:
        rows = self.sql().rows(f"SELECT {MESSAGE_COLUMNS} FROM messages ORDER BY inserted_at, id")
        found = [message_from_row(row) for row in rows]
        return [m for m in found if step is None or m.step_ref == step]

    def content(self, message: Message) -> dict[str, Any]:
        return get_content(self.sql(), self.env, message.id) or {}

    def events(self, message: Message) -> list[str]:
        return [e.event for e in message_events(self.sql(), self.env, message.id)]

    def timeline(self, run: Run) -> list[dict[str, Any]]:
        return run_timeline(self.sql(), self.env, run.id)

    def happened(self, run: Run) -> list[str]:
        return [entry["event"] for entry in self.timeline(run)]

    def reasons(self, run: Run) -> list[str]:
        return [e["data"]["reason"] for e in self.timeline(run) if "reason" in e["data"]]
