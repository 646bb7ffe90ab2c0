"""`import`, `export` and `validate`: workflows as files in a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from app.commands.context import DataOption, EnvironmentOption, Failed, opened, out
from storage.environments import get_environment, list_environments
from storage.ids import RandomIds
from storage.sql import Sql

FolderArgument = Annotated[Path, typer.Argument(help="Project folder", metavar="DIR")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("import")(import_folder)
    app.command("export")(export_folder)
    app.command()(validate)


def import_folder(
    folder: FolderArgument,
    environment: EnvironmentOption = "development",
    commit: Annotated[bool, typer.Option("--commit", help="Commit what changed")] = False,
    message: Annotated[str, typer.Option("--message", "-m", help="Commit message")] = "",
    data: DataOption = None,
) -> None:
    """Read a project folder, check it and store its workflows as drafts.

    Works on a stopped data folder and on one that is being served, on the
    machine that holds it. Warnings, such as a field of an unknown name or a
    channel that is not there yet, stop nothing.

    Example: `tocsin import ./notifications --commit -m "Shorter reminders"`
    """
    from app.clock import open_clock
    from app.imports import (
        describe,
        import_warnings,
        load_project,
        sentence,
        store_project,
        warnings,
    )
    from app.settings import load_settings
    from engine.errors import DefinitionError

    project = load_project(folder)
    with opened(data) as (database, _):
        require_environment(database.read(), environment)
        now = open_clock(database, load_settings(data=data).clock_rate).now()
        try:
            with database.transaction() as tx:
                report = store_project(
                    tx, project, environment, commit=commit, author="command line",
                    message=message or f"Import of {folder.resolve().name}", now=now,
                    ids=RandomIds(),
                )  # fmt: skip
        except DefinitionError as error:
            print_lines([*(sentence(problem) for problem in error.problems), *warnings(project)])
            count = counted(len(error.problems), "problem")
            raise Failed(f"Nothing was imported: {count}, listed above.") from None
        print_lines(import_warnings(database.read(), project, environment))
    out.print(f"Imported into {environment}: {describe(report)}.")
    if not commit and (report.created or report.updated):
        out.print("These are drafts: import with --commit to let triggers use them.")


def export_folder(
    folder: FolderArgument, environment: EnvironmentOption = "development", data: DataOption = None
) -> None:
    """Write an environment's workflows as a project folder; other files are left alone.

    Example: `tocsin export ./notifications --environment development`
    """
    from engine.authoring.transfer import export_project
    from engine.workflow.project import write_project

    with opened(data) as (database, _):
        require_environment(database.read(), environment)
        project = export_project(database.read(), environment)
    folder.mkdir(parents=True, exist_ok=True)
    written = write_project(project, folder)
    workflows = counted(len(project.workflows), "workflow")
    out.print(f"Wrote {counted(len(written), 'file')} with {workflows} to {folder}.")


def validate(folder: FolderArgument) -> None:
    """Check a project folder; needs neither a server nor a data folder.

    Fields of an unknown name are warnings: they are ignored, and likely misspelt.
    Whether the channels exist is for `tocsin import` to tell.

    Example: `tocsin validate ./notifications`
    """
    from app.imports import channel_keys, load_project, sentence, warnings
    from engine.workflow.validate import project_problems

    project = load_project(folder)
    problems, doubts = project_problems(project), warnings(project)
    print_lines([*(sentence(problem) for problem in problems), *doubts])
    if problems:
        raise Failed(f"{folder} has {counted(len(problems), 'problem')}, listed above.")
    keys = ", ".join(channel_keys(project))
    sends = f", sending through {keys}" if keys else ""
    found = f" {counted(len(doubts), 'warning').capitalize()}, listed above." if doubts else ""
    out.print(f"{folder} is sound: {counted(len(project.workflows), 'workflow')}{sends}.{found}")


def require_environment(sql: Sql, environment: str) -> None:
    """Refuse an environment that does not exist."""
    if get_environment(sql, environment) is None:
        known = ", ".join(e.key for e in list_environments(sql))
        raise Failed(f"There is no environment {environment}; there are {known}.")


def counted(number: int, thing: str) -> str:
    """Say how many there are: `1 problem`, `2 problems`."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def print_lines(lines: Sequence[str]) -> None:
    """Print problems or warnings on standard error, one a line."""
    for line in lines:
        typer.echo(line, err=True)
