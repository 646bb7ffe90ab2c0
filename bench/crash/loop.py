"""The kill loop: load, kill, restart, repeat; then let it drain and count."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.crash.clients import Client, FanClient, Ledger, subscribe_crowd
from bench.crash.group import Group
from bench.crash.project import write_bootstrap, write_project
from bench.crash.sink import Sink
from bench.crash.verdict import is_drained, verdict
from storage.faults import POINTS

# Passed while serving; the others belong to commands and have loops of their own.
SERVING_POINTS = tuple(
    name for name in POINTS if name not in {"in_migration", "in_backup", "before_backup_named"}
)
VICTIMS = ("group", "web", "executor", "supervisor")
FAULT_SECONDS = 20.0


@dataclass
class Plan:
    """How many kills of which kind, in a random order that `seed` repeats."""

    kills: int
    faults_each: int
    seed: int = 1
    clients: int = 4
    pause: float = 0.03
    fan_outs: bool = True
    gap: tuple[float, float] = (0.1, 0.6)
    quiet_seconds: float = 0.0
    order: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Lay out the order."""
        chance = random.Random(self.seed)
        faults = [f"fault:{name}" for name in SERVING_POINTS for _ in range(self.faults_each)]
        chance.shuffle(faults)
        faults = faults[: self.kills]
        plain = [VICTIMS[n % len(VICTIMS)] for n in range(self.kills - len(faults))]
        self.order = plain + faults
        chance.shuffle(self.order)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


async def run_loop(plan: Plan, folder: Path | None = None) -> dict[str, Any]:
    """Run the plan in a fresh data folder and return the verdict."""
    base = Path(tempfile.mkdtemp(prefix="tocsin-kill-", dir=folder))
    sink = Sink()
    await sink.start()
    write_project(base / "project")
    write_bootstrap(base / "bootstrap.toml", base / "project", sink.port)
    group = Group(base / "data", base / "bootstrap.toml", _free_port(), base / "server.log")
    try:
        return await _run(plan, group, sink)
    finally:
        if group.process is not None and group.process.poll() is None:
            group.kill_group()
        await sink.stop()
        log = base / "server.log"
        if folder is not None and log.exists():
            shutil.copy(log, folder / "kill-loop-server.log")
        shutil.rmtree(base, ignore_errors=True)


async def _run(plan: Plan, group: Group, sink: Sink) -> dict[str, Any]:
    await asyncio.to_thread(group.start)
    if plan.fan_outs:
        await subscribe_crowd(group.url)
    ledger, stop = Ledger(), asyncio.Event()
    clients = [Client(f"c{n}", group.url, ledger, plan.pause) for n in range(plan.clients)]
    if plan.fan_outs:
        clients.append(FanClient("fan", group.url, ledger, 0))
    tasks = [asyncio.create_task(client.run(stop)) for client in clients]
    began = time.monotonic()
    counts: Counter[str] = Counter()
    try:
        await _kill_all(plan, group, counts)
        await asyncio.sleep(plan.quiet_seconds)
        killing_seconds = time.monotonic() - began
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 120)
    finally:
        for task in tasks:
            task.cancel()
    await _drain(group)
    code = await asyncio.to_thread(group.stop)
    result = verdict(group.data / "tocsin.db", ledger, sink, sum(counts.values()))
    restarts = sorted(group.starts)
    return {
        **result,
        "ok": result["ok"] and code == 0 and counts["orphans"] == 0,
        "exit_code": code,
        "killed": dict(sorted(counts.items())),
        "seconds": round(killing_seconds, 1),
        "restart_median_s": round(restarts[len(restarts) // 2], 2),
        "restart_max_s": round(restarts[-1], 2),
    }


async def _kill_all(plan: Plan, group: Group, counts: Counter[str]) -> None:
    chance = random.Random(plan.seed + 1)
    for number, victim in enumerate(plan.order):
        await asyncio.sleep(chance.uniform(*plan.gap))
        if group.is_armed and not victim.startswith("fault:"):
            await asyncio.to_thread(group.kill_group)
            await asyncio.to_thread(group.start)
        if victim.startswith("fault:"):
            hit = await asyncio.to_thread(_kill_at, group, victim[6:], chance)
            counts[victim if hit else "fault_not_reached"] += 1
        elif victim == "group":
            await asyncio.to_thread(group.kill_group)
            await asyncio.to_thread(group.start)
            counts[victim] += 1
        elif victim == "supervisor":
            clean = await asyncio.to_thread(group.kill_supervisor)
            counts["orphans"] += not clean
            await asyncio.to_thread(group.start)
            counts[victim] += 1
        else:
            hit = await asyncio.to_thread(group.kill_child, victim)
            counts[victim if hit else "child_missing"] += 1
        if number % 20 == 19:
            _say(f"{number + 1}/{len(plan.order)} kills")
    counts["orphans"] += 0
    if group.is_armed:
        await asyncio.to_thread(group.kill_group)
        await asyncio.to_thread(group.start)


def _kill_at(group: Group, point: str, chance: random.Random) -> bool:
    """Restart with a fault armed and wait for it to strike; it stays armed until the next start."""
    # A checkpoint comes every few seconds; everything else many times a second.
    nth = 1 if point == "before_checkpoint" else chance.randint(1, 3)
    group.kill_group()
    group.start(fault=f"{point}:{nth}")
    return group.wait_for_death(FAULT_SECONDS)


async def _drain(group: Group, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    path = group.data / "tocsin.db"
    while time.monotonic() < deadline:
        if await asyncio.to_thread(is_drained, path):
            return
        await asyncio.sleep(0.3)
