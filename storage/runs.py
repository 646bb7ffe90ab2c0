"""Store recipient runs: insert, claim with a lease, fence and write back."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from storage.records import JsonObject, RecipientRef, Run, RunPhase, RunStatus
from storage.sql import (
    Sql,
    dumps,
    from_micros,
    loads,
    marks,
    maybe_instant,
    maybe_micros,
    to_micros,
)

COLUMNS: Final = (
    "id, environment, trigger_id, workflow, version, collection, recipient, tenant, status, phase,"
    " cursor, resume, state, attempt, error_count, wake_at, priority, lease_epoch, row_version,"
    " inserted_at, updated_at"
)
_QUALIFIED: Final = ", ".join(f"runs.{name.strip()}" for name in COLUMNS.split(","))
_UPDATE: Final = (
    "UPDATE runs SET version = ?, status = ?, phase = ?, cursor = ?, resume = ?, state = ?,"
    " attempt = ?, error_count = ?, wake_at = ?, ready_at = ?, lease_until = NULL,"
    " row_version = row_version + 1, strikes = 0, updated_at = ? WHERE id = ?"
)


class RunChange(NamedTuple):
    """What a pass makes of a run's row; fenced by the row version it was claimed at."""

    run: Run
    status: RunStatus
    phase: RunPhase
    cursor: str | None
    resume: JsonObject | None
    state: JsonObject
    attempt: int
    error_count: int
    wake_at: datetime | None = None
    version: int | None = None


def run_from_row(row: Sequence[Any]) -> Run:
    """Build the record from a row of `COLUMNS`."""
    return Run(
        id=row[0],
        environment=row[1],
        trigger_id=row[2],
        workflow=row[3],
        version=row[4],
        recipient=RecipientRef(row[5], row[6]),
        tenant=row[7],
        status=RunStatus(row[8]),
        phase=RunPhase(row[9]),
        cursor=row[10],
        resume=loads(row[11]) if row[11] is not None else None,
        state=loads(row[12]),
        attempt=row[13],
        error_count=row[14],
        wake_at=maybe_instant(row[15]),
        priority=row[16],
        lease_epoch=row[17],
        row_version=row[18],
        inserted_at=from_micros(row[19]),
        updated_at=from_micros(row[20]),
    )


def get_run(sql: Sql, environment: str, run_id: str) -> Run | None:
    """Return one run of an environment."""
    row = sql.row(
        f"SELECT {COLUMNS} FROM runs WHERE environment = ? AND id = ?", (environment, run_id)
    )
    return None if row is None else run_from_row(row)


def partition_of(environment: str, recipient: RecipientRef) -> int:
    """Place a recipient in one of 256 partitions (the key for scaling out)."""
    return zlib.crc32(f"{environment}/{recipient.collection}/{recipient.id}".encode()) & 255


