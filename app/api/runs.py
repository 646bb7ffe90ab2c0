"""Recipient runs: list them, and read what happened in one."""

from __future__ import annotations

from datetime import datetime

from app.http.pages import Entry, paged
from app.http.query import UnusableFilter
from app.http.request import ApiRequest
from app.http.responses import Response, json_response
from app.http.routing import SECRET, route
from engine.errors import NotFound
from engine.timing.instants import format_instant, parse_instant
from storage.keyset import Keyset, Slice
from storage.records import JsonObject
from storage.run_queries import RunQuery, RunView, run_events, run_page, run_view
from storage.sql import Sql


@route("GET", "/v1/workflow_recipient_runs", callers=SECRET, tier=2)
async def list_runs(request: ApiRequest) -> Response:
    """List runs, newest first."""

    def read(sql: Sql, keyset: Keyset) -> Slice[Entry]:
        found = run_page(sql, request.environment, _wanted(request), keyset)
        return found.map(lambda view: (view.key, _run(view)))

    return await paged(request, read, "items")


@route("GET", "/v1/workflow_recipient_runs/{id}", callers=SECRET, tier=2)
async def get_run(request: ApiRequest) -> Response:
    """Return one run with its timeline."""
    view = run_view(request.sql, request.environment, request.params["id"])
    if view is None:
        raise NotFound
    events = [
        {"__typename": "WorkflowRecipientRunEvent", "id": id, **entry}
        for id, entry in run_events(request.sql, request.environment, view.id)
    ]
    return json_response({**_run(view), "events": events})


def _wanted(request: ApiRequest) -> RunQuery:
    query = request.query
    return RunQuery(
        workflow=query.text("workflow"),
        statuses=tuple(dict.fromkeys(query.texts("status"))),
        tenant=query.text("tenant"),
        has_errors=query.flag("has_errors"),
        recipient=query.reference("recipient"),
        starting_at=_instant(request, "starting_at"),
        ending_at=_instant(request, "ending_at"),
    )


def _instant(request: ApiRequest, name: str) -> datetime | None:
    value = request.query.text(name)
    if value is None:
        return None
    found = parse_instant(value)
    if found is None:
        raise UnusableFilter(name, "an ISO 8601 instant")
    return found


def _run(view: RunView) -> JsonObject:
    return {
        "__typename": "WorkflowRecipientRun",
        "id": view.id,
        "workflow_run_id": view.trigger_id,
        "workflow": view.workflow,
        "status": view.status,
        "recipient": view.recipient.as_wire(),
        "actor": None if view.actor is None else view.actor.as_wire(),
        "tenant": view.tenant,
        "error_count": view.error_count,
        "trigger_source": {
            "type": view.source_type,
            "cancellation_key": view.cancellation_key,
            "schedule_id": None,
            "audience_key": None,
        },
        "inserted_at": format_instant(view.inserted_at),
        "updated_at": format_instant(view.updated_at),
    }
