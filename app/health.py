"""Say how the server is: a state for load balancers, figures for Prometheus."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Awaitable, Callable, Iterator
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from typing import Final, TypeVar

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import REGISTRY, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from app.dispatch import Receive, Scope, Send, answer_bytes, answer_json
from app.folder import DataFolder, read_state
from engine.timing.clock import Clock
from storage.db import Database
from storage.errors import Corrupt, DiskFull, TocsinError
from storage.housekeeping import figures
from storage.tx import Tx
from storage.writer import BatchWork, Writer

T = TypeVar("T")
ItemT = TypeVar("ItemT")
_METRICS_TYPE: Final = b"text/plain; version=0.0.4; charset=utf-8"


class State(StrEnum):
    """How a server is."""

    STARTING = "starting"
    SERVING = "serving"
    READ_ONLY = "read_only"
    DRAINING = "draining"


class Health:
    """Know the state of this process, and of the executor as the supervisor sees it."""

    def __init__(self, folder: DataFolder, *, needs_executor: bool) -> None:
        """Start as `starting`; `needs_executor` is false where no supervisor watches one."""
        self._folder = folder
        self._needs_executor = needs_executor
        self.is_ready = False
        self.is_draining = False
        self.write_error: TocsinError | None = None

    def state(self) -> tuple[State, str]:
        """Give the state and one sentence about it."""
        if self.is_draining:
            return State.DRAINING, "The server finishes what it has in hand and then ends."
        if not self.is_ready:
            return State.STARTING, "The server is starting."
        if self.write_error is not None:
            return State.READ_ONLY, self.write_error.message
        executor = read_state(self._folder).get("executor") if self._needs_executor else "running"
        if executor != "running":
            return State.STARTING, "Requests are accepted; the executor is being started."
        return State.SERVING, "Requests are accepted and due work is moving."


class WatchedWriter:
    """Pass work on and note whether the file can be written at all."""

    def __init__(self, writer: Writer, health: Health) -> None:
        """Tell `health` of a full disk or a damaged file."""
        self._writer = writer
        self._health = health

    async def run(self, work: Callable[[Tx], T]) -> T:
        """Run as the inner writer does."""
        return await self._noted(self._writer.run(work))

    async def together(
        self, work: BatchWork[ItemT, T], item: ItemT, *, is_light: bool = False
    ) -> T:
        """Do what the inner writer does."""
        return await self._noted(self._writer.together(work, item, is_light=is_light))

    async def _noted(self, written: Awaitable[T]) -> T:
        try:
            value = await written
        except (DiskFull, Corrupt) as error:
            self._health.write_error = error
            raise
        self._health.write_error = None
        return value


class _FileCollector(Collector):
    """Read the figures of the data file at each scrape."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def collect(self) -> Iterator[Metric]:
        """Give queue depths, ages and sizes."""
        found = figures(self._database.read(), self._database.path, self._clock.now())
        queue = GaugeMetricFamily("tocsin_queue_depth", "What waits, by queue", labels=["queue"])
        depths = {f"runs_{phase}": count for phase, count in found.runs_by_phase.items()}
        depths |= {
            "triggers": found.triggers_pending,
            "outbox": found.outbox,
            "timers": found.timers,
        }
        for name, depth in depths.items():
            queue.add_metric([name], depth)
        yield queue
        oldest = GaugeMetricFamily(
            "tocsin_oldest_due_seconds", "Age of the oldest work that is due", labels=["queue"]
        )
        oldest.add_metric(["runs"], found.oldest_ready_seconds)
        oldest.add_metric(["outbox"], found.oldest_outbox_seconds)
        yield oldest
        yield GaugeMetricFamily("tocsin_wal_bytes", "Size of the WAL", value=found.wal_bytes)
        yield GaugeMetricFamily("tocsin_file_bytes", "Size of the file", value=found.file_bytes)


class HealthApp:
    """Answer `/health`, `/health/live` and `/metrics`."""

    def __init__(
        self,
        health: Health,
        database: Database,
        clock: Clock,
        executor_figures: Path,
        metrics_token: str | None,
    ) -> None:
        """Ask for `metrics_token` at /metrics, if there is one."""
        self._health = health
        self._executor_figures = executor_figures
        self._token = metrics_token
        self._registry = CollectorRegistry()
        self._registry.register(_FileCollector(database, clock))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        path = scope["path"]
        if path == "/health":
            state, sentence = self._health.state()
            is_well = state is State.SERVING
            body = {"status": state, "message": sentence, "version": version("tocsin")}
            await answer_json(send, 200 if is_well else 503, body)
        elif path == "/health/live":
            await answer_json(send, 200, {"status": "live"})
        elif path != "/metrics":
            await answer_json(send, 404, {"message": "There is /health, /health/live, /metrics"})
        elif not self._may_read_metrics(scope):
            await answer_json(send, 401, {"message": "Send the metrics token as a bearer token"})
        else:
            await answer_bytes(send, 200, await asyncio.to_thread(self._metrics), _METRICS_TYPE)

    def _may_read_metrics(self, scope: Scope) -> bool:
        if self._token is None:
            return True
        sent = dict(scope["headers"]).get(b"authorization", b"")
        return hmac.compare_digest(sent, b"Bearer " + self._token.encode())

    def _metrics(self) -> bytes:
        try:
            executor = self._executor_figures.read_bytes()
        except FileNotFoundError:
            executor = b""
        return generate_latest(REGISTRY) + generate_latest(self._registry) + executor
