"""Parked work is found in the dashboard and let go on by those who may (R-29)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from storage.parked import count_parked, is_parked, strike_expansion

if TYPE_CHECKING:
    from tests.ui.conftest import Desk

pytestmark = pytest.mark.req("R-29")
PARKED = "/development/runs?state=parked"


def parked_run(desk: Desk) -> str:
    return desk.world.run_ids["parked"]


def parked(desk: Desk) -> int:
    return count_parked(desk.sql, "development")


async def until(holds: Callable[[], bool]) -> None:
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come about")


async def test_a_parked_run_says_so_and_one_click_lets_it_go_on(desk: Desk) -> None:
    await desk.user.open(f"/development/runs/{parked_run(desk)}")
    await desk.user.should_see("Parked")
    desk.user.find(marker="retry").click()
    await desk.user.should_see("The run is tried again")
    await desk.user.should_see("Asked for by olga@example.com.")
    await desk.user.should_not_see(marker="retry")

    assert not is_parked(desk.sql, "development", parked_run(desk))
    row = desk.sql.row("SELECT actor, action, environment, subject FROM audit")
    assert row == ("olga@example.com", "run.retried", "development", parked_run(desk))


async def test_a_run_that_is_not_parked_offers_no_retry(desk: Desk) -> None:
    await desk.user.open(f"/development/runs/{desk.world.run_ids['failed']}")

    await desk.user.should_see("Failed")
    await desk.user.should_not_see(marker="retry")


async def test_all_parked_runs_are_retried_after_a_question(desk: Desk) -> None:
    before = parked(desk)
    await desk.user.open(PARKED)
    desk.user.find(marker="retry").click()
    await desk.user.should_see(f"This lets {before} parked runs of development go on")
    assert parked(desk) == before > 1
    desk.user.find(marker="confirm").click()
    await until(lambda: parked(desk) == 0)

    assert desk.sql.value("SELECT count(*) FROM audit WHERE action = 'run.retried'") == 1
    await desk.user.open(PARKED)
    await desk.user.should_see("No run matches")
    await desk.user.should_not_see(marker="retry")


async def test_triggers_that_could_not_become_runs_are_retried_too(empty_desk: Desk) -> None:
    with empty_desk.world.database.transaction() as tx:
        tx.run(
            "INSERT INTO triggers (id, environment, workflow, version, version_id, source_type,"
            " data, settings, pending, priority, inserted_at)"
            " VALUES ('t', 'development', 'w', 1, 'v', 'api', '{}', '{}', '{}', 5, 0)"
        )
        for _ in range(3):
            strike_expansion(tx, "t")
    await empty_desk.user.open(PARKED)
    await empty_desk.user.should_see("But triggers could not be made into runs: 1.")
    empty_desk.user.find(marker="retry").click()
    empty_desk.user.find(marker="confirm").click()
    await until(lambda: parked(empty_desk) == 0)
    await empty_desk.user.open(PARKED)
    await empty_desk.user.should_see("No run matches")


@pytest.mark.req("R-45")
async def test_a_role_that_only_reads_retries_nothing(desk: Desk) -> None:
    desk.email = "sam@example.com"
    before = parked(desk)
    for path in (f"/development/runs/{parked_run(desk)}", PARKED):
        await desk.user.open(path)
        await desk.user.should_see(marker="retry")
        desk.user.find(marker="retry").click()
        await desk.user.should_not_see("Retry all parked runs?")

    assert parked(desk) == before
    assert desk.sql.value("SELECT count(*) FROM audit") == 0


@pytest.mark.req("R-44")
async def test_a_page_that_outlives_its_session_retries_nothing(desk: Desk) -> None:
    before = parked(desk)
    await desk.user.open(f"/development/runs/{parked_run(desk)}")
    desk.email = None
    desk.user.find(marker="retry").click()
    await desk.user.should_see("The sign-in page")

    assert parked(desk) == before
