"""What the documents say is not there is what the published API has and the routes lack."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest

from app.api.routes import endpoints
from docs.generate.api import ABSENT

METHODS = ("get", "put", "post", "delete", "patch")
LISTED = [name for names in ABSENT.values() for name in names]


def nameless(endpoint: str) -> str:
    return re.sub(r"{[^}]+}", "{}", endpoint)


def test_every_endpoint_that_is_lacking_is_listed_once(openapi: dict[str, Any]) -> None:
    published = {
        nameless(f"{method.upper()} {path}")
        for path, operations in openapi["paths"].items()
        for method in operations
        if method in METHODS
    }
    routes = {nameless(f"{r.method} {r.path}") for e in endpoints() for r in e.routes}
    assert len(published) > 100
    assert sorted(map(nameless, LISTED)) == sorted(published - routes)


@pytest.mark.parametrize("endpoint", LISTED)
async def test_each_of_them_is_refused_in_the_documented_form(
    api: httpx.AsyncClient, endpoint: str
) -> None:
    method, path = endpoint.split()
    answer = await api.request(method, nameless(path).replace("{}", "x"))
    body = answer.json()
    # Some stand beside another method of the same path: `/v1/objects/{collection}/{id}/…`.
    assert (answer.status_code, body["code"]) in {
        (404, "resource_missing"),
        (405, "method_not_allowed"),
    }
    assert body["type"] == "api_error"
