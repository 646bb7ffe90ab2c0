"""A small world on an injected clock: the engine's own verbs, no sleeping, no sockets."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

from engine.delivery.receipts import receive
from engine.errors import InvalidInput, Problem
from engine.messages.engage import Action, Engaging, engage
from engine.providers.base import PROVIDERS, discover_providers
from engine.recipients.identify import identify
from engine.recipients.references import parse_reference, parse_references, parse_tenant
from engine.render.inline import InlineRenderer
from engine.runs.wake import wake_due
from engine.timing.clock import ManualClock
from engine.trigger.accept import Accepted, Acceptor, TriggerCommand
from engine.trigger.cancel import cancel
from engine.worker.loop import Executor
from engine.worker.services import ExecutorServices
from engine.worker.versions import newest_version
from engine.workflow.hashing import content_hash
from engine.workflow.kinds import discover
from storage import definitions, subscriptions
from storage.channels import put_channel, put_settings
from storage.db import Database
from storage.environments import put_account, put_environment, put_variable
from storage.ids import SeededIds
from storage.logs import message_events, run_timeline
from storage.messages import COLUMNS as MESSAGE_COLUMNS
from storage.messages import get_content, message_from_row
from storage.migrations import migrate
from storage.records import Message, RecipientRef, Run, WorkflowStatus, WorkflowVersion
from storage.runs import COLUMNS, run_from_row
from storage.secrets import SealBroken, Sealer
from storage.sql import maybe_instant
from storage.timers import next_due
from storage.writer import DirectWriter
from tests.engine.scripted import ScriptedProvider, ScriptedTransport

START = datetime(2026, 1, 1, tzinfo=UTC)
CHANNEL_TYPES = ("email", "in_app_feed", "sms", "push", "chat", "http")
# Far more turns of the loop than a send needs from the answer to the settled row.
_TURNS = 40


@cache
def empty_database() -> Path:
    """Migrate once per process; every world starts from a copy."""
    path = Path(tempfile.mkdtemp(prefix="tocsin-world-")) / "empty.db"
    migrate(path)
    return path


class World:
    """Builders and a clock around one executor whose parts are turned by hand."""

    def __init__(
        self,
        folder: Path,
        now: datetime = START,
        environment: str = "development",
        *,
        timezone: str = "Etc/UTC",
        seed: int = 1,
        **services: Any,
    ) -> None:
        discover("engine.steps")
        discover_providers()
        PROVIDERS[ScriptedProvider.id] = ScriptedProvider()
        self.env = environment
        self.clock = ManualClock(now)
        self.started = now
        self.down_until: datetime | None = None
        path = folder / "tocsin.db"
        shutil.copy(empty_database(), path)
        self.db = Database(path, checkpoints=True)
        self.ids = SeededIds(seed)
        self.sealer = Sealer("the master key of a test")
        self.acceptor = Acceptor(self.ids)
        self.transport = ScriptedTransport(self.clock)
        self.loop = asyncio.new_event_loop()
        self.services = ExecutorServices(
            database=self.db,
            writer=DirectWriter(self.db),
            clock=self.clock,
            renderer=InlineRenderer(),
            transport=self.transport,
            seal=self.sealer.seal,
            unseal=self._unseal,
            **services,
        )
        with self.db.transaction() as tx:
            put_account(tx, name="Acme", timezone=timezone, now=now)
            put_environment(tx, environment, now=now)
            self.epoch = tx.open_epoch(now, 1)
        self.executor = Executor(self.services, self.epoch)
        self.lane = self.executor.make_lanes(1)[0]

    def _unseal(self, sealed: bytes, row: str) -> Any:
        """Open what opens; what a test has only declared sealed counts as empty."""
        try:
            return self.sealer.unseal(sealed, row)
        except SealBroken:
            return {}

    def close(self) -> None:
        """Give back what the world holds; calls that never ended are dropped."""
        pending = asyncio.all_tasks(self.loop)
        for task in pending:
            task.cancel()
        if pending:
            self.loop.run_until_complete(asyncio.wait(pending))
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
        self.db.close()
        PROVIDERS.pop(ScriptedProvider.id, None)

    # ------------------------------------------------------------ building

    def channel(self, key: str, type_: str, provider: str | None = None, **more: Any) -> str:
        """Configure a channel; the catch-all inbox unless a provider is named."""
        id_ = more.pop("id", None) or self.ids.uuid()
        with self.db.transaction() as tx:
            put_channel(tx, id=id_, key=key, type=type_, now=self.clock.now())
            put_settings(
                tx,
                id_,
                self.env,
                more.pop("settings", {}),
                self.clock.now(),
                secret_names=(),
                seal=self.sealer.seal,
                provider=provider,
                **more,
            )
        return id_

    def channels(self, provider: str | None = None) -> dict[str, str]:
        """Configure one channel per type, keyed by its type; give their ids."""
        return {
            t: self.channel(t, t, None if t == "in_app_feed" else provider) for t in CHANNEL_TYPES
        }

    def user(self, id_: str, **properties: Any) -> None:
        self.identify({"id": id_, **properties})

    def identify(self, inline: dict[str, Any]) -> None:
        """Store an inline user or object."""
        self._store(_read(parse_reference, inline, "recipient"))

    def tenant(self, inline: Any) -> None:
        """Store an inline tenant."""
        self._store(_read(parse_tenant, inline, "tenant"))

    def _store(self, reference: Any) -> None:
        with self.db.transaction() as tx:
            identify(tx, self.env, [reference.identity], self.clock.now())

    def subscribe(self, object_: dict[str, Any], *recipients: Any, **properties: Any) -> None:
        """Let recipients follow an object."""
        parent = _read(parse_reference, object_, "object").ref
        refs = [_read(parse_reference, r, "recipient").ref for r in recipients]
        with self.db.transaction() as tx:
            subscriptions.upsert_many(tx, self.env, parent, refs, properties, self.clock.now())

    def unsubscribe(self, object_: dict[str, Any], *recipients: Any) -> None:
        parent = _read(parse_reference, object_, "object").ref
        refs = [_read(parse_reference, r, "recipient").ref for r in recipients]
        with self.db.transaction() as tx:
            subscriptions.delete_many(tx, self.env, parent, refs)

    def variable(self, key: str, value: str, *, is_secret: bool = False) -> None:
        seal = self.sealer.seal if is_secret else None
        with self.db.transaction() as tx:
            put_variable(tx, self.env, key, value, self.clock.now(), seal=seal)

    def workflow(self, key: str, steps: list[dict[str, Any]], **more: Any) -> int:
        """Commit a workflow; committing it again makes the next version."""
        definition = {"name": key.title(), "steps": steps, **more}
        digest, now = content_hash(definition), self.clock.now()
        with self.db.transaction() as tx:
            number = max(definitions.versions(tx, self.env, key), default=0) + 1
            definitions.save_draft(tx, self.env, key, definition, digest, now=now)
            definitions.add_version(
                tx,
                WorkflowVersion(
                    id=self.ids.uuid(),
                    environment=self.env,
                    key=key,
                    number=number,
                    definition=definition,
                    content_hash=digest,
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

    def accept(self, workflow: str, *recipients: Any, **body: Any) -> Accepted:
        """Accept a trigger; nothing runs yet."""
        actor, tenant = body.get("actor"), body.get("tenant")
        command = TriggerCommand(
            environment=self.env,
            workflow=workflow,
            recipients=tuple(parse_references(list(recipients), "recipients", most=1000)),
            actor=_read(parse_reference, actor, "actor") if actor else None,
            tenant=_read(parse_tenant, tenant, "tenant") if tenant else None,
            data=body.get("data") or {},
            cancellation_key=body.get("cancellation_key"),
            settings=body.get("settings") or {},
            idempotency_key=body.get("idempotency_key"),
            body={"recipients": list(recipients), **body},
            request_id=body.get("request_id", "r1"),
        )
        with self.db.transaction() as tx:
            return self.acceptor.accept(tx, command, self.clock.now())

    def trigger(self, workflow: str, *recipients: Any, **body: Any) -> Accepted:
        """Accept a trigger and let everything happen that is due at this instant."""
        accepted = self.accept(workflow, *recipients, **body)
        self.work()
        return accepted

    def cancel(self, workflow: str, key: str, recipients: Sequence[Any] | None = None) -> int:
        refs = None
        if recipients is not None:
            refs = [_read(parse_reference, r, "recipient").ref for r in recipients]
        with self.db.transaction() as tx:
            count = cancel(tx, self.env, workflow, key, refs, self.clock.now())
        self.work()
        return count

    def engage(self, message: Message, action: str) -> None:
        engaging = Engaging(environment=self.env, action=Action(action))
        with self.db.transaction() as tx:
            engage(tx, [message.id], engaging, self.clock.now())
        self.work()

    def report(self, message: Message, status: str) -> None:
        """Let the provider say what became of a message."""
        with self.db.transaction() as tx:
            receive(tx, self.env, message.id, status, self.clock.now())
        self.work()

    # ------------------------------------------------------------ time

    def work(self) -> None:
        """Run until nothing is ready at this instant."""
        if self.down_until is None:
            self.loop.run_until_complete(self._work())

    async def _work(self) -> None:
        executor = self.executor
        for _ in range(1000):
            before = self._progress()
            done = await executor.ticker.expand() + await self.lane.run_once()
            done += await executor.sender.poll() + await executor.caller.poll()
            for _ in range(_TURNS):
                await asyncio.sleep(0)
            if not done and before == self._progress():
                return
        raise AssertionError("the world does not come to rest")

    def _progress(self) -> tuple[int, int, int]:
        calls = self.transport.calls.total()
        return calls, self.executor.sender.in_flight, len(self.executor.caller._tasks)

    def stand_still(self, until: datetime) -> None:
        """Stop the engine; what is accepted meanwhile, and what falls due, waits."""
        self.down_until = until

    def before(self, instant: datetime) -> None:
        """Let happen all that is due before `instant`, and go there."""
        self._jump(instant, including=False)

    def until(self, instant: datetime | timedelta) -> None:
        """Jump from due instant to due instant, up to and including `instant`."""
        end = self.started + instant if isinstance(instant, timedelta) else instant
        self._jump(end, including=True)

    def _jump(self, end: datetime, *, including: bool) -> None:
        while (due := self.next_due()) is not None:
            if due > end or (due == end and not including):
                break
            self.clock.set(max(due, self.clock.now()))
            self.down_until = None
            self.transport.wake(self.clock.now())
            self._wake_one()
            self.work()
        self.clock.set(max(end, self.clock.now()))

    def _wake_one(self) -> None:
        """Wake the timer that is due first: what it makes ready runs before the next one."""
        with self.db.transaction() as tx:
            wake_due(tx, self.clock.now(), newest_version(tx), 1)

    def next_due(self) -> datetime | None:
        """Say when something is due next: a timer, an attempt, a time-out."""
        if self.down_until is not None:
            return self.down_until
        outbox = self.sql().value("SELECT min(due_at) FROM outbox WHERE lease_until IS NULL")
        sending = maybe_instant(outbox)
        if sending is not None and sending <= self.clock.now():
            # Due and not claimed: its channel rests, so look again in a moment.
            sending = self.clock.now() + timedelta(seconds=1)
        times = (next_due(self.sql()), sending, self.transport.next_wake())
        return min((t for t in times if t is not None), default=None)

    # ------------------------------------------------------------ looking

    def sql(self) -> Any:
        return self.db.read()

    def runs(self) -> list[Run]:
        """Give all runs, in the order they were made."""
        return [
            run_from_row(r) for r in self.sql().rows(f"SELECT {COLUMNS} FROM runs ORDER BY rowid")
        ]

    def messages(self, step: str | None = None) -> list[Message]:
        """Give all messages, in the order they were made."""
        rows = self.sql().rows(f"SELECT {MESSAGE_COLUMNS} FROM messages ORDER BY rowid")
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


def _read(parse: Any, json: Any, path: str) -> Any:
    found = parse(json, path)
    if isinstance(found, Problem):
        raise InvalidInput(problems=[found])
    return found


def ref(id_: str, collection: str = "$users") -> RecipientRef:
    """Name a recipient shortly."""
    return RecipientRef(collection, id_)
