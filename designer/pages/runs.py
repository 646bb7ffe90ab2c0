"""Runs of an environment, newest first: by state, workflow and recipient."""

from __future__ import annotations

import asyncio
from functools import partial

from starlette.responses import RedirectResponse

from designer.elements import Moment, button, div, icon, link, para, span, tag, visually_hidden
from designer.frame import frame
from designer.live import Live, Rows
from designer.paging import decode_cursor, pager
from designer.retrying import retry_all_button
from designer.states import run_badge
from designer.visit import Visit
from designer.wording import recipient_title
from storage.dashboard import Cursor, Page
from storage.parked import count_parked
from storage.run_pages import STATES, RunFilter, RunRow, latest_runs
from storage.runs import get_run

_TABS = (
    ("", "All"),
    ("active", "In progress"),
    ("paused", "Waiting"),
    ("completed", "Completed"),
    ("cancelled", "Cancelled"),
    ("failed", "With errors"),
    ("parked", "Parked"),
)
_COLUMNS = (
    ("Recipient", ""), ("Workflow", ""), ("State", ""), ("Tenant", ""), ("Started", "end"),
)  # fmt: skip
_SIZE = 30


async def build(visit: Visit) -> RedirectResponse | None:
    """Draw a page of runs; the first page stays fresh."""
    wanted = _wanted(visit)
    if wanted.recipient and get_run(visit.database.read(), visit.key, wanted.recipient):
        return RedirectResponse(visit.address(f"runs/{wanted.recipient}"), 303)
    length = 3 if wanted.workflow and not (wanted.state or wanted.recipient) else 2
    after = decode_cursor(visit.query("after"), length)
    page = await asyncio.to_thread(_load, visit, wanted, after)
    names = visit.services.catalog.names(visit.database.read(), visit.key)
    filters = {
        "state": wanted.state,
        "workflow": wanted.workflow,
        "recipient": wanted.recipient,
    }
    parked = await asyncio.to_thread(_parked, visit) if wanted.state == "parked" else 0
    lead = "One run per recipient and trigger, with its story"
    with frame(visit, "runs", "Runs", lead=lead) as head:
        if parked:
            with head.actions:
                retry_all_button(visit, parked)
        _toolbar(visit, wanted, names)
        if not page.rows and page.next is None:
            _empty(wanted, parked)
        else:
            rows = _table(visit, names)
            rows.show(page.rows)
            if after is None:
                live = Live(lambda: asyncio.to_thread(_load, visit, wanted, None), page)
                live.follow(lambda p: p.rows, rows.show)
                live.run(visit)
        pager(visit, "runs", page, "runs", **filters)
    return None


def _wanted(visit: Visit) -> RunFilter:
    state = visit.query("state")
    return RunFilter(
        state=state if state in STATES else None,
        workflow=visit.query("workflow") or None,
        recipient=visit.query("recipient") or None,
    )


def _load(visit: Visit, wanted: RunFilter, after: Cursor | None) -> Page[RunRow]:
    return latest_runs(visit.database.read(), visit.key, wanted, after, _SIZE)


def _parked(visit: Visit) -> int:
    return count_parked(visit.database.read(), visit.key)


def _toolbar(visit: Visit, wanted: RunFilter, names: dict[str, str]) -> None:
    with div("toolbar"), tag("nav", None, "tabs", aria_label="State"):
        for state, title in _TABS:
            address = visit.address(
                "runs", state=state, workflow=wanted.workflow, recipient=wanted.recipient
            )
            here = "page" if state == (wanted.state or "") else None
            link(title, address, aria_current=here)
    with tag("form", None, "toolbar", method="get", action=visit.address("runs")):
        if wanted.state:
            tag("input", None, type_="hidden", name="state", value=wanted.state)
        with div("search"):
            icon("search")
            tag(
                "input", None, type_="search", name="recipient", value=wanted.recipient or "",
                placeholder="User id or run id", aria_label="User id or run id",
                autocomplete="off", spellcheck="false",
            )  # fmt: skip
        with tag("label", None, "choice"):
            visually_hidden("Workflow")
            with tag("select", None, name="workflow", aria_label="Workflow"):
                tag("option", "Every workflow", value="")
                for key, name in sorted(names.items(), key=lambda item: item[1].casefold()):
                    tag("option", name, value=key, selected=key == wanted.workflow)
            icon("down")
        button("Show").set(type_="submit")


def _table(visit: Visit, names: dict[str, str]) -> Rows[RunRow]:
    with tag("table", None, "card table-card"):
        tag("caption", "Runs, newest first", "visually-hidden")
        with tag("thead"), tag("tr"):
            for title, cls in _COLUMNS:
                tag("th", title, cls, scope="col")
        body = tag("tbody")
    return Rows(
        body, lambda run: run.id, partial(_row, visit, names), partial(tag, "tr", None, "item-row")
    )


def _row(visit: Visit, names: dict[str, str], run: RunRow) -> None:
    with tag("td", None, "wide"):
        name = recipient_title(run.recipient, run.recipient_name)
        with div("row-text"):
            link(name, visit.address(f"runs/{run.id}"), "row-link clip")
            if run.recipient_name:
                span(run.recipient.id, "row-note mono clip")
    with tag("td"):
        span(names.get(run.workflow, run.workflow), "clip")
    with tag("td"), div("state-cell"):
        run_badge(run.status, run.errors, is_parked=run.is_parked)
        if run.status == "paused" and run.wake_at is not None:
            Moment(run.wake_at, visit.now, visit.zone)
    with tag("td", None, "phone-off"):
        span(run.tenant or "None", "" if run.tenant else "muted")
    with tag("td", None, "end"):
        Moment(run.inserted_at, visit.now, visit.zone)


def _empty(wanted: RunFilter, resting: int) -> None:
    with div("card empty"):
        with div("tile idle" if wanted != RunFilter() else "tile"):
            icon("runs")
        if resting and wanted == RunFilter(state="parked"):
            tag("h2", "No run is parked")
            para(
                f"But triggers could not be made into runs: {resting:,}. A retry tries them again."
            )
        elif wanted != RunFilter():
            tag("h2", "No run matches")
            para("No run of this environment has this state, workflow and recipient.")
        else:
            tag("h2", "No runs yet")
            para(
                "A trigger starts one run per recipient. Open a workflow for a call that you can"
                " copy; its runs appear here the moment they start."
            )
