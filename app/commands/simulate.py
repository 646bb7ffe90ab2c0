"""`simulate`: play scenarios on a virtual clock."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import structlog
import typer

if TYPE_CHECKING:
    from storage.records import JsonObject

DIFFERS = 1
WRONG = 2


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(simulate)


def simulate(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE_OR_FOLDER...", help="Scenarios; a folder stands for all JSON files in it"
        ),
    ],
    workflows: Annotated[
        Path | None, typer.Option(help="Project folder with workflows that they may name")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print results as JSON: an array if there are several")
    ] = False,
    until: Annotated[
        str | None, typer.Option(help="Where to end instead, for example +30d")
    ] = None,
    junit: Annotated[Path | None, typer.Option(help="Write a JUnit report here too")] = None,
) -> None:
    """Play scenarios on a virtual clock; needs neither a server nor a data folder.

    Sends nothing and opens no connection. Ends with 0 if all expectations hold,
    with 1 if one does not, and with 2 if a file is wrong.

    Example: `tocsin simulate scenarios --workflows ./notifications --junit report.xml`
    """
    from engine.simulate.junit import as_junit

    files = scenario_files(paths)
    outcomes: list[tuple[str, JsonObject | str]] = []
    for file in files:
        with _logs_beside():
            text, outcome = _play(file, workflows, until)
        outcomes.append((file.as_posix(), outcome))
        if isinstance(outcome, str):
            typer.echo(outcome, err=True)
        elif not json:
            typer.echo(text)
    results = [o for _, o in outcomes if isinstance(o, dict)]
    wrong, failed = len(files) - len(results), sum(not result["ok"] for result in results)
    if json:
        is_single = len(files) == 1 and paths[0].is_file()
        _print_json(results if not is_single else results[0] if results else None)
    elif len(files) > 1:
        typer.echo(
            f"{len(files)} scenarios: {len(results) - failed} ok, {failed} failed, ", nl=False
        )
        typer.echo(f"{wrong} wrong")
    if junit is not None:
        junit.write_text(as_junit(outcomes), encoding="utf-8")
    if wrong or failed:
        raise typer.Exit(WRONG if wrong else DIFFERS)


def scenario_files(paths: list[Path]) -> list[Path]:
    """List the files, those of folders in order of their paths.

    Raises:
        typer.BadParameter: a path is not there, or a folder holds no scenario.
    """
    files: list[Path] = []
    for path in paths:
        if path.is_dir():
            found = sorted(file for file in path.rglob("*.json") if file.is_file())
            if not found:
                raise typer.BadParameter(f"{path} holds no scenario: expected files NAME.json")
            files += found
        elif path.exists():
            files.append(path)
        else:
            raise typer.BadParameter(f"{path} is neither a file nor a folder")
    return files


def _play(file: Path, workflows: Path | None, until: str | None) -> tuple[str, JsonObject | str]:
    from engine.simulate import ScenarioError, read_scenario, simulate
    from engine.simulate.text import as_text

    try:
        result = simulate(file, workflows=workflows, until=until)
        return as_text(read_scenario(file), result), result
    except ScenarioError as error:
        return "", error.message


@contextmanager
def _logs_beside() -> Iterator[None]:
    """Send the engine's log to standard error: standard output is the report's alone."""
    before = structlog.get_config()
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    try:
        yield
    finally:
        structlog.configure(**before)


def _print_json(document: Any) -> None:
    if document is not None:
        typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
