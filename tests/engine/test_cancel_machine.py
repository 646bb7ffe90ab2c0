"""Triggers, time, cancels and half-finished passes in any order (R-10)."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from engine.runs.apply import apply
from engine.trigger.cancel import cancel
from engine.worker.versions import newest_version
from storage.invariants import violations
from storage.records import Run, RunStatus
from tests.engine.wire import delay, email, feed, fetch
from tests.engine.world import World, ref

URL = "https://api.example.com/x"
# What a run says, and how long after its start.
STORY = [("feed_1", 0), ("email_1", 10), ("feed_2", 30), ("email_2", 35)]
STEPS = [
    feed(),
    delay("10m"),
    email(),
    delay("20m", ref="delay_2"),
    feed(ref="feed_2"),
    delay("5m", ref="delay_3"),
    fetch(URL),
    email(ref="email_2"),
]
KEYS = st.sampled_from(["k1", "k2"])
PEOPLE = st.sampled_from(["ann", "bob"])


@dataclass
class Known:
    """A run as the model sees it: when it began, and when its key was cancelled."""

    key: str
    started: datetime
    cancelled: datetime | None = None


class Cancelling(RuleBasedStateMachine):
    """A run is cancelled before a step or after it, never inside."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = tempfile.TemporaryDirectory()
        self.world = World(Path(self.folder.name))
        self.world.channels("scripted")
        self.world.transport.answer({"url": URL}, [{"status": 200, "json": {}}])
        for name in ("ann", "bob"):
            self.world.user(name, email=f"{name}@example.com")
        self.world.workflow("story", STEPS)
        self.known: dict[str, Known] = {}
        self.half_done: tuple[Any, Any] | None = None

    def teardown(self) -> None:
        try:
            self.finish()
            self.world.until(self.world.clock.now() + timedelta(hours=2))
            self.every_run_said_a_whole_part_of_its_story()
            left = {run.status for run in self.world.runs()}
            assert left <= {RunStatus.COMPLETED, RunStatus.CANCELLED}
        finally:
            self.world.close()
            self.folder.cleanup()

    @rule(key=KEYS, people=st.sets(PEOPLE, min_size=1), at_once=st.booleans())
    def trigger(self, key: str, people: set[str], at_once: bool) -> None:
        before = {run.id for run in self.world.runs()}
        self.world.accept("story", *sorted(people), cancellation_key=key)
        for run in self.world.runs():
            if run.id not in before:
                self.known[run.id] = Known(key, self.world.clock.now())
        if at_once and self.half_done is None:
            self.world.work()

    @rule(minutes=st.integers(1, 25))
    @precondition(lambda self: self.half_done is None)
    def wait(self, minutes: int) -> None:
        self.world.work()
        self.world.until(self.world.clock.now() + timedelta(minutes=minutes))

    @rule(key=KEYS, people=st.none() | st.sets(PEOPLE, min_size=1))
    def cancel(self, key: str, people: set[str] | None) -> None:
        live = {r.id: r for r in self.world.runs() if r.status not in ("completed", "cancelled")}
        with self.world.db.transaction() as tx:
            self._cancel(tx, key, people)
        for run in live.values():
            known = self.known[run.id]
            if known.key == key and (people is None or run.recipient.id in people):
                known.cancelled = self.world.clock.now()

    def _cancel(self, tx: Any, key: str, people: set[str] | None) -> None:
        refs = None if people is None else [ref(name) for name in people]
        cancel(tx, self.world.env, "story", key, refs, self.world.clock.now())

    @rule()
    @precondition(lambda self: self.half_done is None)
    def decide(self) -> None:
        """Claim and decide what is ready; the commit comes later, if it comes."""
        lane, world = self.world.lane, self.world
        with world.db.transaction() as tx:
            runs = lane._claim(tx)
        if runs:
            self.half_done = world.loop.run_until_complete(lane._decide(runs))

    @rule()
    @precondition(lambda self: self.half_done is not None)
    def finish(self) -> None:
        if self.half_done is None:
            return
        (effects, contents), self.half_done = self.half_done, None
        with self.world.db.transaction() as tx:
            now = self.world.clock.now()
            apply(tx, effects, contents, now, newest=newest_version(tx))
        self.world.work()

    @rule(key=KEYS, people=st.none() | st.sets(PEOPLE, min_size=1))
    @precondition(lambda self: self.half_done is None)
    def cancel_inside_a_pass(self, key: str, people: set[str] | None) -> None:
        """Wake what is due next, decide it, and cancel before it is committed."""
        due = self.world.next_due()
        if due is not None:
            self.world.clock.set(max(due, self.world.clock.now()))
            self.world._wake_one()
        self.decide()
        self.cancel(key, people)
        self.finish()

    @invariant()
    def every_run_is_ready_or_waits_for_one_thing(self) -> None:
        assert violations(self.world.sql()) == {}

    @invariant()
    def every_run_said_a_whole_part_of_its_story(self) -> None:
        said: dict[str, list[str]] = {}
        for message in self.world.messages():
            said.setdefault(message.run_id, []).append(message.step_ref)
        for run in self.world.runs():
            self._check(run, said.get(run.id, []))

    def _check(self, run: Run, steps: list[str]) -> None:
        known = self.known[run.id]
        assert steps == [step for step, _ in STORY][: len(steps)]
        assert (run.status is RunStatus.CANCELLED) == (known.cancelled is not None)
        if run.status is RunStatus.COMPLETED:
            assert len(steps) == len(STORY)
        if known.cancelled is not None:
            due = [m for _, m in STORY if known.started + timedelta(minutes=m) <= known.cancelled]
            assert len(steps) <= len(due)
            assert self.world.happened(run)[-1] == "run_cancelled"


Cancelling.TestCase.settings = settings(
    max_examples=25,
    stateful_step_count=14,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    derandomize=True,
)


@pytest.mark.req("R-10")
class TestCancelling(Cancelling.TestCase):
    pass
