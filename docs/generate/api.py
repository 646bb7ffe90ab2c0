"""The page of the API's endpoints."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from app.api.routes import endpoints
from app.dispatch import HEALTH_PARTS
from app.http.limits import BODY, BODY_LARGE, DEPTH
from app.http.pages import SIZE
from app.http.routing import Callers, Endpoint, Route
from docs.generate.markdown import code, first_line, sections, table

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
    return sections(
        _INTRODUCTION,
        rules,
        *(_group(module, list(members)) for module, members in groups),
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
        (code(route.method), code(route.path), _callers(route), first_line(endpoint.handler))
        for endpoint in members
        for route in endpoint.routes
    ]
    return sections(
        f"## {module.rpartition('.')[2].replace('_', ' ').capitalize()}",
        first_line(sys.modules[module]),
        table(("Method", "Path", "Key", "What it does"), rows),
    )


def _callers(route: Route) -> str:
    if Callers.ANYONE in route.callers:
        return "none"
    if Callers.PUBLIC not in route.callers:
        return "secret"
    return f"secret, public{f' ({code(route.grant)})' if route.grant else ''}"
