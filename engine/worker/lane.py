"""One lane of execution: claim a batch, decide, render, commit, hand over to sending.

Two lanes take turns on the loop: while one waits for the render process the
other reads, decides and commits, so both cores are used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final

import structlog

from engine.errors import DefinitionError, TocsinError
from engine.render.requests import RenderRequest, RenderResult
from engine.runs.advance import advance
from engine.runs.apply import Applied, apply
from engine.runs.effects import Effects, Inputs
from engine.runs.load import load
from engine.runs.park import park
from engine.runs.timeline import entry
from engine.worker.caller import seal_call
from engine.worker.services import ExecutorServices
from engine.worker.versions import newest_version
from engine.worker.world import environment_view
from engine.workflow.kinds import EnvironmentView
from engine.workflow.plan import Plan
from storage import definitions
from storage.db import is_to_blame
from storage.faults import crash_point
from storage.records import Outbound, Run, RunBundle
from storage.secrets import SealBroken
from storage.sql import Sql
from storage.tx import Tx

LEASE: Final = timedelta(seconds=30)
# Failures of a run that was executed alone; the one before, in company, proves nothing.
MOST_STRIKES: Final = 3
_PATIENCE: Final = 2.0

log = structlog.get_logger(__name__)

Send = Callable[[Sequence[Outbound]], Awaitable[None]]


class Lane:
    """Run batches of runs to their next pause."""

    def __init__(
        self,
        services: ExecutorServices,
        epoch: int,
        render_lock: asyncio.Lock,
        *,
        send: Send,
        can_send: Callable[[], bool],
        wake: Callable[[], None],
    ) -> None:
        """`can_send` tells whether new messages may be handed over without being claimed."""
        self._services, self._epoch, self._lock = services, epoch, render_lock
        self._send, self._can_send, self._wake = send, can_send, wake
        self.held: dict[str, Run] = {}
        self._ahead: list[Run] = []
        self._strikes = 0
        self._is_suspects_turn = False

    def in_hand(self) -> list[str]:
        """Name the runs that are claimed here and not written back."""
        return [*self.held, *(run.id for run in self._ahead)]

    async def run_once(self) -> int:
        """Take one batch as far as it goes; return how many runs it had."""
        services = self._services
        # Left over when giving back failed too, as it does on a full disk.
        await self._give_back()
        runs, self._ahead = self._ahead, []
        if not runs and services.database.read().value(_HAS_READY) is not None:
            runs = await services.writer.run(self._claim)
        if not runs:
            return 0
        self.held = {run.id: run for run in runs}
        try:
            crash_point("after_claim")
            effects, contents = await self._decide(runs)
            applied, self._ahead = await services.writer.run(
                lambda tx: (self._apply(tx, effects, contents), self._claim_ahead(tx, len(runs)))
            )
        except Exception as error:  # data nobody thought of, or a disk that is full
            is_innocent = _is_innocent(error)
            await self._give_back(None if is_innocent else error)
            if is_innocent:
                raise
            log.exception("lane.pass_failed", runs=len(runs))
            return len(runs)
        for done in effects:
            self.held.pop(done.change.run.id, None)
        waiting = len(self.held)
        await self._give_back()
        crash_point("after_apply_commit")
        if applied.has_ready or applied.has_calls:
            self._wake()
        if applied.outbound:
            await self._send(applied.outbound)
        # Where all wait, a moment's rest before they are looked at again.
        return len(runs) - waiting

    def _claim_ahead(self, tx: Tx, taken: int) -> list[Run]:
        """Claim the next batch in the commit of a full one: there is a backlog.

        One at a time, each claim keeps its own commit.
        """
        return self._claim(tx) if 1 < taken == self._services.claim_limit else []

    def _claim(self, tx: Tx) -> list[Run]:
        now = self._services.clock.now()
        try:
            return self._choose(tx, now)
        except ValueError:
            ended = tx.end_unreadable_runs(now)
            log.error("runs.unreadable", runs=[id_ for _, id_ in ended])
            why = entry("run_failed", now, data={"message": _UNREADABLE}, status="error")
            tx.log_timeline([(environment, id_, [why]) for environment, id_ in ended], now)
            return self._choose(tx, now)

    def _choose(self, tx: Tx, now: datetime) -> list[Run]:
        """Claim a batch; every other time a suspect, alone, if there is one."""
        self._is_suspects_turn, self._strikes = not self._is_suspects_turn, 0
        runs = [] if self._is_suspects_turn else self._claim_batch(tx, now)
        suspect = None if runs else tx.claim_suspect(now, LEASE, self._epoch)
        if suspect is None:
            return runs or self._claim_batch(tx, now)
        run, self._strikes = suspect
        if self._strikes > MOST_STRIKES:
            park(tx, [(run, "The server ended each time when it executed this run.")], now)
            return []
        return [run]

    def _claim_batch(self, tx: Tx, now: datetime) -> list[Run]:
        return tx.claim_runs(now, self._services.claim_limit, LEASE, self._epoch)

    async def _give_back(self, error: Exception | None = None) -> None:
        """Make ready again what was claimed and not executed; an error is a strike (R-29).

        What failed together is executed alone from then on, so neighbours
        proceed; what fails alone for the third time is parked.
        """
        held = list(self.held.values())
        if not held:
            return
        now = self._services.clock.now()
        if error is not None and self._strikes >= MOST_STRIKES:
            why = f"Executing this run failed {MOST_STRIKES} times: {type(error).__name__}: {error}"
            await self._services.writer.run(lambda tx: park(tx, [(r, why) for r in held], now))
        else:
            strike = error is not None
            await self._services.writer.run(lambda tx: tx.release_runs(held, now, strike=strike))
        self.held = {}

    def _apply(self, tx: Tx, effects: list[Effects], contents: dict[Any, Any]) -> Applied:
        now = self._services.clock.now()
        lease = (self._epoch, now + LEASE) if self._can_send() else None
        sealed = [seal_call(one, self._services.seal) for one in effects]
        return apply(tx, sealed, contents, now, newest=newest_version(tx), lease=lease)

    # ------------------------------------------------------------ deciding

    async def _decide(self, runs: Sequence[Run]) -> tuple[list[Effects], dict[Any, Any]]:
        """Advance every run; render what is asked for until nothing more is."""
        services = self._services
        sql = services.database.read()
        plans, parked = self._plans(sql, runs)
        known = [run for run in runs if (run.environment, run.workflow, run.version) in plans]
        needs = frozenset(r.id for r in known if plans[_key(r)].needs_statuses)
        views = self._views(sql, {run.environment for run in known})
        # Where a secret does not open, runs wait: what they made would be wrong.
        known = [run for run in known if run.environment in views]
        bundles = load(sql, known, needs)
        loaded = {bundle.run.id for bundle in bundles}
        parked += [(r, "its trigger is not stored any more") for r in known if r.id not in loaded]
        await self._park(parked)
        return await self._rounds(plans, bundles, views)

    def _views(self, sql: Sql, environments: set[str]) -> dict[str, EnvironmentView]:
        services = self._services
        views: dict[str, EnvironmentView] = {}
        for key in environments:
            try:
                views[key] = environment_view(
                    sql, key, services.unseal, allow_private_network=services.allow_private_network
                )
            except SealBroken as error:
                log.error("lane.environment_waits", environment=key, error=error.message)
        return views

    async def _rounds(
        self,
        plans: dict[tuple[str, str, int], Plan],
        bundles: Sequence[RunBundle],
        views: dict[str, EnvironmentView],
    ) -> tuple[list[Effects], dict[Any, Any]]:
        now, step_limit = self._services.clock.now(), self._services.step_limit
        kept_since = now - timedelta(days=self._services.retention_days)
        results: dict[str, dict[str, RenderResult]] = {b.run.id: {} for b in bundles}
        decided: dict[str, Effects] = {}
        todo = list(bundles)
        while todo:
            asked: list[tuple[str, str, RenderRequest]] = []
            for bundle in todo:
                run = bundle.run
                inputs = Inputs(
                    rendered=results[run.id], step_limit=step_limit, kept_since=kept_since
                )
                effects = advance(plans[_key(run)], bundle, views[run.environment], inputs, now)
                decided[run.id] = effects
                wanted = effects.hard or effects.soft
                # Each thing once: whatever a step makes of its answer, the rounds end.
                asked += [(run.id, n, r) for n, r in wanted.items() if n not in results[run.id]]
            if not asked:
                await self._park([(b.run, _ENDLESS) for b in todo if decided[b.run.id].hard])
                break
            answers = await self._render([request for _, _, request in asked])
            again: set[str] = set()
            for (run_id, name, _), answer in zip(asked, answers, strict=False):
                results[run_id][name] = answer
                if decided[run_id].hard or not answer.ok:
                    again.add(run_id)
            for run_id, _, _ in asked[len(answers) :]:
                # Not rendered in time: given back whole, after this pass.
                decided.pop(run_id, None)
                again.discard(run_id)
            todo = [b for b in todo if b.run.id in again]
        contents = {
            (run_id, name): answer.output
            for run_id, named in results.items()
            for name, answer in named.items()
            if answer.ok
        }
        return [e for e in decided.values() if not e.hard], contents

    async def _render(self, requests: list[RenderRequest]) -> list[RenderResult]:
        """Render in one go, as far as patience reaches; those left out are not answered.

        Templates that hang cost seconds each: the other lane's, and then other
        workflows', take their turn in between (R-29).
        """
        async with self._lock:
            render = partial(self._services.renderer.render, requests, patience=_PATIENCE)
            results = await asyncio.to_thread(render)
        if len(results) < len(requests):
            log.warning("lane.render_slow", left=len(requests) - len(results))
        return results

    async def _park(self, runs: list[tuple[Run, str]]) -> None:
        if not runs:
            return
        await self._services.writer.run(lambda tx: park(tx, runs, self._services.clock.now()))
        for run, _ in runs:
            self.held.pop(run.id, None)

    def _plans(
        self, sql: Sql, runs: Sequence[Run]
    ) -> tuple[dict[tuple[str, str, int], Plan], list[tuple[Run, str]]]:
        """Compile what is not cached; runs whose version does not compile are parked."""
        plans: dict[tuple[str, str, int], Plan] = {}
        broken: dict[tuple[str, str, int], str] = {}
        for key in {_key(run) for run in runs}:
            try:
                plan = self._services.plans.get(*key, partial(definitions.get_version, sql, *key))
            except DefinitionError as error:
                broken[key] = error.message
                continue
            if plan is None:
                broken[key] = "this version of the workflow is not stored any more"
            else:
                plans[key] = plan
        return plans, [(run, broken[_key(run)]) for run in runs if _key(run) in broken]


_UNREADABLE: Final = "The row of this run is not JSON; it cannot be executed."
_ENDLESS: Final = "A step asks for the same text again and again."
_HAS_READY: Final = "SELECT 1 FROM runs WHERE phase = 'ready' LIMIT 1"


def _is_innocent(error: Exception) -> bool:
    """Tell whether any run would have failed: a full disk, no memory for a process."""
    is_passing = isinstance(error, TocsinError) and error.is_retryable
    return is_passing or isinstance(error, OSError) or is_to_blame(error)


def _key(run: Run) -> tuple[str, str, int]:
    return run.environment, run.workflow, run.version
