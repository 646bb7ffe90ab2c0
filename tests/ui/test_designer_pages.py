"""Every page says what it should, in all its states, and obeys only who is signed in."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from storage import definitions
from storage.members import Role, put_member
from storage.records import WorkflowStatus
from tests.designer.seeded_world import NOW, PASSWORD_HASH

if TYPE_CHECKING:
    from tests.ui.conftest import Desk

INCIDENT = "/development/workflows/incident-escalation"


async def test_the_overview_shows_numbers_runs_workflows_and_caught_messages(desk: Desk) -> None:
    await desk.user.open("/development/overview")

    for text in ("Messages today", "Triggers today", "Runs in progress", "Deliveries failing",
                 "Latest runs", "Comment digest", "Inbox", "Running", "Olga Owner"):  # fmt: skip
        await desk.user.should_see(text)
    assert desk.kept_alive == ["/development/overview"]


async def test_an_empty_server_offers_the_next_step(empty_desk: Desk) -> None:
    await empty_desk.user.open("/development/overview")

    await empty_desk.user.should_see("Bring your first workflow")
    await empty_desk.user.should_see("tocsin import ./notifications --environment development")
    for path, text in (
        ("workflows", "No workflows in development yet"),
        ("runs", "No runs yet"),
        ("inbox", "Nothing caught yet"),
        ("messages", "No messages yet"),
    ):
        await empty_desk.user.open(f"/development/{path}")
        await empty_desk.user.should_see(text)


async def test_workflows_that_nobody_triggered_come_with_the_call_that_does(desk: Desk) -> None:
    await desk.user.open("/production/overview")

    await desk.user.should_see("Send the first message: trigger “Comment digest”")
    await desk.user.should_see("/v1/workflows/comment-digest/trigger")


async def test_searching_workflows_narrows_the_list(desk: Desk) -> None:
    await desk.user.open("/development/workflows?search=webhook")

    await desk.user.should_see("Incident escalation")
    await desk.user.should_not_see("Password reset")
    await desk.user.open("/development/workflows?search=zzz")
    await desk.user.should_see("No workflow matches")


async def test_a_workflow_shows_its_steps_versions_and_runs(desk: Desk) -> None:
    await desk.user.open("/development/workflows/comment-digest")

    for text in ("Collect for 10 minutes", "Only if the message of in_app_feed_1 is not read",
                 "Mail only what is unread", "Current", "Latest runs"):  # fmt: skip
        await desk.user.should_see(text)


@pytest.mark.req("R-47")
async def test_deactivating_asks_first_then_changes_and_leaves_an_audit_row(desk: Desk) -> None:
    await desk.user.open(INCIDENT)
    desk.user.find(marker="switch").click()
    await desk.user.should_see("Deactivate “Incident escalation”?")
    assert status_of(desk) is WorkflowStatus.ACTIVE

    desk.user.find(marker="confirm").click()
    await settled(desk, WorkflowStatus.INACTIVE)
    row = desk.sql.row("SELECT actor, action, environment, subject, detail FROM audit")
    assert row == (
        "olga@example.com", "workflow.status_changed", "development", "incident-escalation",
        '{"status":"inactive"}',
    )  # fmt: skip


@pytest.mark.req("R-44")
async def test_a_page_that_outlives_its_session_changes_nothing(desk: Desk) -> None:
    await desk.user.open(INCIDENT)
    desk.user.find(marker="switch").click()
    await desk.user.should_see("Deactivate “Incident escalation”?")
    desk.email = None
    desk.user.find(marker="confirm").click()
    await desk.user.should_see("The sign-in page")

    assert status_of(desk) is WorkflowStatus.ACTIVE
    assert desk.sql.value("SELECT count(*) FROM audit") == 0


@pytest.mark.req("R-45")
async def test_a_role_that_only_reads_is_told_so(desk: Desk) -> None:
    desk.email = "sam@example.com"
    await desk.user.open(INCIDENT)

    await desk.user.should_see("Active")
    await desk.user.should_see(marker="switch")
    desk.user.find(marker="switch").click()
    await desk.user.should_not_see("Deactivate “Incident escalation”?")


@pytest.mark.req("R-45")
async def test_a_role_taken_away_while_the_page_was_open_counts_at_once(desk: Desk) -> None:
    await desk.user.open(INCIDENT)
    desk.user.find(marker="switch").click()
    await desk.user.should_see("Deactivate “Incident escalation”?")
    with desk.world.database.transaction() as tx:
        put_member(
            tx, email="olga@example.com", role=Role.SUPPORT, password_hash=PASSWORD_HASH, now=NOW
        )
    desk.user.find(marker="confirm").click()
    await desk.user.should_see("Your role may not change workflows here")

    assert status_of(desk) is WorkflowStatus.ACTIVE


@pytest.mark.req("R-44")
async def test_without_a_session_every_page_leads_to_the_sign_in(desk: Desk) -> None:
    desk.email = None
    for path in ("/development/overview", "/development/runs", INCIDENT, "/development/inbox"):
        answer = await desk.user.http_client.get(path)
        assert answer.status_code == 303
        assert answer.headers["location"].startswith("/login?next=")


async def test_the_address_without_a_page_leads_to_the_overview(desk: Desk) -> None:
    for path, target in (("/", "development"), ("/production", "production")):
        answer = await desk.user.http_client.get(path)
        assert answer.headers["location"] == f"/{target}/overview"


async def test_unknown_addresses_say_so_with_a_way_back(desk: Desk) -> None:
    for path in ("/staging/overview", "/staging"):
        answer = await desk.user.http_client.get(path)
        assert answer.status_code == 404
    for path, text in (
        ("/staging/overview", "This address leads nowhere"),
        ("/development/workflows/nope", "There is no workflow “nope” here"),
        ("/development/runs/nope", "There is no such run here"),
        ("/development/inbox/nope", "This message is gone"),
    ):
        answer = await desk.user.http_client.get(path)
        assert answer.status_code == 404
        assert text in answer.text


async def test_runs_are_filtered_by_the_address(desk: Desk) -> None:
    await desk.user.open("/development/runs?state=paused")
    await desk.user.should_see(marker="run-paused")
    await desk.user.should_not_see(marker="run-completed")
    await desk.user.open("/development/runs?recipient=nobody")
    await desk.user.should_see("No run matches")


async def test_a_run_id_in_the_search_field_opens_the_run(desk: Desk) -> None:
    run = desk.world.run_ids["completed"]
    answer = await desk.user.http_client.get(f"/development/runs?recipient={run}")

    assert answer.headers["location"] == f"/development/runs/{run}"


async def test_a_skipped_run_says_why_nothing_was_sent(desk: Desk) -> None:
    await desk.user.open(f"/development/runs/{desk.world.run_ids['skipped']}")

    for text in ("This run has sent nothing", "was skipped", "Missing: phone_number",
                 "the recipient's plan is “enterprise”: it is “pro”",
                 "Decided by recipient.channel_types.push"):  # fmt: skip
        await desk.user.should_see(text)


async def test_a_failed_run_shows_the_error(desk: Desk) -> None:
    await desk.user.open(f"/development/runs/{desk.world.run_ids['failed']}")

    await desk.user.should_see("“recipient.nmae” is not defined")
    await desk.user.should_see("Failed")


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("email", "Reply to"), ("in_app_feed", "A click leads to"), ("sms", "1 part, GSM-7"),
        ("push", "checkout-api is down"), ("chat", "app"), ("http", "POST https://status"),
    ],
)  # fmt: skip
async def test_each_channels_message_is_shown_as_it_arrives(
    desk: Desk, kind: str, text: str
) -> None:
    if kind not in desk.world.message_ids:
        pytest.fail(f"the seeded world has no {kind}")
    await desk.user.open(f"/development/inbox/{desk.world.message_ids[kind]}")

    await desk.user.should_see(text)
    await desk.user.should_see("What happened to it")


async def test_the_inbox_holds_what_was_caught_the_list_of_messages_everything(desk: Desk) -> None:
    await desk.user.open(f"/development/messages/{desk.world.message_ids['undelivered']}")
    await desk.user.should_see("Undelivered")
    await desk.user.should_see("Smtp")
    await desk.user.open("/development/inbox")
    await desk.user.should_not_see("Undelivered")


async def test_times_are_said_anew_as_time_passes(desk: Desk) -> None:
    from nicegui import ui

    def times() -> list[str]:
        elements = ui.context.client.elements.values()
        return [e.text for e in elements if type(e).__name__ == "Moment"]

    await desk.user.open("/development/workflows")
    with desk.user:
        before = times()
    desk.clock.advance(timedelta(hours=1))
    with desk.user:
        timers = [e for e in ui.context.client.elements.values() if isinstance(e, ui.timer)]
        assert timers
        for timer in timers:
            await timer._invoke_callback()
        after = times()

    assert before
    assert before != after
    assert any(text.startswith("1 h") for text in after)


async def test_a_server_with_a_fast_clock_says_so_loudly(desk: Desk) -> None:
    desk.clock.rate = 600.0  # type: ignore[attr-defined]
    await desk.user.open("/development/overview")

    await desk.user.should_see("runs 600 times as fast")


def status_of(desk: Desk) -> WorkflowStatus:
    found = definitions.get_workflow(desk.sql, "development", "incident-escalation")
    assert found is not None
    return found.status


async def settled(desk: Desk, wanted: WorkflowStatus) -> None:
    import asyncio

    for _ in range(100):
        if status_of(desk) is wanted:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"the workflow did not become {wanted}")
