"""Read project folders into an environment, when their content changed."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from app.declaration import BootstrapError
from storage.db import Database
from storage.environments import imported_content, note_import
from storage.ids import Ids


def import_changed(
    database: Database, folders: Sequence[Path], environment: str, now: datetime, ids: Ids
) -> list[str]:
    """Import and commit each folder whose content differs from the last time."""
    from engine.authoring import import_project, read_project

    notes = []
    for folder in folders:
        if not folder.is_dir():
            raise BootstrapError(f"The bootstrap file imports {folder}, which is not a folder.")
        name, content = str(folder.resolve()), content_of(folder)
        if imported_content(database.read(), name, environment) == content:
            continue
        project = read_project(folder)
        with database.transaction() as tx:
            import_project(
                tx, project, environment, commit=True, author="bootstrap",
                message=f"Import of {folder.name}", now=now, ids=ids,
            )  # fmt: skip
            note_import(tx, name, environment, content, now)
        notes.append(f"Imported and committed {folder} into {environment}.")
    return notes


def content_of(folder: Path) -> str:
    """Hash every file of a folder, names included."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
