"""Count what was lost, doubled or left over after the kills."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.crash.clients import Ledger
from bench.crash.project import SUBSCRIBERS
from bench.crash.sink import Sink
from storage.db import Database
from storage.invariants import violations

# what a sink without idempotency may see twice.
REPEATS_PER_KILL = 0.5


@dataclass(frozen=True)
class Flight:
    """What was under way at one instant, read from the data file."""

    delays: bool
    open_batches: bool
    fan_outs: bool

    @property
    def is_full(self) -> bool:
        """Tell whether every kind of work was under way."""
        return self.delays and self.open_batches and self.fan_outs


def in_flight(path: Path) -> Flight:
    """Look for a sleeping run, an open batch and an unfinished fan-out."""
    database = Database(path)
    try:
        sql = database.read()

        def holds(query: str) -> bool:
            return sql.value(f"{query} LIMIT 1") is not None

        return Flight(
            delays=holds("SELECT 1 FROM timers WHERE kind = 'run'"),
            open_batches=holds("SELECT 1 FROM windows WHERE closed_at IS NULL"),
            fan_outs=holds("SELECT 1 FROM triggers WHERE pending IS NOT NULL AND workflow = 'fan'")
            or holds("SELECT 1 FROM runs WHERE phase = 'ready' AND workflow = 'fan'")
            or holds("SELECT 1 FROM runs WHERE phase = 'leased' AND workflow = 'fan'"),
        )
    finally:
        database.close()


def is_drained(path: Path) -> bool:
    """Tell whether no run and no message is on its way any more."""
    database = Database(path)
    try:
        sql = database.read()
        busy = (
            "SELECT 1 FROM runs WHERE phase <> 'done' LIMIT 1",
            "SELECT 1 FROM outbox LIMIT 1",
            "SELECT 1 FROM triggers WHERE pending IS NOT NULL LIMIT 1",
        )
        return all(sql.value(query) is None for query in busy)
    finally:
        database.close()


def verdict(path: Path, ledger: Ledger, sink: Sink, kills: int) -> dict[str, Any]:
    """Compare ledger, sink and database; every `lost`, `doubled` and `stuck` must be 0."""
    database = Database(path)
    try:
        sql = database.read()
        lost = [tag for tag in ledger.acknowledged if not sink.effects.get(tag)]
        doubled = [tag for tag in ledger.acknowledged if len(sink.effects.get(tag, ())) > 1]
        batches = {
            who: sum(sink.activities.get(m, 0) for m in sink.effects.get(who, ()))
            for who in ledger.batched
        }
        wrong_batches = {
            who: [ledger.batched[who], found]
            for who, found in batches.items()
            if found != ledger.batched[who]
        }
        fans = dict(
            sql.rows(
                "SELECT trigger_id, count(*) FROM messages WHERE workflow = 'fan' GROUP BY"
                " trigger_id"
            )
        )
        wrong_fans = {
            tag: fans.get(run, 0)
            for tag, run in ledger.fans.items()
            if fans.get(run, 0) != SUBSCRIBERS
        }
        stuck = int(sql.value("SELECT count(*) FROM runs WHERE phase <> 'done'"))
        failed = int(sql.value("SELECT count(*) FROM runs WHERE error_count > 0"))
        messages = int(sql.value("SELECT count(*) FROM messages"))
        broken = violations(sql)
        check = str(sql.value("PRAGMA quick_check(1)"))
    finally:
        database.close()
    clean = not (lost or doubled or wrong_batches or wrong_fans or stuck or failed or broken)
    return {
        "ok": clean and check == "ok",
        "kills": kills,
        "acknowledged_triggers": ledger.count,
        "fan_outs": len(ledger.fans),
        "messages": messages,
        "lost": len(lost),
        "doubled_effects": len(doubled),
        "wrong_batches": wrong_batches,
        "wrong_fan_outs": wrong_fans,
        "stuck_runs": stuck,
        "failed_runs": failed,
        "invariant_violations": broken,
        "quick_check": check,
        "plain_sink_calls": sum(sink.calls.values()),
        "plain_sink_repeats": sink.repeats,
        "plain_sink_repeats_per_kill": round(sink.repeats / kills, 3) if kills else sink.repeats,
        "plain_sink_bound_per_kill": REPEATS_PER_KILL,
        "plain_sink_bound": round(REPEATS_PER_KILL * kills, 1),
        "refusals": {str(k): v for k, v in ledger.refusals.items()},
        "examples": {"lost": lost[:5], "doubled": doubled[:5]},
    }
