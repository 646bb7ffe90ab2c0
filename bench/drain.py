"""Accept a backlog over HTTP, then time how fast an executor settles it."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import Any, Final

from bench import load, work
from bench.server import Site, Started
from storage.sql import Sql

POLL_SECONDS: Final = 0.02
_LONGEST: Final = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Drained:
    """How a backlog went."""

    runs: int
    accepted_per_second: float
    seconds: float

    @property
    def rate(self) -> float:
        """Give the runs settled per second."""
        return round(self.runs / self.seconds, 1)


def accept(port: int, runs: int, tag: str, workflow: str = work.WORKFLOW) -> load.Load:
    """Trigger `runs` times over HTTP; every one must be acknowledged."""
    found = asyncio.run(
        load.closed_loop(port, lambda n: load.trigger(n, tag, workflow), connections=32, count=runs)
    )
    if found.statuses[200] != runs:
        raise RuntimeError(f"of {runs} triggers only {found.statuses[200]} were accepted")
    return found


def backlog(
    site: Site, web: Started, runs: int, tag: str, workflow: str = work.WORKFLOW, **executor: Any
) -> Drained:
    """Accept `runs` triggers with no executor there, then start one and wait for the last."""
    before = count(site)
    accepted = accept(web.port, runs, tag, workflow)
    started = site.executor(**executor)
    settled = wait_until_settled(site)
    started.stop()
    site.running.remove(started)
    verify(before, count(site), runs)
    return Drained(
        runs=runs,
        accepted_per_second=accepted.figures()["rate"],
        seconds=settled - started.ready_at,
    )


def wait_until_settled(site: Site, longest: float = _LONGEST) -> float:
    """Return the instant at which nothing was left to do."""
    deadline = time.perf_counter() + longest
    with site.database() as database:
        sql = database.read()
        while not is_settled(sql):
            if time.perf_counter() > deadline:
                raise RuntimeError(f"the backlog was not settled within {longest:.0f} s")
            time.sleep(POLL_SECONDS)
    return time.perf_counter()


def is_settled(sql: Sql) -> bool:
    """Tell whether no trigger, run or message waits; each look is one step in an index."""
    return all(sql.value(f"SELECT 1 FROM {what} LIMIT 1") is None for what in _WAITING)


def count(site: Site) -> dict[str, int]:
    """Count the messages by status."""
    with site.database() as database:
        return dict(database.read().rows("SELECT status, count(*) FROM messages GROUP BY status"))


def verify(before: dict[str, int], after: dict[str, int], runs: int) -> None:
    """Refuse a figure for work that was not done: two messages a run, both through."""
    grown = {name: after[name] - before.get(name, 0) for name in after}
    done = grown.get("sent", 0) + grown.get("delivered", 0)
    if done != 2 * runs or sum(grown.values()) != done:
        raise RuntimeError(f"expected {2 * runs} messages sent or delivered, found {grown}")


_WAITING: Final = (
    "triggers WHERE pending IS NOT NULL",
    "runs WHERE phase = 'ready'",
    "runs WHERE phase = 'leased'",
    "outbox",
)
