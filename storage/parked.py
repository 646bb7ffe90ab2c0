"""Keep count of work that was parked, and give it back when a person asks (R-29).

A parked run has ended and its `strikes` are negative. Expansions that broke
are counted apart, so that the hot table of triggers has no column for it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Final

from storage.records import RecipientRef
from storage.sql import Sql, to_micros
from storage.tx import Tx

# Failures of an expansion after which it rests; of a run, those of it executed alone.
MOST_STRIKES: Final = 3
_PARKED: Final = -1
# One strike: it is executed alone at once, whatever it does to the process.
_SUSPECT: Final = 1
_EXPANSION: Final = "expansion:"
_AFTER_EXPANSIONS: Final = "expansion;"


def mark_parked(tx: Tx, run_ids: Sequence[str]) -> None:
    """Note that runs which have just ended were parked."""
    tx.many("UPDATE runs SET strikes = ? WHERE id = ?", [(_PARKED, id_) for id_ in run_ids])


def is_parked(sql: Sql, environment: str, run_id: str) -> bool:
    """Tell whether a run was parked and not tried again."""
    found = sql.value(
        "SELECT 1 FROM runs WHERE id = ? AND environment = ? AND strikes < 0", (run_id, environment)
    )
    return found is not None


def count_parked(sql: Sql, environment: str, most: int = 1000) -> int:
    """Count an environment's parked runs and resting expansions, each up to `most`."""
    runs = sql.value(
        "SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_parked"
        " WHERE strikes < 0 AND environment = ? LIMIT ?)",
        (environment, most),
    )
    return int(runs) + len(_resting_in(sql, environment)[:most])


def unpark_runs(
    tx: Tx, environment: str, run_id: str | None, now: datetime, limit: int = 500
) -> list[str]:
    """Make parked runs ready where they stopped, one or all; return up to `limit` ids."""
    which = " AND id = ?" if run_id is not None else ""
    ids = tx.rows(
        "SELECT id FROM runs INDEXED BY runs_parked WHERE strikes < 0 AND environment = ?"
        f"{which} ORDER BY inserted_at LIMIT ?",
        (environment, *([run_id] if run_id is not None else []), limit),
    )
    at = to_micros(now)
    tx.many(
        "UPDATE runs SET phase = 'ready', status = 'processing', strikes = ?, ready_at = ?,"
        " attempt = 0, error_count = max(error_count - 1, 0), row_version = row_version + 1,"
        " updated_at = ? WHERE id = ?",
        [(_SUSPECT, at + n, at, row[0]) for n, row in enumerate(ids)],
    )
    return [row[0] for row in ids]


def cancel_parked(
    tx: Tx,
    environment: str,
    workflow: str,
    key: str,
    recipients: Collection[RecipientRef] | None,
    now: datetime,
) -> list[str]:
    """Cancel parked runs of a cancellation key, so that no retry brings them back."""
    rows = tx.rows(
        "SELECT runs.id, collection, recipient FROM runs INDEXED BY runs_parked"
        " JOIN triggers ON triggers.id = runs.trigger_id WHERE strikes < 0"
        " AND runs.environment = ? AND runs.workflow = ? AND cancellation_key = ?",
        (environment, workflow, key),
    )
    ids = [row[0] for row in rows if recipients is None or RecipientRef(*row[1:]) in recipients]
    tx.many(
        "UPDATE runs SET status = 'cancelled', strikes = 0, row_version = row_version + 1,"
        " updated_at = ? WHERE id = ?",
        [(to_micros(now), id_) for id_ in ids],
    )
    return ids


# ------------------------------------------------------------------ expansions


def strike_expansion(tx: Tx, trigger_id: str) -> int:
    """Count one more failure of a trigger's expansion; return how many it has."""
    tx.run(
        "INSERT INTO counters (name, value) VALUES (?, 1)"
        " ON CONFLICT (name) DO UPDATE SET value = value + 1",
        (_EXPANSION + trigger_id,),
    )
    return int(tx.value("SELECT value FROM counters WHERE name = ?", (_EXPANSION + trigger_id,)))


def struck_expansions(sql: Sql) -> dict[str, int]:
    """Return how often each expansion that has failed did so."""
    rows = sql.rows(
        "SELECT name, value FROM counters WHERE name >= ? AND name < ?",
        (_EXPANSION, _AFTER_EXPANSIONS),
    )
    return {row[0][len(_EXPANSION) :]: int(row[1]) for row in rows}


def forgive_expansions(tx: Tx, environment: str) -> int:
    """Let an environment's resting expansions be tried again; return how many."""
    resting = _resting_in(tx, environment)
    for trigger_id in resting:
        forget_strikes(tx, trigger_id)
    return len(resting)


def forget_strikes(tx: Tx, trigger_id: str) -> None:
    """Forget the failures of an expansion, since it went on."""
    tx.run("DELETE FROM counters WHERE name = ?", (_EXPANSION + trigger_id,))


def _resting_in(sql: Sql, environment: str) -> list[str]:
    struck = [id_ for id_, strikes in struck_expansions(sql).items() if strikes >= MOST_STRIKES]
    find = "SELECT 1 FROM triggers WHERE id = ? AND environment = ? AND pending IS NOT NULL"
    return [id_ for id_ in struck if sql.value(find, (id_, environment)) is not None]
