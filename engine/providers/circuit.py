"""Rest a channel whose provider is down: nothing is claimed for it, so no attempt is spent.

Pure bookkeeping; the sender records results and leaves out what rests.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from engine.providers.base import Retryable, SendResult

TRIPS_AFTER: Final = 10
"""Failures in a row, of whichever messages; any other result starts anew."""

FIRST_REST: Final = timedelta(seconds=5)
LONGEST_REST: Final = timedelta(seconds=40)


@dataclass(slots=True)
class _Circuit:
    failures: int = 0
    rest: timedelta = FIRST_REST
    until: datetime | None = None


class Circuits:
    """Remember per channel whether its provider answers.

    After `TRIPS_AFTER` failures in a row the channel rests. When the rest is
    over it is tried again; a failure then doubles the rest, up to
    `LONGEST_REST`, which is short beside the thirty minutes that a message has.
    """

    def __init__(self) -> None:
        self._circuits: dict[str, _Circuit] = {}

    def record(self, channel_id: str, result: SendResult, now: datetime) -> None:
        """Take note of one result; a provider that refuses a message is a provider that works."""
        if not isinstance(result, Retryable):
            self._circuits.pop(channel_id, None)
            return
        circuit = self._circuits.setdefault(channel_id, _Circuit())
        circuit.failures += 1
        # Sends that were under way when the rest began must not prolong it.
        if circuit.failures < TRIPS_AFTER or (circuit.until is not None and now < circuit.until):
            return
        if circuit.until is not None:
            circuit.rest = min(circuit.rest * 2, LONGEST_REST)
        circuit.until = now + circuit.rest

    def open(self, now: datetime) -> frozenset[str]:
        """Name the channels that rest."""
        resting = (
            key
            for key, circuit in self._circuits.items()
            # A clock that was set back must not prolong a rest.
            if circuit.until is not None and timedelta() < circuit.until - now <= circuit.rest
        )
        return frozenset(resting)
