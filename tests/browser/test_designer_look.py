"""Every page, light and dark, wide and narrow: accessible, never wider than the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect

if TYPE_CHECKING:
    from tests.browser.conftest import Desk, Server

pytestmark = pytest.mark.browser

PATHS = (
    "/development/overview", "/production/overview", "/development/workflows",
    "/development/workflows/incident-escalation", "/development/workflows/nope",
    "/development/runs", "/development/runs?state=failed", "/development/messages",
    "/development/inbox", "/development/inbox?type=in_app_feed", "/development/inbox?type=sms",
    "/development/inbox?type=push", "/development/inbox?type=chat", "/development/inbox?type=http",
    "/production/inbox", "/development/nothing/here",
)  # fmt: skip
SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def violations(desk: Desk) -> list[str]:
    found = Axe().run(desk.page).response["violations"]
    return [f"{v['id']}: {v['nodes'][0]['html'][:200]}" for v in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", SIZES)
def test_no_page_has_an_accessibility_fault(
    open_desk: Callable[..., Desk], scheme: str, size: str
) -> None:
    desk = open_desk(*SIZES[size], color_scheme=scheme)
    faults = {}
    for path in PATHS:
        desk.open(path)
        faults[path] = violations(desk)
    desk.open("/development/runs?state=failed").locator("tbody a").first.click()
    desk.page.get_by_role("heading", name="Timeline").wait_for()
    faults["a run"] = violations(desk)

    assert {path: found for path, found in faults.items() if found} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_menus_and_dialogs_have_no_accessibility_fault(
    open_desk: Callable[..., Desk], scheme: str
) -> None:
    desk = open_desk(color_scheme=scheme)
    page = desk.open("/development/workflows/incident-escalation")
    page.get_by_label("Development: switch environment").locator("visible=true").click()
    assert violations(desk) == []
    page.get_by_label("Olga Owner: your account").locator("visible=true").click()
    assert violations(desk) == []
    page.get_by_role("button", name="Deactivate").click()
    page.get_by_role("heading", name="Deactivate “Incident escalation”?").wait_for()
    assert violations(desk) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_sign_in_form_has_no_accessibility_fault(
    browser: Browser, designer_server: Server, scheme: str
) -> None:
    context = browser.new_context(color_scheme=scheme)  # type: ignore[arg-type]
    page = context.new_page()
    page.goto(f"{designer_server.url}/login")
    assert Axe().run(page).response["violations"] == []
    page.get_by_role("button", name="Sign in").wait_for()
    context.close()


@pytest.mark.parametrize("width", [320, 390, 768, 1024])
def test_no_page_is_wider_than_the_screen(open_desk: Callable[..., Desk], width: int) -> None:
    desk = open_desk(width, 844)
    too_wide = []
    for path in PATHS:
        page = desk.open(path)
        if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
            too_wide.append(path)

    assert too_wide == []


def test_on_a_phone_the_sections_are_in_the_bar_at_the_bottom(
    open_desk: Callable[..., Desk],
) -> None:
    desk = open_desk(390, 844)
    page = desk.open("/development/overview")
    bar = page.get_by_role("navigation", name="Main, bottom")
    expect(bar).to_be_visible()
    bar.get_by_role("link", name="Runs").click()

    expect(page.get_by_role("heading", name="Runs", exact=True)).to_be_visible()
    heights = [
        box["height"] for link in bar.get_by_role("link").all() if (box := link.bounding_box())
    ]
    assert len(heights) == 5
    assert min(heights) >= 44


def test_on_a_phone_the_inbox_shows_the_list_then_the_message(
    open_desk: Callable[..., Desk],
) -> None:
    page = open_desk(390, 844).open("/development/inbox?type=sms")
    expect(page.locator(".reader-pane")).to_be_hidden()
    page.locator(".reader-rows a").first.click()
    page.wait_for_function("window.did_handshake")

    expect(page.locator(".reader-list")).to_be_hidden()
    expect(page.locator(".bubble")).to_be_visible()
    page.get_by_role("link", name="All messages").click()
    expect(page.locator(".reader-list")).to_be_visible()
    assert "type=sms" in page.url


def expect_ground(desk: Desk, wanted: str) -> None:
    """Wait until the page's ground is dark, or light."""
    desk.page.wait_for_function(
        """(wanted) => {
          const colour = getComputedStyle(document.body).backgroundColor;
          const parts = colour.match(/[0-9]+/g).map(Number);
          return wanted === "dark" ? Math.max(...parts) < 60 : Math.min(...parts) > 200;
        }""",
        arg=wanted,
        timeout=3000,
    )


def test_on_a_phone_the_arrow_of_a_choice_lies_in_its_box(open_desk: Callable[..., Desk]) -> None:
    page = open_desk(390, 844).open("/development/messages")
    box = page.locator(".reader-search .choice select").bounding_box()
    arrow = page.locator(".reader-search .choice .icon").bounding_box()
    assert box is not None
    assert arrow is not None
    assert arrow["x"] > box["x"]
    assert arrow["x"] + arrow["width"] < box["x"] + box["width"]


def test_the_theme_follows_the_system_until_one_is_chosen(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(color_scheme="dark")
    desk.open("/development/overview")
    expect_ground(desk, "dark")
    desk.page.emulate_media(color_scheme="light")
    expect_ground(desk, "light")

    desk.page.get_by_label("Olga Owner: your account").locator("visible=true").click()
    desk.page.locator("label:visible", has_text="Dark").click()
    expect_ground(desk, "dark")
    answer = desk.page.reload()
    # From the first byte, not only once scripts run: no flash of the other theme.
    assert answer is not None
    assert "html:root { color-scheme: dark }" in answer.text()
    desk.page.wait_for_function("document.body.classList.contains('body--dark')")
    expect_ground(desk, "dark")


def test_the_sign_in_page_keeps_the_chosen_theme(open_desk: Callable[..., Desk]) -> None:
    desk = open_desk(color_scheme="light")
    desk.context.clear_cookies()
    desk.context.add_cookies([{"name": "tocsin_theme", "value": "dark", "url": desk.server.url}])
    desk.page.goto(f"{desk.server.url}/login")

    assert desk.page.evaluate("getComputedStyle(document.querySelector('h1')).color") == (
        "rgb(235, 240, 238)"
    )
