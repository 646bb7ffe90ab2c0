"""Keep workflows: one draft, numbered versions and a status, per environment.

Also keeps the files of an imported project byte by byte, so that an export
writes back what was read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from storage.records import Instant, JsonObject, WorkflowStatus, WorkflowVersion
from storage.sql import Sql, dumps, from_micros, loads, maybe_instant, to_micros


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkflowRecord:
    """A workflow in one environment: its draft, and which version is current.

    `version` is None until the first commit; `committed_hash` is the hash of
    the current version, so a draft with another hash has uncommitted changes.
    """

    environment: str
    key: str
    status: WorkflowStatus
    version: int | None
    draft: JsonObject | None
    draft_hash: str | None
    draft_updated_at: Instant | None
    committed_hash: str | None
    inserted_at: Instant
    updated_at: Instant

    @property
    def has_changes(self) -> bool:
        """Tell whether the draft differs from the current version."""
        return self.draft is not None and self.draft_hash != self.committed_hash


@dataclass(frozen=True, slots=True, kw_only=True)
class CurrentVersion:
    """Which version triggers use, without its definition (the hot path's read)."""

    number: int
    id: str
    status: WorkflowStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionSummary:
    """One commit as a version list shows it."""

    number: int
    id: str
    content_hash: str
    author: str
    message: str
    inserted_at: Instant


# ------------------------------------------------------------------ workflows

_RECORD: Final = """
SELECT w.environment, w.key, w.status, w.version, w.draft, w.draft_hash, w.draft_updated_at,
  v.content_hash, w.inserted_at, w.updated_at
FROM workflows w LEFT JOIN workflow_versions v
  ON v.environment = w.environment AND v.key = w.key AND v.number = w.version
"""


def get_workflow(sql: Sql, environment: str, key: str) -> WorkflowRecord | None:
    """Return a workflow with its draft, archived ones too; None if it never existed."""
    row = sql.row(_RECORD + "WHERE w.environment = ? AND w.key = ?", (environment, key))
    return None if row is None else _record(row)


def list_workflows(
    sql: Sql, environment: str, *, with_archived: bool = False
) -> list[WorkflowRecord]:
    """Return an environment's workflows by key."""
    clause = "WHERE w.environment = ?" + ("" if with_archived else " AND w.status <> 'archived'")
    return [_record(row) for row in sql.rows(f"{_RECORD}{clause} ORDER BY w.key", (environment,))]


def save_draft(
    tx: Sql,
    environment: str,
    key: str,
    draft: JsonObject,
    content_hash: str,
    *,
    now: Instant,
    new_status: WorkflowStatus = WorkflowStatus.ACTIVE,
) -> None:
    """Store the draft; a workflow that is new here starts with `new_status`."""
    at = to_micros(now)
    tx.run(
        "INSERT INTO workflows (environment, key, status, draft, draft_hash, draft_updated_at,"
        " inserted_at, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
        " ON CONFLICT (environment, key) DO UPDATE SET draft = excluded.draft,"
        " draft_hash = excluded.draft_hash, draft_updated_at = excluded.draft_updated_at,"
        " updated_at = excluded.updated_at",
        (environment, key, new_status, dumps(draft), content_hash, at, at, at),
    )


def set_status(tx: Sql, environment: str, key: str, status: WorkflowStatus) -> bool:
    """Set the status in one environment, at once; False if nothing was changed.

    An archived workflow stays archived.
    """
    return bool(
        tx.run(
            "UPDATE workflows SET status = ? WHERE environment = ? AND key = ?"
            " AND status NOT IN ('archived', ?)",
            (status, environment, key, status),
        )
    )


def archive(tx: Sql, key: str, *, now: Instant) -> int:
    """Archive a workflow in every environment, for good; return in how many it was."""
    return tx.run(
        "UPDATE workflows SET status = 'archived', updated_at = ?"
        " WHERE key = ? AND status <> 'archived'",
        (to_micros(now), key),
    )


def archived_keys(sql: Sql, keys: Iterable[str]) -> set[str]:
    """Tell which of these keys are archived, in whatever environment."""
    wanted = dumps(list(keys))
    rows = sql.rows(
        "SELECT DISTINCT key FROM workflows WHERE status = 'archived'"
        " AND key IN (SELECT value FROM json_each(?))",
        (wanted,),
    )
    return {key for (key,) in rows}


# ------------------------------------------------------------------ versions

_VERSION: Final = """
SELECT v.id, v.environment, v.key, v.number, v.definition, v.content_hash, w.status, v.author,
  v.message, v.inserted_at
FROM workflow_versions v JOIN workflows w ON w.environment = v.environment AND w.key = v.key
"""


def add_version(tx: Sql, version: WorkflowVersion) -> None:
    """Store a commit and make it the current version."""
    tx.run(
        "INSERT INTO workflow_versions (environment, key, number, id, definition, content_hash,"
        " author, message, inserted_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            version.environment,
            version.key,
            version.number,
            version.id,
            dumps(version.definition),
            version.content_hash,
            version.author,
            version.message,
            to_micros(version.inserted_at),
        ),
    )
    tx.run(
        "UPDATE workflows SET version = ?, updated_at = ? WHERE environment = ? AND key = ?",
        (version.number, to_micros(version.inserted_at), version.environment, version.key),
    )


def current_version(sql: Sql, environment: str, key: str) -> WorkflowVersion | None:
    """Return the version that new triggers use; None while nothing is committed.

    `status` tells inactive and archived workflows apart; they are returned too.
    """
    row = sql.row(
        _VERSION + "WHERE w.environment = ? AND w.key = ? AND v.number = w.version",
        (environment, key),
    )
    return None if row is None else _version(row)


