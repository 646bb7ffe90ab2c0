"""`serve`, `demo` and `migrate`: what runs on a data folder."""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from app.commands.options import DataOption, Failed
from app.folder import DataFolder, FolderLock, fresh_folder, write_state
from app.prepared import Prepared
from app.settings import Settings, load_settings, unknown_variables
from app.supervisor import Hopeless, Supervisor, local_url
from storage.errors import StorageError

# What serves and what prepares a folder is imported by the processes that do it.
Role = Literal["all", "web", "executor"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(serve)
    app.command()(demo)
    app.command()(migrate)


def serve(
    data: DataOption = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on [127.0.0.1]")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on [8000]; 0: any")] = None,
    single_process: Annotated[
        bool | None, typer.Option("--single-process", help="One process, for tiny machines")
    ] = None,
    bootstrap: Annotated[Path | None, typer.Option(help="Bootstrap file")] = None,
    no_migrate: Annotated[
        bool, typer.Option("--no-migrate", help="Refuse an older schema instead of migrating it")
    ] = False,
    role: Annotated[Role, typer.Option(hidden=True)] = "all",
) -> None:
    """Serve a data folder until SIGTERM; prints `ready http://HOST:PORT` when work is moving.

    Example: `tocsin serve --data ./data --port 8000`
    """
    settings = load_settings(
        data=data, host=host, port=port, single_process=single_process, bootstrap=bootstrap
    )
    run_server(settings, may_migrate=not no_migrate, role=role, on_ready=announce)


def announce(settings: Settings, prepared: Prepared) -> None:
    """Print what a start found out, and the ready line."""
    for note in prepared.notes:
        typer.echo(note)
    if prepared.setup_token:
        link = f"{settings.public_url}/setup/{prepared.setup_token}"
        typer.echo(f"Create the owner's account (once): {link}")
    typer.echo(f"ready {settings.public_url}")
    sys.stdout.flush()


def run_server(
    settings: Settings,
    *,
    may_migrate: bool = True,
    role: Role = "all",
    on_ready: Callable[[Settings, Prepared], None],
    is_demo: bool = False,
) -> None:
    """Hold the folder, prepare it and serve it; returns after draining.

    A start that fails takes back what it made.
    """
    for name in unknown_variables(os.environ):
        typer.echo(f"{name} is no setting and was ignored; `tocsin settings` lists all.", err=True)
    folder = DataFolder(settings.data)
    with fresh_folder(folder) as keep, ExitStack() as held:
        lock = FolderLock(folder, role=None if role == "all" else role)
        held.callback(lock.release)
        listener = None
        if role != "executor":
            listener = held.enter_context(listen(settings))
            settings = settings.model_copy(update={"port": listener.getsockname()[1]})

        def announce_ready(prepared: Prepared) -> None:
            keep()
            on_ready(settings, prepared)

        if role == "all" and not settings.single_process and listener is not None:
            supervisor = Supervisor(
                settings, folder, lock, listener, may_migrate=may_migrate, is_demo=is_demo
            )
            try:
                asyncio.run(supervisor.run(announce_ready))
            except Hopeless as error:
                raise Failed(
                    f"The {error} process cannot run; its log line above says why."
                ) from None
        else:
            from app.logging import set_up_logging

            set_up_logging(settings, "supervisor")
            prepared = Prepared()
            if role != "executor":
                from app.start import make_ready_and_seed

                prepared = make_ready_and_seed(settings, may_migrate=may_migrate, is_demo=is_demo)
            _run_here(role, settings, folder, listener, lambda: announce_ready(prepared))


def _run_here(
    role: Role,
    settings: Settings,
    folder: DataFolder,
    listener: socket.socket | None,
    on_ready: Callable[[], None],
) -> None:
    """Run one role, or both, in this process."""
    from app.child import run_loop

    def ready() -> None:
        if listener is not None:
            write_state(
                folder, state="serving", url=settings.public_url, local_url=local_url(listener),
                pid=os.getpid(), web="running", executor="running",
            )  # fmt: skip
        on_ready()

    if role == "executor":
        folder.require()
    run_loop(role, settings, folder, listener, ready, has_supervisor=False)


def listen(settings: Settings) -> socket.socket:
    """Bind the port before anything is written, so that a taken one is a clear refusal."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"Cannot listen on {settings.host} port {settings.port}: {error.strerror}. "
            "Choose another with --port or --host."
        ) from None
    listener.setblocking(False)
    return listener


def demo(
    data: Annotated[Path, typer.Option(help="Folder to seed and serve")] = Path("demo-data"),
    port: Annotated[int, typer.Option(help="Port to listen on; 0: any")] = 8000,
) -> None:
    """Serve a folder with sample workflows, people and an inbox that catches everything.

    Running it again keeps what is there.

    Example: `tocsin demo --port 8000`
    """
    from app.demo_words import show

    run_server(load_settings(data=data, port=port), is_demo=True, on_ready=show)


def migrate(data: DataOption = None) -> None:
    """Bring a stopped data folder to this release's schema, after a backup.

    Example: `tocsin migrate --data ./data`
    """
    from app.start import bring_up_to_date

    folder = DataFolder(load_settings(data=data).data)
    folder.require()
    lock = FolderLock(folder)
    try:
        done = bring_up_to_date(folder)
    finally:
        lock.release()
    if not done.applied:
        typer.echo("The data folder is up to date.")
        return
    typer.echo(f"Applied {', '.join(done.applied)}.")
    if done.backup:
        typer.echo(f"The folder as it was before: {done.backup}")
