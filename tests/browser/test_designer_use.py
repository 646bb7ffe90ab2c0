"""Using the designer: by keyboard, with copies, with live lists, with hostile content."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect

from storage.ids import encode_ksuid
from storage.sql import dumps
from tests.designer.seeded_world import NOW

if TYPE_CHECKING:
    from tests.browser.conftest import Desk, Server

pytestmark = pytest.mark.browser


def test_the_first_key_press_leads_past_the_navigation(desk: Desk) -> None:
    page = desk.open("/development/overview")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    expect(page.get_by_role("link", name="Skip to the content")).to_be_in_viewport()
    page.keyboard.press("Enter")

    expect(page.locator("#main")).to_be_focused()


def test_every_place_the_keyboard_reaches_shows_that_it_has_the_focus(desk: Desk) -> None:
    page = desk.open("/development/workflows/incident-escalation")
    unmarked = []
    for _ in range(25):
        page.keyboard.press("Tab")
        marked = page.evaluate(
            """() => { const e = document.activeElement;
              const marks = [e, ...[null, '::after'].map(() => e)].map((x, i) =>
                getComputedStyle(x, i === 2 ? '::after' : null).boxShadow);
              return e === document.body || marks.some((m) => m !== 'none') }"""
        )
        if not marked:
            unmarked.append(page.evaluate("document.activeElement.outerHTML.slice(0, 120)"))

    assert unmarked == []


def test_escape_closes_a_menu_and_gives_the_focus_back(desk: Desk) -> None:
    page = desk.open("/development/overview")
    button = page.get_by_label("Development: switch environment").locator("visible=true")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Production").locator("visible=true")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")

    expect(page.locator("details.menu[open]")).to_have_count(0)
    expect(button).to_be_focused()


def test_the_environment_switch_keeps_the_section(desk: Desk) -> None:
    page = desk.open("/development/runs")
    page.get_by_label("Development: switch environment").locator("visible=true").click()
    page.get_by_role("link", name="Production").locator("visible=true").click()

    expect(page).to_have_url(f"{desk.server.url}/production/runs")
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()


def test_a_trigger_call_is_copied_and_said_to_be(desk: Desk) -> None:
    desk.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = desk.open("/development/workflows/welcome-series")
    page.get_by_role("tab", name="curl").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", name="Python")).to_be_focused()
    page.get_by_role("button", name="Copy Trigger with Python").click()

    expect(page.locator("#announcer")).to_have_text("Copied to the clipboard")
    assert 'key="welcome-series"' in page.evaluate("navigator.clipboard.readText()")


def test_typing_narrows_the_workflows_and_the_address_follows(desk: Desk) -> None:
    page = desk.open("/development/workflows")
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("reset")

    expect(page.locator("tbody tr")).to_have_count(1)
    expect(page).to_have_url(f"{desk.server.url}/development/workflows?search=reset")
    page.reload()
    expect(page.locator("tbody tr")).to_have_count(1)


def test_deactivating_and_activating_by_keyboard(desk: Desk) -> None:
    page = desk.open("/development/workflows/welcome-series")
    for verb, after in (("Deactivate", "Inactive"), ("Activate", "Active")):
        page.get_by_role("button", name=verb, exact=True).focus()
        page.keyboard.press("Enter")
        dialog = page.get_by_role("dialog")
        expect(dialog.get_by_role("heading")).to_contain_text("Welcome series")
        dialog.get_by_role("button", name=verb).press("Enter")
        expect(page.locator(".page-head .badge")).to_have_text(after)
        page.wait_for_function("window.did_handshake")


def test_a_click_in_the_inbox_opens_the_message_in_place(desk: Desk) -> None:
    page = desk.open("/development/inbox")
    page.evaluate("window.same_page = true")
    second = page.locator(".reader-rows a").nth(1)
    address = second.get_attribute("href")
    second.click()

    expect(page).to_have_url(f"{desk.server.url}{address}")
    expect(second).to_have_attribute("aria-current", "true")
    assert page.evaluate("window.same_page") is True


def test_searching_the_inbox_finds_texts_and_people(desk: Desk) -> None:
    page = desk.open("/development/inbox")
    page.get_by_role("searchbox").fill("reply ack")
    expect(page.locator(".reader-rows li .icon-sms").first).to_be_visible()
    expect(page.locator(".reader-rows li .icon-email")).to_have_count(0)
    page.get_by_role("searchbox").fill("no such words")
    expect(page.get_by_role("heading", name="No message matches")).to_be_visible()


@pytest.mark.req("R-37")
def test_an_email_runs_nothing_and_loads_nothing_until_asked(desk: Desk) -> None:
    fetched: list[str] = []

    def elsewhere(route: object) -> None:
        fetched.append(route.request.url)  # type: ignore[attr-defined]
        route.fulfill(body="")  # type: ignore[attr-defined]

    desk.page.route("https://images.example.com/**", elsewhere)
    page = desk.open("/development/inbox?type=email")
    frame = page.frame_locator("iframe.mail-frame")
    expect(frame.get_by_text("Open Acme")).to_be_visible()
    body = page.frames[-1]
    assert body.title() == "Message"
    assert page.locator("iframe.mail-frame").get_attribute("sandbox") == (
        "allow-popups allow-popups-to-escape-sandbox"
    )
    assert fetched == []

    page.get_by_role("button", name="Show images").click()
    page.wait_for_function("() => !document.querySelector('.mail-notice:not(.hidden)')")
    expect(frame.get_by_text("Open Acme")).to_be_visible()
    page.wait_for_timeout(300)
    assert fetched == ["https://images.example.com/open.gif"]


HOSTILE = '<img src=x onerror="window.top.hit = 1"><script>window.hit = 1</script>{{ 7*7 }}'


def add_message(server: Server, title: str, minutes: int) -> str:
    """Write one more message into the file, as the executor would."""
    at = NOW + timedelta(minutes=minutes)
    id_ = encode_ksuid(at, bytes(13))
    database = server.open_database()
    with database.transaction() as tx:
        tx.run(
            "INSERT INTO messages SELECT ?, environment, run_id || ?, trigger_id, workflow,"
            " version_id, step_ref, iteration, categories, channel_id, channel_type, provider,"
            " collection, recipient, tenant, address, actors, status, data, filter_data, metadata,"
            " snapshot, ?, overrides, attempts, total_activities, total_actors, scheduled_at,"
            " seen_at, read_at, interacted_at, link_clicked_at, archived_at, inserted_at,"
            " updated_at FROM messages WHERE channel_type = 'email' AND provider = 'catch_all'"
            " LIMIT 1",
            (
                id_,
                id_,
                dumps({"subject": title, "html_body": HOSTILE, "text_body": HOSTILE, "to": title}),
            ),
        )
    database.close()
    return id_


def test_a_new_message_appears_by_itself(desk: Desk) -> None:
    page = desk.open("/development/inbox")
    first = page.locator(".reader-rows li").first
    expect(first).not_to_contain_text("Fresh from the press")
    add_message(desk.server, "Fresh from the press", 1)

    expect(page.locator(".reader-rows li").first).to_contain_text("Fresh from the press")


@pytest.mark.req("R-37")
def test_hostile_content_is_shown_as_text_everywhere(desk: Desk) -> None:
    id_ = add_message(desk.server, HOSTILE, 2)
    database = desk.server.open_database()
    with database.transaction() as tx:
        tx.run(
            "UPDATE recipients SET properties = ? WHERE id = 'emi'",
            (dumps({"name": HOSTILE, "email": "emi@example.com"}),),
        )
    database.close()
    for path in ("overview", "runs", "messages", f"inbox/{id_}", "runs?recipient=emi"):
        page = desk.open(f"/development/{path}")
        page.wait_for_timeout(150)
        assert page.evaluate("window.hit") is None, path
        assert "{{ 7*7 }}" in page.locator("main").inner_text() or "messages" in path
        assert "49" not in page.locator("h1, h2, .row-link").first.inner_text()