def current_number(sql: Sql, environment: str, key: str) -> CurrentVersion | None:
    """Return which version is current without reading its definition."""
    row = sql.row(
        "SELECT v.number, v.id, w.status FROM workflows w JOIN workflow_versions v"
        " ON v.environment = w.environment AND v.key = w.key AND v.number = w.version"
        " WHERE w.environment = ? AND w.key = ?",
        (environment, key),
    )
    if row is None:
        return None
    return CurrentVersion(number=row[0], id=row[1], status=WorkflowStatus(row[2]))


def get_version(sql: Sql, environment: str, key: str, number: int) -> WorkflowVersion | None:
    """Return one committed version, current or not."""
    row = sql.row(
        _VERSION + "WHERE v.environment = ? AND v.key = ? AND v.number = ?",
        (environment, key, number),
    )
    return None if row is None else _version(row)


def version_by_id(sql: Sql, version_id: str) -> WorkflowVersion | None:
    """Return the version that a trigger or message names by id."""
    row = sql.row(_VERSION + "WHERE v.id = ?", (version_id,))
    return None if row is None else _version(row)


def versions(sql: Sql, environment: str, key: str) -> list[int]:
    """List the committed version numbers, newest first."""
    rows = sql.rows(
        "SELECT number FROM workflow_versions WHERE environment = ? AND key = ?"
        " ORDER BY number DESC",
        (environment, key),
    )
    return [number for (number,) in rows]


def version_summaries(sql: Sql, environment: str, key: str) -> list[VersionSummary]:
    """List the commits of a workflow, newest first, without their definitions."""
    rows = sql.rows(
        "SELECT number, id, content_hash, author, message, inserted_at FROM workflow_versions"
        " WHERE environment = ? AND key = ? ORDER BY number DESC",
        (environment, key),
    )
    return [
        VersionSummary(
            number=number,
            id=id_,
            content_hash=content_hash,
            author=author,
            message=message,
            inserted_at=from_micros(at),
        )
        for number, id_, content_hash, author, message, at in rows
    ]


# ------------------------------------------------------------------ other resources, files


def save_resource(
    tx: Sql,
    environment: str,
    type_: str,
    key: str,
    content: JsonObject,
    content_hash: str,
    *,
    now: Instant,
) -> None:
    """Store a layout, partial, translation … as the project's files give it."""
    tx.run(
        "INSERT OR REPLACE INTO resources (environment, type, key, content, content_hash,"
        " updated_at) VALUES (?, ?, ?, ?, ?, ?)",
        (environment, type_, key, dumps(content), content_hash, to_micros(now)),
    )


def get_resource(sql: Sql, environment: str, type_: str, key: str) -> JsonObject | None:
    """Return the content of one resource; None if it was never imported."""
    content = sql.value(
        "SELECT content FROM resources WHERE environment = ? AND type = ? AND key = ?",
        (environment, type_, key),
    )
    return None if content is None else _json_object(content)


def list_resources(sql: Sql, environment: str, type_: str) -> dict[str, JsonObject]:
    """Return every resource of a type by key."""
    rows = sql.rows(
        "SELECT key, content FROM resources WHERE environment = ? AND type = ? ORDER BY key",
        (environment, type_),
    )
    return {key: _json_object(content) for key, content in rows}


def replace_files(
    tx: Sql, environment: str, folder: str, key: str, files: Mapping[str, bytes]
) -> None:
    """Keep the bytes of one resource's files, and of no others."""
    tx.run(
        "DELETE FROM project_files WHERE environment = ? AND folder = ? AND key = ?",
        (environment, folder, key),
    )
    tx.many(
        "INSERT INTO project_files (environment, folder, key, path, content)"
        " VALUES (?, ?, ?, ?, ?)",
        [(environment, folder, key, path, content) for path, content in files.items()],
    )


def project_files(sql: Sql, environment: str) -> dict[tuple[str, str], dict[str, bytes]]:
    """Return the kept files of an environment by folder and resource key."""
    found: dict[tuple[str, str], dict[str, bytes]] = {}
    rows = sql.rows(
        "SELECT folder, key, path, content FROM project_files WHERE environment = ?"
        " ORDER BY folder, key, path",
        (environment,),
    )
    for folder, key, path, content in rows:
        found.setdefault((folder, key), {})[path] = content
    return found


# ------------------------------------------------------------------ rows


def _json_object(text: str) -> JsonObject:
    found: JsonObject = loads(text)
    return found


def _record(row: tuple[Any, ...]) -> WorkflowRecord:
    environment, key, status, version, draft, draft_hash, draft_at, committed, new, updated = row
    return WorkflowRecord(
        environment=environment,
        key=key,
        status=WorkflowStatus(status),
        version=version,
        draft=None if draft is None else _json_object(draft),
        draft_hash=draft_hash,
        draft_updated_at=maybe_instant(draft_at),
        committed_hash=committed,
        inserted_at=from_micros(new),
        updated_at=from_micros(updated),
    )


def _version(row: tuple[Any, ...]) -> WorkflowVersion:
    id_, environment, key, number, definition, content_hash, status, author, message, at = row
    return WorkflowVersion(
        id=id_,
        environment=environment,
        key=key,
        number=number,
        definition=_json_object(definition),
        content_hash=content_hash,
        status=WorkflowStatus(status),
        author=author,
        message=message,
        inserted_at=from_micros(at),
    )
