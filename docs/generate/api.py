"""The page of the API's endpoints."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import groupby
from typing import Final

from app.api.routes import endpoints
from app.dispatch import HEALTH_PARTS
from app.http.limits import BODY, BODY_LARGE, DEPTH
from app.http.pages import SIZE
from app.http.rate_limits import PER_SECOND
from app.http.routing import Callers, Endpoint, Route
from docs.generate.markdown import code, first_line, sections, table
from engine.recipients.ids import LONGEST_ID

_INTRODUCTION: Final = """
# API

The API speaks JSON and is compatible with the official Knock clients: give them the address of
your server and a key of it, as in [Trigger from your code](../how-to/trigger-from-code.md). Every
request carries `Authorization: Bearer <key>`. The key says which environment it belongs to.

**Secret** keys are for servers and may call everything. **Public** keys are for browsers and may
call what is marked so; in an environment with enhanced security they need a user token beside them,
sent as `X-Knock-User-Token`, and the token must be for the user in the path. A token with explicit
grants needs the one that is named.
"""

# Endpoints of the published API that this release lacks; a test compares them with the routes.
ABSENT: Final[Mapping[str, tuple[str, ...]]] = {
    "Bulk operations": (
        "POST /v1/users/bulk/identify",
        "POST /v1/users/bulk/delete",
        "POST /v1/users/bulk/preferences",
        "POST /v1/objects/{collection}/bulk/set",
        "POST /v1/objects/{collection}/bulk/delete",
        "POST /v1/objects/{collection}/bulk/subscriptions/add",
        "POST /v1/objects/{collection}/bulk/subscriptions/delete",
        "POST /v1/tenants/bulk/set",
        "POST /v1/tenants/bulk/delete",
        "POST /v1/schedules/bulk/create",
    ),
    "Schedules": (
        "GET /v1/schedules",
        "POST /v1/schedules",
        "PUT /v1/schedules",
        "DELETE /v1/schedules",
        "GET /v1/users/{user_id}/schedules",
        "GET /v1/objects/{collection}/{id}/schedules",
    ),
    "Audiences": (
        "GET /v1/audiences/{key}/members",
        "POST /v1/audiences/{key}/members",
        "DELETE /v1/audiences/{key}/members",
    ),
    "Users": ("POST /v1/users/{user_id}/merge",),
    "Preference centre": (
        "GET /v1/users/{user_id}/preference_center/config",
        "POST /v1/users/{user_id}/preference_center/signed_url",
    ),
    "Guides": (
        "GET /v1/users/{user_id}/guides/{channel_id}",
        "PUT /v1/users/{user_id}/guides/messages/{message_id}/seen",
        "PUT /v1/users/{user_id}/guides/messages/{message_id}/interacted",
        "PUT /v1/users/{user_id}/guides/messages/{message_id}/archived",
        "PUT /v1/users/{user_id}/guides/messages/seen",
        "PUT /v1/users/{user_id}/guides/messages/interacted",
        "PUT /v1/users/{user_id}/guides/messages/archived",
        "DELETE /v1/users/{user_id}/guides/messages/archived",
        "PUT /v1/users/{user_id}/guides/engagements/reset",
    ),
    "Slack and Microsoft Teams": (
        "GET /v1/providers/slack/{channel_id}/auth_check",
        "GET /v1/providers/slack/{channel_id}/channels",
        "PUT /v1/providers/slack/{channel_id}/revoke_access",
        "GET /v1/providers/ms-teams/{channel_id}/auth_check",
        "GET /v1/providers/ms-teams/{channel_id}/channels",
        "GET /v1/providers/ms-teams/{channel_id}/teams",
        "PUT /v1/providers/ms-teams/{channel_id}/revoke_access",
    ),
    "Audience sources": (
        "POST /v1/integrations/census/custom-destination",
        "POST /v1/integrations/hightouch/embedded-destination",
    ),
}


def page() -> str:
    """Write the page."""
    found = sorted(endpoints(), key=lambda e: e.handler.__module__)
    groups = groupby(found, key=lambda endpoint: endpoint.handler.__module__)
    rules = (
        f"A body may have {BODY // 1024 // 1024} MB, for triggers {BODY_LARGE // 1024 // 1024} MB, "
        f"and nest {DEPTH} levels deep. Lists come in pages of up to {SIZE}: `page_size`, and "
        "`after` or `before` with the cursor of `page_info`. Errors look as in "
        "[Error codes](errors.md). `Idempotency-Key` is honoured when triggering: the same key and "
        "body within 24 hours give the first answer again, and nothing happens twice."
    )
    rates = (
        "Rates are not limited unless `TOCSIN_RATE_LIMITS` is on. Then each endpoint takes as many "
        "requests per second as its column says: from an environment, from the user of a token, "
        "and for a feed from whoever it belongs to. What comes on top is answered with 429, "
        "`rate_limited` and `Retry-After`, and nothing happens."
    )
    ids = (
        f"An id of a user, object, tenant or preference set has 1 to {LONGEST_ID} characters; `/`, "
        "`#` and control characters are none of them. Such an id, in the path or the body, is "
        "answered with 422 and the field that holds it. This release has no branches: a request "
        "with the header `X-Knock-Branch` is answered with 404."
    )
    return sections(
        _INTRODUCTION,
        rules,
        ids,
        rates,
        *(_group(module, list(members)) for module, members in groups),
        "## Not there yet",
        "These endpoints of the published API are not there; each answers 404, or 405 where its "
        "path is taken by another. The live feed socket and the management API are not there "
        "either.",
        table(
            ("What", "Endpoints"),
            [(what, ", ".join(code(name) for name in names)) for what, names in ABSENT.items()],
        ),
        "## Health",
        f"{', '.join(code('/' + part) for part in sorted(HEALTH_PARTS))} need no key (`/metrics` "
        "asks for `TOCSIN_METRICS_TOKEN` if one is set). `/health` answers 200 while requests are "
        "accepted and due work is moving, else 503 with the reason; `/health/live` answers 200 as "
        "long as the process lives.",
    )


def paths() -> list[str]:
    """List every endpoint as `METHOD /path`."""
    return [f"{route.method} {route.path}" for e in endpoints() for route in e.routes]


def _group(module: str, members: Iterable[Endpoint]) -> str:
    rows = [
        (
            code(route.method),
            code(route.path),
            _callers(route),
            str(PER_SECOND[route.tier]),
            first_line(endpoint.handler),
        )
        for endpoint in members
        for route in endpoint.routes
    ]
    return sections(
        f"## {module.rpartition('.')[2].replace('_', ' ').capitalize()}",
        first_line(sys.modules[module]),
        table(("Method", "Path", "Key", "Per second", "What it does"), rows),
    )


def _callers(route: Route) -> str:
    if Callers.ANYONE in route.callers:
        return "none"
    if Callers.PUBLIC not in route.callers:
        return "secret"
    return f"secret, public{f' ({code(route.grant)})' if route.grant else ''}"
