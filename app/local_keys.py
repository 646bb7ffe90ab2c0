"""Keys that the command line uses on its own machine: one per environment, in a private file.

Whoever can read the file can read the data folder, and so needs no key.
"""

from __future__ import annotations

from datetime import datetime

import orjson

from app.folder import DataFolder
from storage.api_keys import KeyKind, create, lookup
from storage.db import Database
from storage.environments import list_environments
from storage.secrets import write_private

NAME = "command line"


def ensure_local_keys(database: Database, folder: DataFolder, now: datetime) -> dict[str, str]:
    """Give a live secret key for each environment, making what is missing."""
    keys = read_local_keys(folder)
    with database.transaction() as tx:
        wanted = [environment.key for environment in list_environments(tx)]
        fresh = {
            key: create(tx, environment=key, kind=KeyKind.SECRET, name=NAME, now=now)
            for key in wanted
            if key not in keys or lookup(tx, keys[key].encode()) is None
        }
    if fresh:
        keys |= fresh
        write_private(folder.local_keys, orjson.dumps(keys).decode())
    return keys


def read_local_keys(folder: DataFolder) -> dict[str, str]:
    """Give the stored keys by environment; empty if there are none."""
    try:
        found: dict[str, str] = orjson.loads(folder.local_keys.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return found
