"""`backup`, `restore`, `doctor` and `settings`: look after an installation."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from app.commands.context import DataOption, Failed, local_folder, opened, out
from app.folder import FolderLock
from app.settings import load_settings, masked, unknown_variables
from engine.timing.clock import SystemClock
from storage.backup import list_backups, prune_backups, restore_backup, take_backup
from storage.environments import set_sending_paused


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(backup)
    app.command()(restore)
    app.command()(doctor)
    app.command("settings")(show_settings)


def backup(
    data: DataOption = None,
    to: Annotated[Path | None, typer.Option(help="Folder for it [DATA/backups]")] = None,
    keep: Annotated[int | None, typer.Option(min=1, help="Newest backups to keep")] = None,
) -> None:
    """Copy the data file, running or not, and verify the copy.

    The master key is not part of a backup: keep a copy of it elsewhere.

    Example: `tocsin backup --data ./data --keep 14`
    """
    folder = local_folder(data)
    folder.require()
    target = to or folder.backups
    made = take_backup(folder.database, target, _now())
    out.print(f"{made.path}  {made.size:,} bytes, verified")
    out.print(f"It opens only with the master key, which is not in it: {_key_place(data)}")
    if keep is not None:
        for path in prune_backups(target, keep):
            out.print(f"deleted {path}")


def _now() -> datetime:
    return SystemClock().now()


def _key_place(data: Path | None) -> str:
    settings = load_settings(data=data)
    return "TOCSIN_SECRET" if settings.secret else str(settings.data / "master.key")


def restore(
    backup: Annotated[Path | None, typer.Argument(help="A backup; else they are listed")] = None,
    data: DataOption = None,
    force: Annotated[
        bool, typer.Option("--force", help="Move an existing data file aside")
    ] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let paused sending go on")] = False,
) -> None:
    """Put a backup into a stopped data folder; sending stays paused until `--resume`.

    Example: `tocsin restore data/backups/tocsin-20260603T120000Z.db --force`
    """
    if resume:
        with opened(data) as (database, _):
            database.write(lambda tx: set_sending_paused(tx, False))
        out.print("Sending goes on.")
        return
    folder = local_folder(data)
    if backup is None:
        _list(folder.backups)
        return
    if not backup.is_file():
        raise Failed(f"{backup} is not a file; `tocsin restore` lists the backups.")
    folder.create()
    lock = FolderLock(folder)
    try:
        done = restore_backup(backup, folder.path, _now(), force=force)
    finally:
        lock.release()
    if done.replaced:
        out.print(f"The data file that was there: {done.replaced}")
    out.print(f"Restored {done.backup}. Sending is paused.")
    out.print(
        f"What was under way then may happen a second time: {done.unsent_messages} messages on "
        f"their way out, {done.unfinished_runs} runs, {done.pending_timers} timers."
    )
    resume_command = f"tocsin restore --resume --data {folder.path}"
    out.print(f"Start the server, look, then let sending go on with `{resume_command}`.")


def _list(folder: Path) -> None:
    table = Table("taken", "bytes", "file", box=None, pad_edge=False)
    for found in list_backups(folder):
        table.add_row(f"{found.taken_at:%Y-%m-%d %H:%M:%S}", f"{found.size:,}", str(found.path))
    out.print(table)


def doctor(data: DataOption = None) -> None:
    """Examine a data folder, running or not; exits 1 if something is wrong.

    Example: `tocsin doctor --data ./data`
    """
    from app.doctor import examine

    settings = load_settings(data=data)
    findings = examine(settings, local_folder(data))
    for finding in findings:
        out.print(
            f"{'[green]ok[/]   ' if finding.is_well else '[red]wrong[/]'}  {finding.sentence}"
        )
    if not all(finding.is_well for finding in findings):
        raise Failed("Something is wrong with this data folder; the lines above say what to do.")


def show_settings(data: DataOption = None) -> None:
    """Print every setting with its value; secrets show only that they are set.

    Example: `TOCSIN_CONFIG=tocsin.toml tocsin settings`
    """
    for name in unknown_variables(os.environ):
        typer.echo(f"{name} is no setting and is ignored.", err=True)
    table = Table("variable", "value", "meaning", box=None, pad_edge=False)
    for row in masked(load_settings(data=data)):
        table.add_row(*row)
    out.print(table)
