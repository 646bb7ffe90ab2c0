"""Make the requests that fetch steps asked for and record their answers."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta
from typing import Any, Final

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure
from engine.net.signing import FETCH_SIGNATURE, signed
from engine.worker.services import ExecutorServices
from storage.calls import PendingCall
from storage.records import JsonObject, RunPhase, RunStatus
from storage.runs import RunChange
from storage.tx import Tx

LEASE: Final = timedelta(seconds=60)
_CLAIM: Final = 64
_KEPT_TEXT: Final = 64 * 1024
_MASKED: Final = frozenset({"authorization", "cookie", "x-api-key", "proxy-authorization"})


class Caller:
    """Keep calls in flight; their answers make the runs ready again."""

    def __init__(self, services: ExecutorServices, epoch: int) -> None:
        """Start with nothing in flight."""
        self._services, self._epoch = services, epoch
        self._tasks: set[asyncio.Task[None]] = set()

    async def poll(self) -> int:
        """Claim recorded calls and start them; return how many."""
        services = self._services
        found = services.database.read().value(
            "SELECT 1 FROM calls WHERE lease_until IS NULL OR lease_epoch < ? LIMIT 1",
            (self._epoch,),
        )
        if found is None:
            return 0
        calls = await services.writer.run(
            lambda tx: tx.claim_calls(services.clock.now(), _CLAIM, LEASE, self._epoch)
        )
        for call in calls:
            task = asyncio.create_task(self._make(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(calls)

    async def _make(self, call: PendingCall) -> None:
        services = self._services
        wanted = call.request
        body = wanted.get("body")
        request = HttpRequest(
            method=str(wanted["method"]),
            url=str(wanted["url"]),
            headers=tuple((str(k), str(v)) for k, v in wanted.get("headers") or ()),
            body=str(body).encode() if body else None,
            timeout=call.timeout,
        )
        key = wanted.get("signing_key")
        if key:
            request = signed(request, FETCH_SIGNATURE, str(key), services.clock.now())
        answer = await services.transport.send(
            request, timeout=call.timeout, allow_private=services.allow_private_network
        )
        resume = _recorded(wanted, answer)
        await services.writer.run(lambda tx: record_answer(tx, call, resume, services.clock.now()))

    async def drain(self, seconds: float) -> None:
        """Wait for calls in flight; what is cut off is made again after the restart."""
        tasks = set(self._tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=seconds)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)


def _recorded(wanted: JsonObject, answer: HttpAnswer | NetFailure) -> JsonObject:
    """Turn what came back into the resume value that the step judges."""
    shown_headers = [
        [k, "••••" if k.lower() in _MASKED else v] for k, v in wanted.get("headers") or ()
    ]
    request = {
        "method": wanted["method"],
        "url": wanted["url"],
        "headers": shown_headers,
        "body": wanted.get("body"),
    }
    base: dict[str, Any] = {"kind": "call", "request": request}
    if isinstance(answer, NetFailure):
        return {
            **base,
            "status": None,
            "error": answer.message,
            "kind_of_failure": answer.kind,
            "duration_ms": round(answer.duration * 1000),
        }
    text = answer.body.decode("utf-8", "replace")
    return {
        **base,
        "status": answer.status,
        "text": text,
        "response": {"status": answer.status, "body": text[:_KEPT_TEXT]},
        "duration_ms": round(answer.duration * 1000),
    }


def record_answer(tx: Tx, call: PendingCall, resume: JsonObject, now: datetime) -> bool:
    """Make the run ready with its answer, unless it has moved on meanwhile."""
    run = tx.runs_by_id([call.run_id]).get(call.run_id)
    if run is None or run.phase is not RunPhase.CALL or run.row_version != call.row_version:
        return False
    tx.drop_calls([call.run_id])
    change = RunChange(
        run=run,
        status=RunStatus.PROCESSING,
        phase=RunPhase.READY,
        cursor=run.cursor,
        resume=resume,
        state=run.state,
        attempt=run.attempt,
        error_count=run.error_count,
    )
    tx.update_runs([change], now)
    return True
