"""Make the requests that fetch steps asked for and record their answers."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Final

import structlog

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure
from engine.net.log import Masker, without_login
from engine.net.signing import FETCH_SIGNATURE, signed
from engine.runs.effects import Effects
from engine.worker.services import ExecutorServices
from engine.worker.world import secret_variables
from storage.calls import PendingCall, Seal, open_request, seal_request
from storage.errors import StorageError
from storage.records import JsonObject, RunPhase, RunStatus
from storage.runs import RunChange
from storage.secrets import SealBroken
from storage.tx import Tx

LEASE: Final = timedelta(seconds=60)
_CLAIM: Final = 64
_KEPT_TEXT: Final = 64 * 1024
_IN_FLIGHT: Final = 256
_ERROR_PAUSE: Final = 0.5

log = structlog.get_logger(__name__)


class Caller:
    """Keep calls in flight; their answers make the runs ready again."""

    def __init__(self, services: ExecutorServices, epoch: int) -> None:
        """Start with nothing in flight."""
        self._services, self._epoch = services, epoch
        self._tasks: set[asyncio.Task[None]] = set()

    async def poll(self) -> int:
        """Claim recorded calls and start them; return how many."""
        services, room = self._services, _IN_FLIGHT - len(self._tasks)
        found = services.database.read().value(
            "SELECT 1 FROM calls WHERE lease_until IS NULL OR lease_epoch < ? LIMIT 1",
            (self._epoch,),
        )
        if found is None or room <= 0:
            return 0
        calls = await services.writer.run(
            lambda tx: tx.claim_calls(services.clock.now(), min(_CLAIM, room), LEASE, self._epoch)
        )
        for call in calls:
            task = asyncio.create_task(self._make(call))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return len(calls)

    async def _make(self, call: PendingCall) -> None:
        services = self._services
        try:
            wanted = open_request(call, services.unseal)
        except SealBroken as error:
            # It stays claimed: whoever starts with the right key makes it.
            log.error("caller.call_waits", run=call.run_id, error=error.message)
            return
        try:
            answer = await self._exchange(call, wanted)
        except Exception as error:  # a request nobody thought of fails its step, it is not lost
            log.exception("caller.failed", run=call.run_id)
            message = f"The request could not be made: {type(error).__name__}."
            answer = NetFailure(kind="invalid", message=message)
        secrets = secret_variables(services.database.read(), call.environment, services.unseal)
        resume = _recorded(wanted, answer, Masker(secrets))
        while True:
            try:
                await services.writer.run(
                    lambda tx: record_answer(tx, call, resume, services.clock.now())
                )
            except StorageError as error:
                # The answer is kept until the disk takes it; asking twice may harm.
                if not error.is_retryable:
                    raise
                await asyncio.sleep(_ERROR_PAUSE)
            else:
                return

    async def _exchange(self, call: PendingCall, wanted: JsonObject) -> HttpAnswer | NetFailure:
        services = self._services
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
        return await services.transport.send(
            request, timeout=call.timeout, allow_private=services.allow_private_network
        )

    async def drain(self, seconds: float) -> None:
        """Wait for calls in flight; what is cut off is made again after the restart."""
        tasks = set(self._tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=seconds)
            for task in pending:
                task.cancel()
            await asyncio.gather(*pending, return_exceptions=True)


def seal_call(effects: Effects, seal: Seal) -> Effects:
    """Give what a pass decided with the request that it asked for sealed, if it did."""
    call = effects.call
    if call is None:
        return effects
    sealed = seal_request(call.request, effects.change.run.id, seal)
    return replace(effects, call=replace(call, request=sealed))


def _recorded(wanted: JsonObject, answer: HttpAnswer | NetFailure, masker: Masker) -> JsonObject:
    """Turn what came back into the resume value that the step judges.

    `request` and `response` are for the timeline: without secrets (engine E-83).
    """
    address, _, query = without_login(str(wanted["url"])).partition("?")
    headers = tuple((str(k), str(v)) for k, v in wanted.get("headers") or ())
    body = wanted.get("body")
    request = {
        "method": wanted["method"],
        "url": masker.text(address) + (masker.query(query) or ""),
        "headers": [[name, value] for name, value in masker.pairs(headers).items()],
        "body": masker.text(str(body)) if body else None,
    }
    base: dict[str, Any] = {"kind": "call", "request": request}
    if isinstance(answer, NetFailure):
        return {
            **base,
            "status": None,
            "error": masker.text(answer.message),
            "kind_of_failure": answer.kind,
            "duration_ms": round(answer.duration * 1000),
        }
    text = answer.body.decode("utf-8", "replace")
    return {
        **base,
        "status": answer.status,
        "text": text,
        "response": {"status": answer.status, "body": masker.text(text)[:_KEPT_TEXT]},
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
