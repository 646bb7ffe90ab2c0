"""One lane of execution: claim a batch, decide, render, commit, hand over to sending.

Two lanes take turns on the loop: while one waits for the render process the
other reads, decides and commits, so both cores are used.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final

from engine.errors import DefinitionError
from engine.render.requests import RenderRequest, RenderResult
from engine.runs.advance import advance
from engine.runs.apply import Applied, apply
from engine.runs.effects import Effects, Inputs
from engine.runs.load import load
from engine.runs.park import park
from engine.worker.services import ExecutorServices
from engine.worker.versions import newest_version
from engine.worker.world import environment_view
from engine.workflow.kinds import EnvironmentView
from engine.workflow.plan import Plan
from storage import definitions
from storage.faults import crash_point
from storage.records import Outbound, Run, RunBundle
from storage.sql import Sql
from storage.tx import Tx

LEASE: Final = timedelta(seconds=30)

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

    async def run_once(self) -> int:
        """Take one batch as far as it goes; return how many runs it had."""
        services = self._services
        if services.database.read().value(_HAS_READY) is None:
            return 0
        runs = await services.writer.run(self._claim)
        if not runs:
            return 0
        crash_point("after_claim")
        effects, contents = await self._decide(runs)
        applied = await services.writer.run(lambda tx: self._apply(tx, effects, contents))
        crash_point("after_apply_commit")
        if applied.has_ready or applied.has_calls:
            self._wake()
        if applied.outbound:
            await self._send(applied.outbound)
        return len(runs)

    def _claim(self, tx: Tx) -> list[Run]:
        now = self._services.clock.now()
        return tx.claim_runs(now, self._services.claim_limit, LEASE, self._epoch)

    def _apply(self, tx: Tx, effects: list[Effects], contents: dict[Any, Any]) -> Applied:
        now = self._services.clock.now()
        lease = (self._epoch, now + LEASE) if self._can_send() else None
        return apply(tx, effects, contents, now, newest=newest_version(tx), lease=lease)

    # ------------------------------------------------------------ deciding

    async def _decide(self, runs: Sequence[Run]) -> tuple[list[Effects], dict[Any, Any]]:
        """Advance every run; render what is asked for until nothing more is."""
        services = self._services
        sql = services.database.read()
        plans, parked = self._plans(sql, runs)
        known = [run for run in runs if (run.environment, run.workflow, run.version) in plans]
        needs = frozenset(r.id for r in known if plans[_key(r)].needs_statuses)
        bundles = load(sql, known, needs)
        views = {
            e: environment_view(
                sql, e, services.unseal, allow_private_network=services.allow_private_network
            )
            for e in {run.environment for run in known}
        }
        if parked:
            await services.writer.run(lambda tx: park(tx, parked, services.clock.now()))
        return await self._rounds(plans, bundles, views)

    async def _rounds(
        self,
        plans: dict[tuple[str, str, int], Plan],
        bundles: Sequence[RunBundle],
        views: dict[str, EnvironmentView],
    ) -> tuple[list[Effects], dict[Any, Any]]:
        now = self._services.clock.now()
        results: dict[str, dict[str, RenderResult]] = {b.run.id: {} for b in bundles}
        decided: dict[str, Effects] = {}
        todo = list(bundles)
        while todo:
            asked: list[tuple[str, str, RenderRequest]] = []
            for bundle in todo:
                run = bundle.run
                inputs = Inputs(rendered=results[run.id], step_limit=self._services.step_limit)
                effects = advance(plans[_key(run)], bundle, views[run.environment], inputs, now)
                decided[run.id] = effects
                wanted = effects.hard or effects.soft
                # Each thing once: whatever a step makes of its answer, the rounds end.
                asked += [(run.id, n, r) for n, r in wanted.items() if n not in results[run.id]]
            if not asked:
                break
            answers = await self._render([request for _, _, request in asked])
            again: set[str] = set()
            for (run_id, name, _), answer in zip(asked, answers, strict=True):
                results[run_id][name] = answer
                if decided[run_id].hard or not answer.ok:
                    again.add(run_id)
            todo = [b for b in todo if b.run.id in again]
        contents = {
            (run_id, name): answer.output
            for run_id, named in results.items()
            for name, answer in named.items()
            if answer.ok
        }
        return [e for e in decided.values() if not e.hard], contents

    async def _render(self, requests: list[RenderRequest]) -> list[RenderResult]:
        async with self._lock:
            return await asyncio.to_thread(self._services.renderer.render, requests)

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


_HAS_READY: Final = "SELECT 1 FROM runs WHERE phase = 'ready' LIMIT 1"


def _key(run: Run) -> tuple[str, str, int]:
    return run.environment, run.workflow, run.version
