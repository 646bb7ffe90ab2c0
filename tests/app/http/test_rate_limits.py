"""Rates of the documented tiers: off by default, per endpoint, environment and user."""

from __future__ import annotations

import dataclasses
from collections import Counter
from types import SimpleNamespace

import httpx
import pytest

from app.api.app import create_api
from app.api.routes import endpoints
from app.auth.callers import NOBODY, Caller
from app.http.rate_limits import PER_SECOND, RateLimits
from app.http.routing import SECRET, Route
from app.services import Services
from app.settings import Settings
from engine.errors import RateLimited
from storage.api_keys import KeyKind

SERVER = Caller(environment="development", kind=KeyKind.SECRET)


def route_of(tier: int, path: str = "/v1/a") -> Route:
    return Route(method="GET", path=path, callers=SECRET, tier=tier, grant=None, body_limit=1)


def passes(limits: RateLimits, route: Route, caller: Caller = SERVER, **params: str) -> bool:
    try:
        limits.check(route, caller, params)
    except RateLimited:
        return False
    return True


@pytest.mark.parametrize(("tier", "rate"), [(1, 1), (2, 5), (3, 60), (4, 200), (5, 1000)])
def test_a_second_takes_the_rate_of_the_tier_and_no_more(tier: int, rate: int) -> None:
    now = [0.0]
    limits, route = RateLimits(lambda: now[0]), route_of(tier)
    assert PER_SECOND[tier] == rate
    assert sum(passes(limits, route) for _ in range(rate + 50)) == rate
    now[0] += 1.0
    assert sum(passes(limits, route) for _ in range(rate + 50)) == rate
    now[0] += 0.5
    assert abs(sum(passes(limits, route) for _ in range(rate + 50)) - rate / 2) <= 1


def test_a_refusal_says_when_the_next_one_may_come() -> None:
    now = [100.0]
    limits, route = RateLimits(lambda: now[0]), route_of(2)
    for _ in range(5):
        limits.check(route, SERVER, {})
    with pytest.raises(RateLimited, match="5 requests per second") as caught:
        limits.check(route, SERVER, {})
    assert caught.value.retry_after == pytest.approx(0.2)
    now[0] += 0.2
    limits.check(route, SERVER, {})


def test_endpoints_environments_and_users_are_counted_apart() -> None:
    limits, route = RateLimits(lambda: 0.0), route_of(1)
    assert passes(limits, route)
    assert not passes(limits, route)
    assert passes(limits, route_of(1, "/v1/b"))
    assert passes(limits, route, Caller(environment="production", kind=KeyKind.SECRET))
    token = SimpleNamespace(user="ann")
    ann = dataclasses.replace(SERVER, kind=KeyKind.PUBLIC, token=token)  # type: ignore[arg-type]
    assert passes(limits, route, ann)
    assert not passes(limits, route, ann)


def test_feeds_are_counted_by_the_user_whose_feed_it_is() -> None:
    limits, route = RateLimits(lambda: 0.0), route_of(1, "/v1/users/{user_id}/feeds/{channel_id}")
    assert passes(limits, route, user_id="ann")
    assert passes(limits, route, user_id="ben")
    assert not passes(limits, route, user_id="ann")
    other = route_of(1, "/v1/users/{user_id}")
    assert passes(limits, other, user_id="ann")
    assert not passes(limits, other, user_id="ben")


def test_what_anybody_may_call_is_not_counted() -> None:
    limits = RateLimits(lambda: 0.0)
    assert all(passes(limits, route_of(1), NOBODY) for _ in range(5))


def test_buckets_that_are_full_again_are_forgotten() -> None:
    now = [0.0]
    limits, route = RateLimits(lambda: now[0]), route_of(4, "/v1/users/{user_id}/feeds/{c}")
    for number in range(20_000):
        limits.check(route, SERVER, {"user_id": str(number)})
    now[0] = 5.0
    limits.check(route, SERVER, {"user_id": "late"})
    assert len(limits) == 1


async def statuses(services: Services, number: int) -> list[httpx.Response]:
    transport = httpx.ASGITransport(create_api(services))
    headers = {"authorization": "Bearer sk_development"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://tocsin.test", headers=headers
    ) as client:
        return [await client.delete("/v1/users/nobody") for _ in range(number)]


async def test_rates_are_off_by_default(services: Services) -> None:
    assert Settings.model_fields["rate_limits"].default is False
    codes = Counter(answer.status_code for answer in await statuses(services, 40))
    assert codes == {204: 40}


async def test_switched_on_the_sixth_deletion_of_a_second_is_refused(services: Services) -> None:
    limited = dataclasses.replace(services, settings=SimpleNamespace(rate_limits=True))
    refused = [a for a in await statuses(limited, 40) if a.status_code != 204]
    assert refused
    for answer in refused:
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        body = answer.json()
        assert (body["code"], body["status"], body["type"]) == ("rate_limited", 429, "api_error")


TIER_2 = ("/workflow_recipient_runs", "/feeds/{channel_id}", "/messages/bulk/")


def test_every_route_has_the_documented_tier() -> None:
    for route in (route for endpoint in endpoints() for route in endpoint.routes):
        path = route.path
        if path.endswith(("/trigger", "/cancel", "/notify")):
            expected = 5
        elif "/bulk/" in path and "/messages/" not in path:
            expected = 1
        elif (
            (any(part in path for part in TIER_2) and not path.endswith("/settings"))
            or (path.startswith("/v1/messages/{message_id}/") and route.method in ("PUT", "DELETE"))
            or (route.method == "DELETE" and path in ("/v1/users/{user_id}", "/v1/tenants/{id}"))
        ):
            expected = 2
        elif route.method == "GET" and not path.endswith(("/events", "/delivery_logs")):
            expected = 4
        else:
            expected = 3
        assert (route.method, path, route.tier) == (route.method, path, expected)
