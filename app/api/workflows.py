"""Trigger and cancel workflows: the hottest routes of the API."""

from __future__ import annotations

from typing import Any, Final

import orjson

from app.http import limits
from app.http.request import ApiRequest, type_name
from app.http.responses import Headers, Response, json_response, no_content
from app.http.routing import SECRET, route
from engine.errors import InvalidInput, Problem, TooLarge
from engine.recipients.ids import check_text
from engine.recipients.references import (
    Reference,
    parse_reference,
    parse_references,
    parse_tenant,
)
from engine.trigger.accept import Accepted, TriggerCommand
from engine.trigger.cancel import cancel
from storage.faults import crash_point
from storage.records import JsonObject

MOST_RECIPIENTS: Final = 1000
LONGEST_KEY: Final = 255
LARGEST_DATA: Final = 10 * 1024 * 1024
# What one trigger may bring along and still be accepted without leaving the loop.
_FEW: Final = 4
_SHORT: Final = 16 * 1024
_SETTINGS: Final = ("sandbox_mode", "skip_delay")


@route("POST", "/v1/workflows/{key}/trigger", callers=SECRET, tier=5, body_limit=limits.BODY_LARGE)
async def trigger_workflow(request: ApiRequest) -> Response:
    """Accept a trigger; answer when it is durable."""
    body = await request.object()
    accepted = await _accept(request, request.params["key"], body)
    return json_response({"workflow_run_id": accepted.workflow_run_id}, headers=_replayed(accepted))


@route("POST", "/v1/notify", callers=SECRET, tier=5, body_limit=limits.BODY_LARGE)
async def notify(request: ApiRequest) -> Response:
    """Accept a trigger in its older form, where the body names the workflow."""
    body = await request.object()
    accepted = await _accept(request, _name(body), body)
    return json_response({"result_id": accepted.workflow_run_id}, headers=_replayed(accepted))


@route("POST", "/v1/workflows/{key}/cancel", callers=SECRET, tier=5)
async def cancel_workflow(request: ApiRequest) -> Response:
    """Cancel the runs of a key; 204 also when nothing matches."""
    return await _cancel(request, request.params["key"], await request.object())


@route("POST", "/v1/notify/cancel", callers=SECRET, tier=5)
async def cancel_notify(request: ApiRequest) -> Response:
    """Cancel in the older form, where the body names the workflow."""
    body = await request.object()
    return await _cancel(request, _name(body), body)


async def _accept(request: ApiRequest, key: str, body: JsonObject) -> Accepted:
    services = request.services
    services.admission.check(request.sql, services.clock.now())
    command = read_trigger(request, key, body)
    is_light = _is_light(request, command)
    accepted = await services.writer.together(services.accept_all, command, is_light=is_light)
    crash_point("after_accept_commit")
    if accepted.replayed_from is None and services.hint is not None:
        services.hint.soon()
    return accepted


def _is_light(request: ApiRequest, command: TriggerCommand) -> bool:
    """Tell a trigger that is accepted in a few dozen microseconds from one that may take longer."""
    if len(command.recipients) > _FEW or request.length > _SHORT:
        return False
    return all(r is None or r.identity is None for r in command.references)


def _replayed(accepted: Accepted) -> Headers:
    if accepted.replayed_from is None:
        return ()
    return (
        (b"idempotent-replayed", b"true"),
        (b"original-x-request-id", accepted.replayed_from.encode()),
    )


def read_trigger(request: ApiRequest, key: str, body: JsonObject) -> TriggerCommand:
    """Read a trigger's body.

    Raises:
        InvalidInput: every fault of shape found, each with its path.
    """
    _check_size(request, body)
    problems: list[Problem] = []
    recipients: list[Reference] = []
    try:
        recipients = parse_references(body.get("recipients"), "recipients", most=MOST_RECIPIENTS)
    except InvalidInput as error:
        problems += error.problems
    actor = _one(parse_reference, body.get("actor"), "actor", problems)
    tenant = _one(parse_tenant, body.get("tenant"), "tenant", problems)
    data = _object(body, "data", problems)
    settings = _object(body, "settings", problems)
    cancellation_key = _text(body.get("cancellation_key"), "cancellation_key", problems)
    idempotency_key = _text(request.header("idempotency-key"), "idempotency-key", problems)
    for name in _SETTINGS:
        if not isinstance(settings.get(name, False), bool):
            problems.append(_expected(f"settings.{name}", "true or false", settings[name]))
    if problems:
        raise InvalidInput(problems=problems)
    return TriggerCommand(
        environment=request.environment,
        workflow=key,
        recipients=tuple(recipients),
        actor=actor,
        tenant=tenant,
        data=data,
        cancellation_key=cancellation_key,
        settings={name: settings[name] for name in _SETTINGS if settings.get(name)},
        idempotency_key=idempotency_key or None,
        body=body,
        request_id=request.request_id,
    )


def _check_size(request: ApiRequest, body: JsonObject) -> None:
    """Measure `data` only where the whole body is long enough to hold too much."""
    if request.length > LARGEST_DATA and len(orjson.dumps(body.get("data"))) > LARGEST_DATA:
        raise TooLarge(f"`data` may hold {LARGEST_DATA // 1024 // 1024} MB of JSON at most.")


def _one(parse: Any, value: Any, path: str, problems: list[Problem]) -> Reference | None:
    if value is None:
        return None
    found = parse(value, path)
    if isinstance(found, Problem):
        problems.append(found)
        return None
    return found  # type: ignore[no-any-return]  # the parsers return Reference or Problem


def _object(body: JsonObject, name: str, problems: list[Problem]) -> JsonObject:
    value = body.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        problems.append(_expected(name, "a JSON object", value))
        return {}
    return value


def _text(value: Any, path: str, problems: list[Problem]) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        problems.append(_expected(path, "a string", value))
    elif len(value) > LONGEST_KEY:
        message = f"expected at most {LONGEST_KEY} characters, got {len(value)}"
        problems.append(Problem(path=path, message=message, rule="length"))
    else:
        return value
    return None


def _expected(path: str, what: str, value: Any) -> Problem:
    return Problem(path=path, message=f"expected {what}, got {type_name(value)}", rule="type")


def _name(body: JsonObject) -> str:
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise InvalidInput(problems=[_expected("name", "the key of a workflow", name)])
    fault = check_text(name, "name")
    if fault is not None:
        raise InvalidInput(problems=[fault])
    return name


async def _cancel(request: ApiRequest, workflow: str, body: JsonObject) -> Response:
    problems: list[Problem] = []
    key = body.get("cancellation_key")
    if not isinstance(key, str) or not key:
        problems.append(_expected("cancellation_key", "a non-empty string", key))
    references: list[Reference] | None = None
    if body.get("recipients") is not None:
        try:
            references = parse_references(
                body["recipients"], "recipients", most=MOST_RECIPIENTS, least=0
            )
        except InvalidInput as error:
            problems += error.problems
    if problems:
        raise InvalidInput(problems=problems)
    # An empty list names nobody; only its absence means everybody.
    refs = None if references is None else [r.ref for r in references]
    environment, now = request.environment, request.services.clock.now()
    await request.services.writer.run(
        lambda tx: cancel(tx, environment, workflow, str(key), refs, now)
    )
    return no_content()
