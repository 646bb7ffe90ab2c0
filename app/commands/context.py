"""What commands share: output, options, and ways to a data folder or a server."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from app.commands.client import Client
from app.commands.options import DataOption as DataOption
from app.commands.options import Failed as Failed
from app.folder import DataFolder, holder_of, read_state
from app.local_keys import read_local_keys
from app.settings import load_settings
from storage.db import Database
from storage.errors import StorageError

# In a pipe nothing is cut to the width of a terminal.
out = Console(highlight=False, soft_wrap=True, width=None if sys.stdout.isatty() else 240)

EnvironmentOption = Annotated[str, typer.Option("--environment", "-e", help="Environment key")]
UrlOption = Annotated[
    str | None,
    typer.Option("--url", help="Address of a server; else TOCSIN_URL, else this machine's"),
]
TokenOption = Annotated[
    str | None, typer.Option("--token", help="Secret key for --url; else TOCSIN_KEY")
]


def local_folder(data: Path | None) -> DataFolder:
    """Give the data folder that options and settings name."""
    return DataFolder(load_settings(data=data).data)


@contextmanager
def opened(data: Path | None) -> Iterator[tuple[Database, DataFolder]]:
    """Open a data folder that exists and has this release's schema."""
    from storage.migrations import pending

    folder = local_folder(data)
    folder.require()
    lacking = pending(folder.database)
    if lacking:
        raise StorageError(
            f"The data folder {folder.path} was written by an older Tocsin; run `tocsin migrate`."
        )
    database = Database(folder.database)
    try:
        yield database, folder
    finally:
        database.close()


def client_for(data: Path | None, environment: str, url: str | None, token: str | None) -> Client:
    """Reach a server: the one named, else the one that serves the data folder.

    Raises:
        Failed: no server is named and none serves the folder.
    """
    url, token = url or os.environ.get("TOCSIN_URL"), token or os.environ.get("TOCSIN_KEY")
    if url:
        if not token:
            raise Failed("A server's address needs a secret key: add --token or set TOCSIN_KEY.")
        return Client(url.rstrip("/"), token)
    folder = local_folder(data)
    if holder_of(folder) is None:
        raise Failed(
            f"No server runs on {folder.path}: start one with `tocsin serve --data {folder.path}`, "
            "or name one with --url."
        )
    key = token or read_local_keys(folder).get(environment)
    if key is None:
        raise Failed(f"There is no environment {environment}; `tocsin keys` lists those there are.")
    address = read_state(folder).get("local_url")
    if not isinstance(address, str):
        raise Failed("The server is still starting: try again in a moment.")
    return Client(address, key)