class RunVerbs(Sql):
    """Insert, claim, fence and update runs."""

    def insert_runs(self, runs: Iterable[Run]) -> None:
        """Store new runs that are ready; one that exists already is left alone (R-2)."""
        self.many(
            f"INSERT OR IGNORE INTO runs ({COLUMNS}, partition, ready_at, lease_until)"
            f" VALUES ({marks(24)})",
            [
                (
                    r.id, r.environment, r.trigger_id, r.workflow, r.version, r.recipient[0],
                    r.recipient[1], r.tenant, r.status.value, r.phase.value, r.cursor, None,
                    dumps(r.state), 0, 0, None, r.priority, 0, 0, to_micros(r.inserted_at),
                    to_micros(r.updated_at), partition_of(r.environment, r.recipient),
                    to_micros(r.inserted_at) if r.phase is RunPhase.READY else None, None,
                )
                for r in runs
            ],
        )  # fmt: skip

    def claim_suspect(self, now: datetime, lease: timedelta, epoch: int) -> tuple[Run, int] | None:
        """Lease one run that was in hand when something broke, and tell how often that was.

        It is executed alone, so that next time the guilty one is known (R-29).
        """
        row = self.row(
            f"SELECT {COLUMNS}, strikes FROM runs WHERE phase = 'ready' AND strikes > 0"
            " ORDER BY ready_at, rowid LIMIT 1"
        )
        if row is None:
            return None
        return self._lease([run_from_row(row)], now + lease, epoch)[0], int(row[-1])

    def _lease(self, found: Sequence[Run], until: datetime, epoch: int) -> list[Run]:
        self.many(
            "UPDATE runs SET phase = 'leased', status = 'processing', lease_epoch = ?,"
            " lease_until = ?, row_version = row_version + 1 WHERE id = ?",
            [(epoch, to_micros(until), run.id) for run in found],
        )
        return [
            run._replace(phase=RunPhase.LEASED, lease_epoch=epoch, row_version=run.row_version + 1)
            for run in found
        ]

    def fenced(self, runs: Sequence[Run]) -> set[str]:
        """Return the ids whose row is still exactly as this worker claimed it (R-6)."""
        kept: set[str] = set()
        for start in range(0, len(runs), 500):
            part = {run.id: run for run in runs[start : start + 500]}
            for id_, version, epoch in self.rows(
                f"SELECT id, row_version, lease_epoch FROM runs WHERE id IN ({marks(len(part))})",
                list(part),
            ):
                run = part[id_]
                if run.row_version == version and run.lease_epoch == epoch:
                    kept.add(id_)
        return kept

    def update_runs(self, changes: Sequence[RunChange], now: datetime) -> None:
        """Write back what the passes decided; the caller has fenced the runs.

        Those that are ready are claimed in the order given: a microsecond lies
        between one and the next.
        """
        at = to_micros(now)
        self.many(
            _UPDATE,
            [
                (
                    c.version if c.version is not None else c.run.version, c.status.value,
                    c.phase.value, c.cursor, dumps(c.resume) if c.resume is not None else None,
                    dumps(c.state), c.attempt, c.error_count, maybe_micros(c.wake_at),
                    at + n if c.phase is RunPhase.READY else None, at, c.run.id,
                )
                for n, c in enumerate(changes)
            ],
        )  # fmt: skip

    def runs_by_id(self, ids: Sequence[str]) -> dict[str, Run]:
        """Return the runs with these ids, whatever they are doing."""
        found: dict[str, Run] = {}
        for start in range(0, len(ids), 500):
            part = list(ids[start : start + 500])
            for row in self.rows(
                f"SELECT {COLUMNS} FROM runs WHERE id IN ({marks(len(part))})", part
            ):
                found[row[0]] = run_from_row(row)
        return found

    def renew_leases(self, ids: Iterable[str], until: datetime, epoch: int) -> None:
        """Keep what a living worker has in hand, however long it takes or the clock jumps."""
        self.many(
            "UPDATE runs SET lease_until = ? WHERE id = ? AND phase = 'leased' AND lease_epoch = ?",
            [(to_micros(until), id_, epoch) for id_ in ids],
        )

    def release_runs(self, runs: Iterable[Run], now: datetime, *, strike: bool) -> None:
        """Give back what was claimed and not executed; `strike` makes the runs suspects."""
        at = to_micros(now)
        self.many(
            "UPDATE runs SET phase = 'ready', ready_at = ?, lease_until = NULL,"
            " row_version = row_version + 1, strikes = strikes + ? WHERE id = ?"
            " AND phase = 'leased' AND row_version = ? AND lease_epoch = ?",
            [(at + n, strike, r.id, r.row_version, r.lease_epoch) for n, r in enumerate(runs)],
        )

    def free_leases(self, now: datetime, epoch: int, *, strike: bool = False) -> int:
        """Make runs ready again whose lease ended or whose worker's epoch is over.

        `strike` says that the worker died: what it had in hand is suspect.
        """
        at = to_micros(now)
        return self.run(
            "UPDATE runs SET phase = 'ready', ready_at = ?, lease_until = NULL,"
            " row_version = row_version + 1, strikes = strikes + ? WHERE phase = 'leased'"
            " AND (lease_until < ? OR lease_epoch < ?)",
            (at, strike, at, epoch),
        )

    def end_unreadable_runs(self, now: datetime) -> list[tuple[str, str]]:
        """End ready runs whose row holds no JSON; return (environment, run)."""
        rows = self.rows(
            "SELECT id FROM runs WHERE phase = 'ready' AND NOT (json_valid(state)"
            " AND (resume IS NULL OR json_valid(resume)))"
        )
        return self.end_runs([row[0] for row in rows], now)

    def end_runs(self, ids: Sequence[str], now: datetime) -> list[tuple[str, str]]:
        """End runs as failed without reading their state; return (environment, run)."""
        ended: list[tuple[str, str]] = []
        for id_ in ids:
            ended += [
                (row[0], row[1])
                for row in self.rows(
                    "UPDATE runs SET phase = 'done', status = 'completed', resume = NULL,"
                    " state = CASE WHEN json_valid(state) THEN state ELSE '{}' END,"
                    " lease_until = NULL, error_count = error_count + 1,"
                    " row_version = row_version + 1, updated_at = ?"
                    " WHERE id = ? AND phase <> 'done' RETURNING environment, id",
                    (to_micros(now), id_),
                )
            ]
        return ended

    def open_epoch(self, now: datetime, pid: int) -> int:
        """Start an executor's epoch; leases of older ones can then be freed."""
        self.run("INSERT INTO epochs (started_at, pid) VALUES (?, ?)", (to_micros(now), pid))
        return int(self.value("SELECT max(id) FROM epochs"))

    def ready_count(self, limit: int = 256) -> int:
        """Count ready runs up to `limit`, for the adaptive claim size."""
        return int(
            self.value(
                "SELECT count(*) FROM (SELECT 1 FROM runs WHERE phase = 'ready' LIMIT ?)", (limit,)
            )
        )

    def cancellable_runs(
        self, environment: str, workflow: str, key: str, recipients: Sequence[RecipientRef] | None
    ) -> list[Run]:
        """Return runs of a cancellation key that have not ended, or wait in an open batch.

        A run that was absorbed into a batch has ended, its activity has not (E-67).
        """
        rows = self.rows(
            f"SELECT {_QUALIFIED} FROM triggers"
            " JOIN runs ON runs.trigger_id = triggers.id WHERE triggers.environment = ?"
            " AND triggers.workflow = ? AND triggers.cancellation_key = ?"
            " AND (runs.phase <> 'done' OR EXISTS (SELECT 1 FROM window_items i"
            " JOIN windows w ON w.id = i.window_id WHERE i.run_id = runs.id"
            " AND i.cancelled_at IS NULL AND w.closed_at IS NULL))",
            (environment, workflow, key),
        )
        runs = [run_from_row(row) for row in rows]
        wanted = None if recipients is None else set(recipients)
        return [run for run in runs if wanted is None or run.recipient in wanted]


def oldest_ready(sql: Sql) -> datetime | None:
    """Return since when the oldest ready run has waited, whatever its workflow."""
    oldest: int | None = None
    last: tuple[int, str, str] | None = None
    while True:
        where = "" if last is None else " AND (priority, environment, workflow) > (?,?,?)"
        row = sql.row(
            "SELECT priority, environment, workflow, ready_at FROM runs"
            f" WHERE phase = 'ready'{where} ORDER BY priority, environment, workflow, ready_at"
            " LIMIT 1",
            last or (),
        )
        if row is None:
            return maybe_instant(oldest)
        last = (row[0], row[1], row[2])
        oldest = row[3] if oldest is None else min(oldest, row[3])
