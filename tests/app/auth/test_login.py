"""Signing in and out, and the first owner's set-up link, through the pages themselves."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from argon2 import PasswordHasher

from app.auth.login import create_login_app, safe_target
from app.auth.passwords import hash_password
from app.auth.sessions import ABSOLUTE, IDLE, create_setup_link, keep_alive, session_of
from engine.timing.clock import ManualClock
from storage import members
from storage.db import Database
from storage.members import Role
from storage.migrations import migrate
from storage.writer import DirectWriter

NOON = datetime(2026, 6, 3, 12, tzinfo=UTC)
PASSWORD = "a violet kettle hums"
HASHED = hash_password(PASSWORD)


@dataclass
class Settings:
    base_url: str | None = None


@dataclass
class Services:
    database: Database
    writer: DirectWriter
    clock: ManualClock
    settings: Settings = field(default_factory=Settings)


@pytest.fixture
def services(tmp_path: Path) -> Services:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    with database.transaction() as tx:
        members.put_member(
            tx, email="Ann@Example.com", name="Ann", role=Role.ADMIN, password_hash=HASHED, now=NOON
        )
    return Services(database, DirectWriter(database), ManualClock(NOON))


@pytest.fixture
async def browser(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(create_login_app(services))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
        yield client


def csrf_of(page: httpx.Response) -> str:
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', page.text)
    assert found is not None
    return found[1]


async def sign_in(browser: httpx.AsyncClient, **fields: str) -> httpx.Response:
    page = await browser.get("/login")
    form = {"csrf": csrf_of(page), "email": "ann@example.com", "password": PASSWORD} | fields
    return await browser.post("/login", data=form)


def scope_of(browser: httpx.AsyncClient, scheme: str = "http") -> dict[str, Any]:
    cookie = "; ".join(f"{c.name}={c.value}" for c in browser.cookies.jar)
    return {"type": "http", "scheme": scheme, "headers": [(b"cookie", cookie.encode())]}


async def test_the_right_password_opens_a_session(
    browser: httpx.AsyncClient, services: Services
) -> None:
    answer = await sign_in(
        browser, email=" ANN@example.com ", next="/production/runs?status=paused"
    )

    assert (answer.status_code, answer.headers["location"]) == (
        303,
        "/production/runs?status=paused",
    )
    member = session_of(scope_of(browser), services)
    assert member is not None
    assert member.email == "ann@example.com"


async def test_a_wrong_password_and_an_unknown_person_get_the_same_answer(
    browser: httpx.AsyncClient, services: Services
) -> None:
    wrong = await sign_in(browser, password="a violet kettle sings")
    unknown = await sign_in(browser, email="eve@example.com")

    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.text.replace("ann@", "eve@") == unknown.text
    assert session_of(scope_of(browser), services) is None


@pytest.mark.req("R-44")
async def test_the_session_cookie_is_out_of_reach_of_scripts_and_other_sites(
    browser: httpx.AsyncClient, services: Services
) -> None:
    cookie = (await sign_in(browser)).headers["set-cookie"]

    assert cookie.startswith("tocsin_session=")
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Path=/" in cookie
    assert "Secure" not in cookie


@pytest.mark.req("R-44")
async def test_under_https_the_cookie_is_secure_and_pinned_to_the_host(services: Services) -> None:
    transport = httpx.ASGITransport(create_login_app(services))  # type: ignore[arg-type]
    async with httpx.AsyncClient(transport=transport, base_url="https://tocsin.test") as browser:
        answer = await sign_in(browser)

        assert answer.headers["set-cookie"].startswith("__Host-tocsin_session=")
        assert "Secure" in answer.headers["set-cookie"]
        assert "max-age" in answer.headers["strict-transport-security"]
        assert session_of(scope_of(browser, "https"), services) is not None
        assert session_of(scope_of(browser, "http"), services) is None


@pytest.mark.req("R-44")
async def test_signing_in_again_gives_a_new_token_and_ends_the_old(
    browser: httpx.AsyncClient, services: Services
) -> None:
    await sign_in(browser)
    before = scope_of(browser)
    page = await browser.get("/login")
    assert page.status_code == 303
    services.clock.advance(IDLE)
    await sign_in(browser)

    assert scope_of(browser) != before
    assert session_of(before, services) is None
    assert session_of(scope_of(browser), services) is not None


@pytest.mark.req("R-44")
async def test_the_file_holds_no_token(browser: httpx.AsyncClient, services: Services) -> None:
    await sign_in(browser)
    token = browser.cookies["tocsin_session"]
    services.database.close()

    files = [path for path in services.database.path.parent.iterdir() if path.is_file()]
    assert files
    assert not any(token.encode() in path.read_bytes() for path in files)


@pytest.mark.req("R-44")
async def test_a_session_ends_after_twelve_idle_hours_and_lives_on_when_used(
    browser: httpx.AsyncClient, services: Services
) -> None:
    await sign_in(browser)
    scope = scope_of(browser)
    for _ in range(3):
        services.clock.advance(timedelta(hours=11))
        assert session_of(scope, services) is not None
        await keep_alive(scope, services)

    services.clock.advance(IDLE)
    assert session_of(scope, services) is None


@pytest.mark.req("R-44")
async def test_a_session_ends_after_fourteen_days_however_busy(
    browser: httpx.AsyncClient, services: Services
) -> None:
    await sign_in(browser)
    scope = scope_of(browser)
    while services.clock.now() < NOON + ABSOLUTE - timedelta(hours=6):
        assert session_of(scope, services) is not None
        services.clock.advance(timedelta(hours=6))
        await keep_alive(scope, services)

    services.clock.set(NOON + ABSOLUTE)
    assert session_of(scope, services) is None


@pytest.mark.req("R-44")
async def test_a_form_of_another_site_is_refused(
    browser: httpx.AsyncClient, services: Services
) -> None:
    page = await browser.get("/login")
    form = {"csrf": csrf_of(page), "email": "ann@example.com", "password": PASSWORD}

    foreign = await browser.post("/login", data=form, headers={"origin": "https://evil.test"})
    cross = await browser.post("/login", data=form, headers={"sec-fetch-site": "cross-site"})
    forged = await browser.post("/login", data=form | {"csrf": "0" * 64})
    assert [foreign.status_code, cross.status_code, forged.status_code] == [403, 403, 403]
    assert session_of(scope_of(browser), services) is None

    own = await browser.post("/login", data=form, headers={"origin": "http://tocsin.test"})
    assert own.status_code == 303


@pytest.mark.req("R-43")
async def test_after_ten_wrong_passwords_even_the_right_one_waits(
    browser: httpx.AsyncClient, services: Services
) -> None:
    for _ in range(10):
        assert (await sign_in(browser, password="a violet kettle sings")).status_code == 401

    slowed = await sign_in(browser)
    assert (slowed.status_code, slowed.headers["retry-after"]) == (429, "1")
    assert "Wait 1 second" in slowed.text

    services.clock.advance(timedelta(seconds=1))
    assert (await sign_in(browser)).status_code == 303


@pytest.mark.req("R-43")
async def test_a_hash_with_old_parameters_is_renewed_at_sign_in(
    browser: httpx.AsyncClient, services: Services
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(PASSWORD)
    with services.database.transaction() as tx:
        ann = members.member_by_email(tx, "ann@example.com")
        assert ann is not None
        members.rehash_member(tx, ann.id, old)

    assert (await sign_in(browser)).status_code == 303
    ann = members.member_by_email(services.database.read(), "ann@example.com")
    assert ann is not None
    assert ann.password_hash != old


async def test_signing_out_ends_the_session_on_the_server(
    browser: httpx.AsyncClient, services: Services
) -> None:
    from app.auth.sessions import csrf_token

    await sign_in(browser)
    scope = scope_of(browser)
    refused = await browser.post("/logout", data={"csrf": "nope"})
    assert refused.status_code == 403
    assert session_of(scope, services) is not None

    answer = await browser.post("/logout", data={"csrf": csrf_token(scope)})
    assert answer.headers["location"] == "/login?signed_out"
    assert session_of(scope, services) is None


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.test", "/\\evil.test", "https://evil.test", "javascript:alert(1)", "\\\\evil.test",
        "/\t/evil.test", "evil.test", "", None, "/login?next=/x", "/logout", "/setup/x", "/\u202ex",
    ],
)  # fmt: skip
def test_signing_in_never_leads_to_another_site(wanted: str | None) -> None:
    assert safe_target(wanted) == "/"


def test_signing_in_leads_back_to_the_page_that_was_asked_for() -> None:
    assert safe_target("/production/runs?status=paused#x") == "/production/runs?status=paused#x"


@pytest.mark.req("R-49")
async def test_the_pages_allow_no_script_and_no_frame(browser: httpx.AsyncClient) -> None:
    page = await browser.get("/login")

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in page.text
    assert " style=" not in page.text
    assert (await browser.get("/login/style.css")).headers["content-type"].startswith("text/css")
    assert (await browser.get("/login/bell.svg")).status_code == 200
    assert (await browser.get("/login/passwd.svg")).status_code == 404


async def test_what_was_typed_is_escaped(browser: httpx.AsyncClient) -> None:
    page = await sign_in(browser, email='"><script>alert(1)</script>', next='/"><script>')

    assert "<script>" not in page.text
    assert "&lt;script&gt;" in page.text


async def test_an_oversized_form_is_refused(browser: httpx.AsyncClient) -> None:
    assert (await sign_in(browser, password="x" * 20_000)).status_code == 413


# ------------------------------------------------------------------ set-up link


@pytest.fixture
def token(services: Services) -> str:
    with services.database.transaction() as tx:
        tx.run("DELETE FROM members")
        return create_setup_link(tx, NOON)


async def set_up(browser: httpx.AsyncClient, token: str, **fields: str) -> httpx.Response:
    page = await browser.get(f"/setup/{token}")
    form = {
        "csrf": csrf_of(page), "name": "Olga", "email": "olga@example.com", "password": PASSWORD,
        "again": PASSWORD,
    }  # fmt: skip
    return await browser.post(f"/setup/{token}", data=form | fields)


async def test_the_setup_link_creates_the_owner_once_and_signs_in(
    browser: httpx.AsyncClient, services: Services, token: str
) -> None:
    answer = await set_up(browser, token)

    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    owner = session_of(scope_of(browser), services)
    assert owner is not None
    assert (owner.email, owner.name, owner.role) == ("olga@example.com", "Olga", Role.OWNER)
    again = await browser.get(f"/setup/{token}")
    assert again.status_code == 404
    assert "used up" in again.text


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "nobody"}, "Give an email address"),
        ({"password": "short"}, "at least 12"),
        ({"password": "password1234"}, "tried first"),
        ({"again": "something else"}, "differ"),
    ],
)
async def test_a_refused_setup_says_why_and_keeps_the_link(
    browser: httpx.AsyncClient,
    services: Services,
    token: str,
    fields: dict[str, str],
    sentence: str,
) -> None:
    answer = await set_up(browser, token, **fields)

    assert answer.status_code == 422
    assert sentence in answer.text
    assert PASSWORD not in answer.text
    assert (await set_up(browser, token)).status_code == 303


async def test_a_link_dies_with_the_next_one_and_with_the_first_member(
    browser: httpx.AsyncClient, services: Services, token: str
) -> None:
    with services.database.transaction() as tx:
        newer = create_setup_link(tx, NOON)
    assert (await browser.get(f"/setup/{token}")).status_code == 404
    assert (await browser.get(f"/setup/{newer}")).status_code == 200

    with services.database.transaction() as tx:
        members.put_member(tx, email="b@x.test", role=Role.ADMIN, password_hash=HASHED, now=NOON)
    assert (await browser.get(f"/setup/{newer}")).status_code == 404
    assert (await browser.get("/setup/guess")).status_code == 404
