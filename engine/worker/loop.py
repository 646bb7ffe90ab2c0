"""The executor: lanes, sender, calls and ticks on one loop, until it is told to stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from typing import Final

import structlog

from engine.worker.caller import Caller
from engine.worker.hints import HintListener
from engine.worker.lane import Lane
from engine.worker.sender import Sender
from engine.worker.services import ExecutorServices
from engine.worker.ticker import Ticker
from storage.tx import Tx

log = structlog.get_logger(__name__)

_IDLE_SECONDS: Final = 0.25
_ERROR_PAUSE: Final = 0.5
_DRAIN_SECONDS: Final = 7.0


class Executor:
    """Everything that moves runs and messages in one process."""

    def __init__(self, services: ExecutorServices, epoch: int) -> None:
        """Wire the parts; `run` starts them."""
        self.services, self.epoch = services, epoch
        self._stopping = asyncio.Event()
        self._wakes: list[asyncio.Event] = []
        self.errors = 0
        self.sender = Sender(services, epoch)
        self.caller = Caller(services, epoch)
        self.lanes: list[Lane] = []
        self.ticker = Ticker(services, epoch, self.wake, self.in_hand, lambda: self.sender.held)

    def wake(self) -> None:
        """Make every part look for work now."""
        for event in self._wakes:
            event.set()

    def in_hand(self) -> list[str]:
        """Name the runs that the lanes have claimed and not written back."""
        return [run_id for lane in self.lanes for run_id in lane.in_hand()]

    def make_lanes(self, count: int) -> list[Lane]:
        """Build lanes that share the renderer and the sender."""
        lock = asyncio.Lock()
        self.lanes = [
            Lane(
                self.services,
                self.epoch,
                lock,
                send=self.sender.send,
                can_send=self.sender.can_take,
                wake=self.wake,
            )
            for _ in range(count)
        ]
        return self.lanes

    async def run(self, stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Work until `stop` is set; then finish what is in hand, within seconds."""
        lanes = self.make_lanes(self.services.lanes)
        hints = (
            HintListener(self.services.hint_path, self.wake) if self.services.hint_path else None
        )
        parts = [lane.run_once for lane in lanes]
        parts += [self.ticker.expand, self.sender.poll, self.caller.poll]
        tasks = [asyncio.create_task(self._keep(part)) for part in parts]
        self.ticker.start()
        await self.ticker.due()
        ready()
        await stop.wait()
        self._stopping.set()
        self.ticker.stop()
        if hints is not None:
            hints.close()
        self.wake()
        await asyncio.wait(tasks, timeout=_DRAIN_SECONDS)
        await self.sender.drain(2.0)
        await self.caller.drain(0.5)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.services.writer.run(self._release)

    def _release(self, tx: Tx) -> None:
        tx.free_leases(self.services.clock.now(), self.epoch + 1)
        tx.free_outbox_leases(self.epoch + 1)

    async def _keep(self, part: Callable[[], Awaitable[int]]) -> None:
        """Call `part` while it finds work; wait for a ring, or a moment, when it does not."""
        event = asyncio.Event()
        self._wakes.append(event)
        while not self._stopping.is_set():
            event.clear()
            try:
                found = await part()
            except Exception:  # the worker loop: parked work stays leased, the loop must live on
                self.errors += 1
                log.exception("executor.part_failed", part=getattr(part, "__qualname__", str(part)))
                await asyncio.sleep(_ERROR_PAUSE)
                continue
            if found:
                await asyncio.sleep(0)
                continue
            try:
                await asyncio.wait_for(event.wait(), _IDLE_SECONDS)
            except TimeoutError:
                continue


async def run_executor(
    services: ExecutorServices, stop: asyncio.Event, ready: Callable[[], None]
) -> None:
    """Recover what a dead executor left, then move due work until `stop` is set.

    `ready` is called when due work is moving.
    """

    def begin(tx: Tx) -> int:
        now = services.clock.now()
        epoch = tx.open_epoch(now, os.getpid())
        freed = tx.free_leases(now, epoch, strike=True) + tx.free_outbox_leases(epoch)
        if freed:
            log.info("executor.recovered", leases=freed)
        return epoch

    epoch = await services.writer.run(begin)
    await Executor(services, epoch).run(stop, ready)
