"""Open the engine's clock: the machine's, or one that runs faster and never backwards."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from engine.timing.clock import Clock, SystemClock
from storage.db import Database
from storage.environments import get_account, latest_instant, put_account, set_clock_anchor
from storage.errors import StorageError

_TOLERANCE: Final = timedelta(minutes=1)


def settle_clock(database: Database, rate: float) -> SystemClock:
    """Choose where the clock starts and store it, so that every process agrees.

    After a restart the clock shows no earlier instant than any that is stored.

    Raises:
        StorageError: the folder's time ran ahead and the plain clock is behind it.
    """
    wall = SystemClock().now()
    account = get_account(database.read())
    stored = account.clock_anchor if account else None
    if rate == 1.0 and stored is None:
        return SystemClock()
    latest = latest_instant(database.read())
    if rate == 1.0:
        _refuse_going_back(latest, wall)
        database.write(lambda tx: set_clock_anchor(tx, None))
        return SystemClock()
    anchor = stored or wall
    if latest is not None and SystemClock(rate, anchor).now() < latest:
        anchor = _anchor_showing(latest, wall, rate)
    if anchor != stored:
        _store(database, anchor, wall)
    return SystemClock(rate, anchor)


def open_clock(database: Database, rate: float) -> Clock:
    """Open the clock that `settle_clock` chose."""
    if rate == 1.0:
        return SystemClock()
    account = get_account(database.read())
    return SystemClock(rate, account.clock_anchor if account else None)


def _store(database: Database, anchor: datetime, now: datetime) -> None:
    with database.transaction() as tx:
        put_account(tx, name=None, timezone=None, now=now)
        set_clock_anchor(tx, anchor)


def _anchor_showing(instant: datetime, wall: datetime, rate: float) -> datetime:
    """Solve `anchor + (wall - anchor) * rate = instant`."""
    return wall - (instant - wall) / (rate - 1.0)


def _refuse_going_back(latest: datetime | None, wall: datetime) -> None:
    if latest is not None and latest > wall + _TOLERANCE:
        raise StorageError(
            "This data folder lived under an accelerated clock, which shows "
            f"{latest:%Y-%m-%d %H:%M} UTC. "
            "Start it with TOCSIN_CLOCK_RATE again, or use another folder."
        )
