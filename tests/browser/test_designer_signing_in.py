"""Signing in and out in a real browser, and what an ended session can still do: nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.designer.seeded_world import PASSWORD

if TYPE_CHECKING:
    from tests.browser.conftest import Desk, Server

pytestmark = [pytest.mark.browser, pytest.mark.req("R-44")]


def test_signing_in_needs_no_mouse_and_leads_back(page: Page, designer_server: Server) -> None:
    page.goto(f"{designer_server.url}/development/runs?state=paused")
    expect(page).to_have_title("Sign in · Tocsin")
    page.keyboard.type("olga@example.com")
    page.keyboard.press("Tab")
    page.keyboard.type(PASSWORD)
    page.keyboard.press("Enter")

    expect(page).to_have_url(f"{designer_server.url}/development/runs?state=paused")
    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()


def test_a_wrong_password_says_so_and_puts_the_cursor_there(
    page: Page, designer_server: Server
) -> None:
    page.goto(f"{designer_server.url}/login")
    page.get_by_label("Email").fill("olga@example.com")
    page.get_by_label("Password").fill("a violet kettle sings")
    page.keyboard.press("Enter")

    expect(page.get_by_role("alert")).to_contain_text("do not match")
    expect(page.get_by_label("Password")).to_be_focused()
    expect(page.get_by_label("Email")).to_have_value("olga@example.com")


def test_the_form_works_without_javascript(browser: Browser, designer_server: Server) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{designer_server.url}/login?next=/development/inbox")
    page.get_by_label("Email").fill("olga@example.com")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()

    expect(page).to_have_url(f"{designer_server.url}/development/inbox")
    context.close()


def test_signing_out_in_one_tab_silences_the_pages_of_the_others(
    browser: Browser, designer_server: Server
) -> None:
    from tests.browser.conftest import sign_in

    context = browser.new_context()
    left, right = context.new_page(), context.new_page()
    sign_in(left, designer_server.url)
    left.goto(f"{designer_server.url}/development/workflows/password-reset")
    left.wait_for_function("window.did_handshake")
    right.goto(f"{designer_server.url}/development/overview")
    right.wait_for_function("window.did_handshake")
    right.get_by_label("Olga Owner: your account").locator("visible=true").click()
    right.get_by_role("button", name="Sign out").locator("visible=true").click()
    expect(right.get_by_role("status")).to_contain_text("You are signed out")

    left.get_by_role("button", name="Deactivate").click()
    # The page notices by itself within its ten seconds; no dialog appears before.
    expect(left).to_have_title("Sign in · Tocsin", timeout=15_000)
    database = designer_server.open_database()
    status = database.read().value(
        "SELECT status FROM workflows WHERE key = 'password-reset' AND environment = 'development'"
    )
    database.close()
    assert status == "active"
    context.close()


def test_another_site_cannot_open_the_live_socket(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()
    desk.page.route(
        "http://evil.test/",
        lambda route: route.fulfill(body="<h1>evil</h1>", content_type="text/html"),
    )
    desk.page.goto("http://evil.test/")
    address = f"{desk.server.url}/_nicegui_ws/socket.io/?EIO=4&transport=polling"
    outcome = desk.page.evaluate(
        "async (url) => fetch(url, {credentials: 'include'}).then(() => 'read', () => 'refused')",
        address,
    )
    assert outcome == "refused"

    desk.open("/development/overview")
    assert desk.page.evaluate("async (url) => (await fetch(url)).status", address) == 200


def test_another_site_cannot_frame_a_page(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk()
    body = f"<iframe src='{desk.server.url}/development/overview'></iframe>"
    desk.page.route(
        "http://evil.test/", lambda route: route.fulfill(body=body, content_type="text/html")
    )
    desk.page.goto("http://evil.test/")
    frame = desk.page.frames[1]

    assert frame.locator("main").count() == 0
    assert "chrome-error" in frame.url
