"""Buttons that let parked work go on: one run, or all of an environment (R-29)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final, TypeVar

from nicegui import ui

from designer.elements import button, div, para, tag
from designer.visit import NotAllowed, SignedOut, Visit
from engine.runs.retry import retry_all, retry_run
from storage.errors import StorageError
from storage.tx import Tx

T = TypeVar("T")
_SLICE: Final = 500
_WHY: Final = "Your role may look at runs, but not retry them."


def retry_run_button(visit: Visit, run_id: str, retried: Callable[[], Awaitable[None]]) -> None:
    """Draw the button that lets one parked run go on; `retried` shows the page what became."""

    async def act() -> None:
        by = visit.member.email
        done = await _changed(
            visit, run_id, lambda tx: retry_run(tx, visit.key, run_id, visit.now, by=by)
        )
        if done is False:
            ui.notify("This run is not parked any more.")
        await retried()

    _draw(visit, "Retry", act)


def retry_all_button(visit: Visit, count: int) -> None:
    """Draw the button that asks, then lets everything parked in the environment go on."""
    _draw(visit, "Retry all parked", partial(_ask, visit, count))


def _draw(visit: Visit, text: str, act: Callable[[], Awaitable[None] | None]) -> None:
    if visit.can_change():
        button(text, act, symbol="play").mark("retry")
    else:
        button(text, symbol="play", aria_disabled="true", title=_WHY, aria_description=_WHY).mark(
            "retry"
        )


def _ask(visit: Visit, count: int) -> None:
    what = "one parked run" if count == 1 else f"{count:,} parked runs"
    with ui.dialog(value=True).props("aria-labelledby=ask-title") as dialog, div("dialog"):
        tag("h2", "Retry all parked runs?", id="ask-title")
        para(
            f"This lets {what} of {visit.environment.name.lower()} go on where they stopped, one"
            " at a time. What was sent already is not sent again."
        )
        with div("choices"):
            button("Cancel", dialog.close)

            async def confirmed() -> None:
                dialog.close()
                await _retry_all(visit)

            button("Retry all", confirmed, kind="primary").mark("confirm")
    dialog.on("hide", dialog.delete)


async def _retry_all(visit: Visit) -> None:
    by = visit.member.email
    count: int | None = _SLICE
    while count is not None and count >= _SLICE:
        count = await _changed(
            visit, "parked", lambda tx: retry_all(tx, visit.key, visit.now, by=by, limit=_SLICE)
        )
    if count is not None:
        ui.navigate.reload()


async def _changed(visit: Visit, subject: str, work: Callable[[Tx], T]) -> T | None:
    """Do a retry with its audit row; None, and a word to the person, if it was refused."""
    try:
        return await visit.change("run.retried", subject, work)
    except SignedOut:
        ui.navigate.to("/login")
    except NotAllowed:
        ui.notify("Your role may not retry runs here. Reload the page to see what it may.")
    except StorageError as error:
        ui.notify(error.message)
    return None
