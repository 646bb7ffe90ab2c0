"""Count what was lost, doubled or left over after the kills."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from bench.crash.clients import Ledger
from bench.crash.project import SUBSCRIBERS
from bench.crash.sink import Sink
from storage.db import Database
from storage.invariants import violations


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
    acknowledged = len(ledger.acknowledged) + sum(ledger.batched.values()) + len(ledger.fans)
    clean = not (lost or doubled or wrong_batches or wrong_fans or stuck or failed or broken)
    return {
        "ok": clean and check == "ok",
        "kills": kills,
        "acknowledged_triggers": acknowledged,
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
        "plain_sink_repeats": sink.repeats,
        "plain_sink_bound": round(0.5 * kills, 1),
        "refusals": {str(k): v for k, v in ledger.refusals.items()},
        "examples": {"lost": lost[:5], "doubled": doubled[:5]},
    }
