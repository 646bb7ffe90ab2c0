"""Numbered migrations, applied in order, forward only, each in a transaction."""

from __future__ import annotations

import importlib
import pkgutil
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import apsw

from storage.errors import SchemaTooNew
from storage.faults import crash_point

if TYPE_CHECKING:
    from types import ModuleType

    from sqlite_utils import Database, Migrations

_NAME: Final = re.compile(r"^m\d{4}_[a-z0-9_]+$")


def _modules() -> list[ModuleType]:
    names = sorted(m.name for m in pkgutil.iter_modules(__path__) if _NAME.match(m.name))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]


def migration_set() -> Migrations:
    """Collect the numbered modules as one sqlite-utils migration set."""
    from sqlite_utils import Migrations

    migrations = Migrations("tocsin")
    for module in _modules():
        migrations(name=module.__name__.rsplit(".", 1)[-1])(_with_crash_point(module.apply))
    return migrations


def _with_crash_point(apply: Callable[[Database], None]) -> Callable[[Database], None]:
    def apply_and_pass(db: Database) -> None:
        apply(db)
        crash_point("in_migration")

    return apply_and_pass


def pending(path: Path) -> list[str]:
    """Name the migrations that the file at `path` still lacks.

    Raises:
        SchemaTooNew: the file has migrations that this release does not know.
    """
    known = [m for m in sorted(m.name for m in pkgutil.iter_modules(__path__)) if _NAME.match(m)]
    applied = _applied(path)
    unknown = [name for name in applied if name not in known]
    if unknown:
        raise SchemaTooNew(
            f"The data folder was written by a newer Tocsin (it has {unknown[-1]}). "
            "Start the release that wrote it, or restore an older backup."
        )
    return [name for name in known if name not in applied]


def _applied(path: Path) -> list[str]:
    """Read what sqlite-utils noted; it is not loaded where there is nothing to apply."""
    if not path.exists():
        return []
    db = apsw.Connection(str(path))
    try:
        names = db.execute(
            "SELECT name FROM _sqlite_migrations WHERE migration_set = 'tocsin' ORDER BY id"
        )
        return [str(name) for (name,) in names]
    except apsw.SQLError:  # no migration ran yet: the table is the first one's
        return []
    finally:
        db.close()


def is_blank(path: Path) -> bool:
    """Tell whether the file holds nothing: it is missing, or its first migration was cut short."""
    if not path.exists() or path.stat().st_size == 0:
        return True
    db = apsw.Connection(str(path))
    try:
        found = db.execute("SELECT 1 FROM sqlite_schema WHERE name NOT LIKE '%sqlite_%' LIMIT 1")
        return found.fetchone() is None
    finally:
        db.close()


def migrate(path: Path) -> list[str]:
    """Apply what is pending to the file at `path` and return the names applied."""
    from sqlite_utils import Database

    names = pending(path)
    if not names:
        return []
    db = Database(str(path))
    try:
        # Only a file without tables takes it; without it no page is ever given back.
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")
        db.execute("PRAGMA journal_mode = WAL")
        db.execute("PRAGMA synchronous = FULL")
        migration_set().apply(db)
    finally:
        db.close()
    return names
