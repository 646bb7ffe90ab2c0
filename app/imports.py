"""Carry project folders into an environment and out of it, for start-up and the command line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from engine.authoring.transfer import ImportReport, import_project, project_hash
from engine.errors import Problem
from engine.workflow.definition import steps_of, walk
from engine.workflow.kinds import discover
from engine.workflow.project import Project, read_project
from engine.workflow.validate import project_problems, project_warnings
from storage.channels import channels_for
from storage.environments import imported_content, note_import
from storage.errors import TocsinError
from storage.ids import Ids
from storage.sql import Sql
from storage.tx import Tx


class ImportFailed(TocsinError):
    """A folder cannot be imported."""

    code = "import_failed"


def import_changed(
    tx: Tx, folders: Sequence[Path], environment: str, now: datetime, ids: Ids
) -> list[str]:
    """Import and commit each folder whose content differs from the last time; says what it did.

    Raises:
        ImportFailed, DefinitionError: the caller's transaction has to end.
    """
    notes = []
    for folder in folders:
        project = load_project(folder)
        name, content = str(folder.resolve()), project_hash(project)
        if imported_content(tx, name, environment) == content:
            continue
        report = store_project(
            tx, project, environment, commit=True, author="bootstrap",
            message=f"Import of {folder.name}", now=now, ids=ids,
        )  # fmt: skip
        note_import(tx, name, environment, content, now)
        notes.append(f"Imported {folder} into {environment}: {describe(report)}.")
        notes += import_warnings(tx, project, environment)
    return notes


def load_project(folder: Path) -> Project:
    """Read a project folder, with every step type known.

    Raises:
        ImportFailed: there is no such folder.
    """
    if not folder.is_dir():
        raise ImportFailed(f"{folder} is not a folder; name one that holds a workflows folder.")
    discover("engine.steps")
    return read_project(folder)


def store_project(
    tx: Tx,
    project: Project,
    environment: str,
    *,
    commit: bool,
    author: str,
    message: str,
    now: datetime,
    ids: Ids,
) -> ImportReport:
    """Import a project; channels that do not exist yet are no reason to refuse it.

    Raises:
        DefinitionError: all problems, each with its file; nothing was written.
    """
    return import_project(
        tx, project, environment, commit=commit, author=author, message=message, now=now, ids=ids
    )


def import_warnings(sql: Sql, project: Project, environment: str) -> list[str]:
    """Say what is likely amiss with a project that was imported: slips, channels not there.

    Channels are often set up after their workflows, so a step without one is
    no reason to refuse; a run says then that it was skipped, and why.
    """
    known = {c.key: c.type for c in channels_for(sql, environment, None).values()}
    lacking = [
        replace(problem, message=f"{problem.message} As it is, {environment} skips this step.")
        for problem in project_problems(project, channels=known)
    ]
    return warnings(project) + [_warning(problem) for problem in lacking]


def warnings(project: Project) -> list[str]:
    """Say what is likely a slip in a project, wherever it is imported."""
    return [_warning(problem) for problem in project_warnings(project)]


def channel_keys(project: Project) -> list[str]:
    """Name the channels that a project's steps send through, each once."""
    places = (p for s in project.workflows.values() for p in walk(steps_of(s.definition)))
    keys = {place.step.get("channel_key") for place in places}
    return sorted(key for key in keys if isinstance(key, str) and key)


def describe(report: ImportReport) -> str:
    """Sum an import up in a few words."""
    parts = [
        f"{len(keys)} {word}"
        for word, keys in (
            ("created", report.created),
            ("updated", report.updated),
            ("unchanged", report.unchanged),
            ("archived and left alone", report.archived),
        )
        if keys
    ]
    parts.append(f"{len(report.committed)} committed")
    if report.resources:
        parts.append(f"{report.resources} other files")
    return ", ".join(parts)


def sentence(problem: Problem) -> str:
    """Give a problem as one line with its place."""
    place = ":".join(str(part) for part in (problem.file, problem.line) if part)
    where = " ".join(part for part in (place, problem.step_ref or "", problem.path) if part)
    return f"{where}: {problem.message}" if where else problem.message


def _warning(problem: Problem) -> str:
    return f"Warning: {sentence(problem)}"
