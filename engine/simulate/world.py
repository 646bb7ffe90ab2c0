"""A simulated world: the executor's own parts turned by hand on a virtual clock."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from engine.delivery.receipts import receive
from engine.messages.engage import Action, Engaging, engage
from engine.providers.base import PROVIDERS, discover_providers
from engine.recipients.references import parse_reference, parse_references, parse_tenant
from engine.render.inline import InlineRenderer
from engine.runs.wake import wake_due
from engine.simulate.faults import ScenarioError
from engine.simulate.offsets import START
from engine.simulate.outside import ScriptedProvider, ScriptedTransport
from engine.simulate.store import SimulatedStore, read
from engine.timing.instants import format_instant
from engine.trigger.accept import Accepted, Acceptor, TriggerCommand
from engine.trigger.cancel import cancel
from engine.worker.loop import Executor
from engine.worker.services import ExecutorServices
from engine.worker.versions import newest_version
from engine.workflow.kinds import discover
from storage.records import Message
from storage.sql import maybe_instant
from storage.timers import next_due
from storage.writer import DirectWriter

# Far more turns of the loop than a send needs from the answer to the settled row.
_TURNS: Final = 40


class World(SimulatedStore):
    """A store and one executor; nothing sleeps, nothing leaves the process."""

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
        """Build the world in `folder`; `services` replace parts of the executor."""
        discover("engine.steps")
        discover_providers()
        PROVIDERS[ScriptedProvider.id] = ScriptedProvider()
        super().__init__(folder, now, environment, timezone=timezone, seed=seed)
        self.down_until: datetime | None = None
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
            unseal=self.unseal,
            **services,
        )
        with self.db.transaction() as tx:
            self.epoch = tx.open_epoch(now, 1)
        self.executor = Executor(self.services, self.epoch)
        self.lane = self.executor.make_lanes(1)[0]

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

    # ------------------------------------------------------------ happenings

    def accept(self, workflow: str, *recipients: Any, **body: Any) -> Accepted:
        """Accept a trigger; nothing runs yet."""
        actor, tenant = body.get("actor"), body.get("tenant")
        command = TriggerCommand(
            environment=self.env,
            workflow=workflow,
            recipients=tuple(parse_references(list(recipients), "recipients", most=1000)),
            actor=read(parse_reference, actor, "actor") if actor else None,
            tenant=read(parse_tenant, tenant, "tenant") if tenant else None,
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
        """Cancel runs by key; None stands for those of every recipient."""
        refs = None
        if recipients is not None:
            refs = [read(parse_reference, r, "recipient").ref for r in recipients]
        with self.db.transaction() as tx:
            count = cancel(tx, self.env, workflow, key, refs, self.clock.now())
        self.work()
        return count

    def engage(self, message: Message, action: str) -> None:
        """Let the recipient do something with a message."""
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
        raise ScenarioError(
            "",
            f"the work of one instant ({format_instant(self.clock.now())}) does not come to an end",
        )

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
