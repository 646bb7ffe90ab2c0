"""One workflow: its facts, its steps as an outline, how to trigger it, its versions."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from nicegui import ui

from designer.elements import (
    Moment,
    badge,
    button,
    copyable,
    div,
    icon,
    link,
    para,
    span,
    tag,
    visually_hidden,
)
from designer.frame import Head, frame
from designer.outline import Arm, Outlined, outline
from designer.pages.missing import missing_thing
from designer.rows import run_item
from designer.states import workflow_badge
from designer.trigger_calls import import_command, sample_data, trigger_calls
from designer.visit import NotAllowed, SignedOut, Visit
from storage import definitions
from storage.dashboard import definition_of, some_user
from storage.definitions import VersionSummary, WorkflowRecord
from storage.errors import StorageError
from storage.records import JsonObject, WorkflowStatus
from storage.run_pages import RunFilter, RunRow, latest_runs

_FREQUENCIES = {
    "every_trigger": "Every trigger",
    "once_per_recipient": "Once per recipient",
    "once_per_recipient_per_tenant": "Once per recipient and tenant",
}
_CONFIRM = {
    WorkflowStatus.INACTIVE: (
        "Deactivate “{name}”?",
        "New triggers in {environment} are refused from this moment on. Runs that wait end"
        " without sending when it is their turn, unless it is active again by then.",
        "Deactivate",
        "danger",
    ),
    WorkflowStatus.ACTIVE: (
        "Activate “{name}”?",
        "Triggers in {environment} start runs again, and messages are sent.",
        "Activate",
        "primary",
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shown:
    record: WorkflowRecord
    definition: JsonObject
    versions: list[VersionSummary]
    runs: tuple[RunRow, ...]
    recipient: str

    @property
    def name(self) -> str:
        return str(self.definition.get("name") or self.record.key)


def _load(visit: Visit, key: str) -> _Shown | None:
    sql = visit.database.read()
    record = definitions.get_workflow(sql, visit.key, key)
    if record is None:
        return None
    return _Shown(
        record=record,
        definition=definition_of(sql, visit.key, key),
        versions=definitions.version_summaries(sql, visit.key, key),
        runs=latest_runs(sql, visit.key, RunFilter(workflow=key), limit=5).rows,
        recipient=some_user(sql, visit.key) or "ann",
    )


async def build(visit: Visit) -> None:
    """Draw the workflow, or say that there is none of this key."""
    key = visit.param("key")
    shown = await asyncio.to_thread(_load, visit, key)
    crumb = ("Workflows", visit.address("workflows"))
    if shown is None:
        with frame(visit, "workflows", "Workflow not found", crumb=crumb):
            missing_thing(
                f"There is no workflow “{key}” here",
                f"It may exist in another environment than {visit.environment.name.lower()}.",
                ("All workflows", crumb[1]),
            )
        return
    lead = str(shown.definition.get("description") or "")
    with frame(visit, "workflows", shown.name, lead=lead, crumb=crumb) as head:
        _actions(visit, shown, head)
        with div("halves"):
            with div("stack"):
                _steps_card(shown)
                _runs_card(visit, shown)
            with div("stack"):
                _facts_card(visit, shown)
                _trigger_card(visit, shown)
                _versions_card(visit, shown)


# ------------------------------------------------------------------ switching on and off


def _actions(visit: Visit, shown: _Shown, head: Head) -> None:
    status = shown.record.status
    with head.actions:
        workflow_badge(status)
        if status is WorkflowStatus.ARCHIVED:
            return
        is_active = status is WorkflowStatus.ACTIVE
        wanted = WorkflowStatus.INACTIVE if is_active else WorkflowStatus.ACTIVE
        if visit.can_change():
            button(
                "Deactivate" if is_active else "Activate",
                lambda: _ask(visit, shown, wanted),
                symbol="pause" if is_active else "play",
            ).mark("switch")
        else:
            why = "Your role may look at workflows, but not change them."
            button(
                "Deactivate" if is_active else "Activate", symbol="pause", aria_disabled="true",
                title=why, aria_description=why,
            ).mark("switch")  # fmt: skip


def _ask(visit: Visit, shown: _Shown, wanted: WorkflowStatus) -> None:
    title, text, verb, kind = _CONFIRM[wanted]
    words = {"name": shown.name, "environment": visit.environment.name.lower()}
    with ui.dialog(value=True).props("aria-labelledby=ask-title") as dialog, div("dialog"):
        tag("h2", title.format(**words), id="ask-title")
        para(text.format(**words))
        with div("choices"):
            button("Cancel", dialog.close)

            async def confirmed() -> None:
                dialog.close()
                await _set_status(visit, shown.record.key, wanted)

            button(verb, confirmed, kind=kind).mark("confirm")
    dialog.on("hide", dialog.delete)


async def _set_status(visit: Visit, key: str, wanted: WorkflowStatus) -> None:
    try:
        is_done = await visit.change(
            "workflow.status_changed",
            key,
            lambda tx: definitions.set_status(tx, visit.key, key, wanted),
            status=wanted.value,
        )
    except SignedOut:
        ui.navigate.to("/login")
    except NotAllowed:
        ui.notify("Your role may not change workflows here. Reload the page to see what it may.")
    except StorageError as error:
        ui.notify(error.message)
    else:
        if is_done:
            ui.navigate.reload()
        else:
            ui.notify("This workflow was archived meanwhile; it can no longer be switched.")


# ------------------------------------------------------------------ steps


def _steps_card(shown: _Shown) -> None:
    with tag("section", None, "card", aria_labelledby="steps-title"):
        with div("card-head"):
            tag("h2", "Steps", id="steps-title")
            if shown.record.has_changes and shown.record.version is not None:
                span(f"as committed in version {shown.record.version}", "muted")
            elif shown.record.version is None:
                span("draft, not committed yet", "muted")
        steps = outline(shown.definition)
        with tag("ol", None, "outline"):
            with tag("li", None, "outline-step"), div("outline-row"):
                with div("tile small idle"):
                    icon("trigger")
                with div("row-text"):
                    span("Trigger", "outline-title")
                    span("Each recipient of a trigger passes the steps once", "row-note")
            for step in steps:
                _step(step)
        if not steps:
            para("This workflow has no steps yet, so its runs end at once.", "card-body muted")


def _step(step: Outlined) -> None:
    with tag("li", None, "outline-step"):
        with div("outline-row"):
            with div("tile small" if step.is_channel else "tile small flow"):
                icon(step.icon)
            with div("row-text"):
                with tag("span", None, "outline-title"):
                    span(step.title)
                    span(step.ref, "mono muted outline-ref")
                if step.summary:
                    span(step.summary, "row-note")
                if step.only_if:
                    span(f"Only if {step.only_if}", "outline-if")
        if step.arms:
            with tag("ul", None, "arms"):
                for arm in step.arms:
                    _arm(arm)


def _arm(arm: Arm) -> None:
    with tag("li", None, "arm"):
        with div("arm-head"):
            icon("branch")
            span(arm.title, "arm-title")
            span(arm.when, "row-note")
            if arm.ends:
                badge("Ends the run", "idle")
        if arm.steps:
            with tag("ol", None, "outline nested"):
                for step in arm.steps:
                    _step(step)
        else:
            para("Nothing happens here", "row-note arm-empty")


# ------------------------------------------------------------------ beside the steps


def _facts_card(visit: Visit, shown: _Shown) -> None:
    record, definition = shown.record, shown.definition
    with tag("section", None, "card", aria_labelledby="facts-title"):
        with div("card-head"):
            tag("h2", "Facts", id="facts-title")
        with tag("dl", None, "facts card-body"):
            tag("dt", "Key")
            with tag("dd"), tag("span", None, "with-copy"):
                span(record.key, "mono")
                with tag("button", None, "copy", type_="button", data_copy=record.key):
                    icon("copy")
                    visually_hidden("Copy the key")
            tag("dt", "Version")
            tag("dd", f"v{record.version}" if record.version else "None committed yet")
            tag("dt", "Runs")
            frequency = str(definition.get("trigger_frequency") or "every_trigger")
            tag("dd", _FREQUENCIES.get(frequency, frequency))
            categories = [str(c) for c in definition.get("categories") or ()]
            tag("dt", "Categories")
            tag("dd", ", ".join(categories) or "None")
            tag("dt", "Changed")
            with tag("dd"):
                Moment(record.updated_at, visit.now, visit.zone, "")


def _trigger_card(visit: Visit, shown: _Shown) -> None:
    with tag("section", None, "card", aria_labelledby="trigger-title"):
        with div("card-head"):
            tag("h2", "Trigger it", id="trigger-title")
        with div("card-body"):
            if shown.record.version is None:
                para("It can be triggered once its draft is committed.", "muted")
                copyable(
                    import_command(visit.key),
                    "Shell",
                    name="Import and commit",
                )
            else:
                trigger_calls(
                    visit.base_url, visit.key, shown.record.key, shown.recipient,
                    sample_data(shown.definition),
                )  # fmt: skip


def _versions_card(visit: Visit, shown: _Shown) -> None:
    with tag("section", None, "card", aria_labelledby="versions-title"):
        with div("card-head"):
            tag("h2", "Versions", id="versions-title")
        if not shown.versions:
            para("No version is committed yet.", "card-body muted")
            return
        with tag("ul", None, "rows"):
            for version in sorted(shown.versions, key=lambda v: -v.number)[:20]:
                with tag("li"):
                    span(f"v{version.number}", "version-number number")
                    with div("row-text"):
                        span(version.message or "No message", "clip")
                        span(version.author, "row-note clip")
                    if version.number == shown.record.version:
                        badge("Current", "ok")
                    Moment(version.inserted_at, visit.now, visit.zone)


def _runs_card(visit: Visit, shown: _Shown) -> None:
    with tag("section", None, "card", aria_labelledby="runs-title"):
        with div("card-head"):
            tag("h2", "Latest runs", id="runs-title")
            with link(None, visit.address("runs", workflow=shown.record.key), "more"):
                span("All its runs")
                icon("right")
        if not shown.runs:
            para("It has not been triggered yet.", "card-body muted")
            return
        with tag("ul", None, "rows"):
            for run in shown.runs:
                with tag("li"):
                    run_item(visit, run, {})
