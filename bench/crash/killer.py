"""Kill one victim after the other, and note what was under way each time."""

from __future__ import annotations

import asyncio
import random
import sys
import time
from collections import Counter
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from bench.crash.group import Group
from bench.crash.verdict import Flight, in_flight
from storage.faults import POINTS

if TYPE_CHECKING:
    from bench.crash.loop import Plan

COMMAND_POINTS: Final = ("in_migration", "in_backup", "before_backup_named")
# Passed while serving; the others belong to commands and have a loop of their own.
SERVING_POINTS: Final = tuple(name for name in POINTS if name not in COMMAND_POINTS)
VICTIMS: Final = ("group", "web", "executor", "supervisor")
NO_KILLS: Final = ("fault_not_reached", "child_missing", "not_well_again", "orphans")
_FAULT_SECONDS: Final = 20.0
_MOST_MISSES: Final = 20
_FLIGHT_SECONDS: Final = 5.0
_NOTE_EVERY: Final = 50


class Killer:
    """Work through the plan's order on one server."""

    def __init__(self, plan: Plan, group: Group, repeats: Callable[[], int]) -> None:
        """Prepare; `run` kills. `repeats` tells what the plain sink has seen twice so far."""
        self.plan, self.group, self._repeats = plan, group, repeats
        # Whatever was repeated between two kills is put down to the first of them.
        self.repeats: Counter[str] = Counter()
        self.counts: Counter[str] = Counter()
        self.flights: Counter[str] = Counter()
        self._chance = random.Random(plan.seed + 1)

    async def run(self, note: Callable[[], None]) -> None:
        """Kill in the planned order; `note` is called every fifty kills."""
        order = list(self.plan.order)
        again: Counter[str] = Counter()
        for number, victim in enumerate(order, 1):
            await asyncio.sleep(self._chance.uniform(*self.plan.gap))
            done = await asyncio.to_thread(self._kill, victim)
            if done == "fault_not_reached" and again[victim] < _MOST_MISSES:
                # Nothing was killed: a point that waits for a fan-out's next page gets more turns.
                again[victim] += 1
                order.append(victim)
                continue
            self.counts[done] += 1
            self.repeats[victim] += self._repeats() - self.repeats.total()
            if number % _NOTE_EVERY == 0:
                note()
            if number % 20 == 0:
                sys.stderr.write(f"{number}/{len(order)} kills\n")
                sys.stderr.flush()

    def figures(self) -> dict[str, Any]:
        """Give what was killed, and for how many kills which work was under way."""
        return {
            "killed": dict(sorted(self.counts.items())),
            "plain_sink_repeats_by_victim": {
                victim: count for victim, count in self.repeats.most_common() if count
            },
            "in_flight_at_kills": {
                name: self.flights[name]
                for name in ("looked", "delays", "open_batches", "fan_outs", "all_three")
            },
        }

    def _kill(self, victim: str) -> str:
        """Kill, wait until the server is well again, and name what happened."""
        group = self.group
        flight = self._await_flight()
        if victim.startswith("fault:"):
            return self._kill_at(victim, flight)
        self._count(flight)
        if victim in ("web", "executor"):
            if victim not in group.children():
                return "child_missing"
            return victim if group.kill_child(victim) else "not_well_again"
        if victim == "group":
            group.kill_group()
        elif not group.kill_supervisor():
            victim = "orphans"
        group.start()
        return victim

    def _kill_at(self, victim: str, before: Flight) -> str:
        """Arm a fault in the running server and wait for it to strike; the rest works on.

        Now and then the rest is killed in the same instant, as a power cut would.
        """
        group, point = self.group, victim.removeprefix("fault:")
        # A checkpoint comes every few seconds; everything else many times a second.
        nth = 1 if point == "before_checkpoint" else self._chance.randint(1, 3)
        known = group.children()
        group.arm(f"{point}:{nth}")
        dead = group.wait_for_death(known, _FAULT_SECONDS)
        if not dead:
            group.fault_file.unlink(missing_ok=True)
            return "fault_not_reached"
        # What the dead process left is what the file shows now, unless others worked on it.
        after = in_flight(group.data / "tocsin.db")
        self._count(
            Flight(
                delays=before.delays and after.delays,
                open_batches=before.open_batches and after.open_batches,
                fan_outs=before.fan_outs and after.fan_outs,
            )
        )
        if self._chance.random() < 0.25:
            group.kill_group()
            group.start()
        elif not group.wait_for_successor(dead):
            return "not_well_again"
        return victim

    def _await_flight(self) -> Flight:
        """Wait a moment for a delay, an open batch and a fan-out to be under way."""
        deadline = time.monotonic() + _FLIGHT_SECONDS
        while True:
            flight = in_flight(self.group.data / "tocsin.db")
            wanted = flight.is_full or not self.plan.fan_outs
            if wanted or time.monotonic() > deadline:
                return flight
            time.sleep(0.02)

    def _count(self, flight: Flight) -> None:
        self.flights["looked"] += 1
        for name in ("delays", "open_batches", "fan_outs"):
            self.flights[name] += getattr(flight, name)
        self.flights["all_three"] += flight.is_full
