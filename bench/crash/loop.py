"""The kill loop: load, kill, restart, repeat; then let it drain and count."""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.crash.clients import Client, FanClient, Ledger, subscribe_crowd
from bench.crash.commands import kill_commands
from bench.crash.group import Group
from bench.crash.killer import NO_KILLS, SERVING_POINTS, VICTIMS, Killer
from bench.crash.project import write_bootstrap, write_project
from bench.crash.sink import Sink
from bench.crash.verdict import is_drained, verdict

Note = Callable[[dict[str, Any]], None]


@dataclass
class Plan:
    """How many kills of which kind, in a random order that `seed` repeats."""

    kills: int
    faults_each: int
    seed: int = 1
    clients: int = 4
    pause: float = 0.02
    fan_outs: bool = True
    gap: tuple[float, float] = (0.05, 0.4)
    quiet_seconds: float = 0.0
    command_kills: int = 0
    triggers: int = 0  # the clients go on after the last kill until so many are acknowledged
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


async def run_loop(
    plan: Plan, folder: Path | None = None, note: Note = lambda _: None
) -> dict[str, Any]:
    """Run the plan in a fresh data folder and return the verdict; `note` gets partial figures."""
    base = Path(tempfile.mkdtemp(prefix="tocsin-kill-", dir=folder))
    sink = Sink()
    await sink.start()
    write_project(base / "project")
    write_bootstrap(base / "bootstrap.toml", base / "project", sink.port)
    group = Group(base / "data", base / "bootstrap.toml", _free_port(), base / "server.log")
    try:
        result = await _run(plan, group, sink, note)
        if plan.command_kills:
            commands = await asyncio.to_thread(
                kill_commands, base / "commands", base / "bootstrap.toml", plan.command_kills
            )
            result |= {"commands": commands, "ok": result["ok"] and commands["ok"]}
        return result
    finally:
        if group.process is not None and group.process.poll() is None:
            group.kill_group()
        await sink.stop()
        log = base / "server.log"
        if folder is not None and log.exists():
            shutil.copy(log, folder / "kill-loop-server.log")
        shutil.rmtree(base, ignore_errors=True)


async def _run(plan: Plan, group: Group, sink: Sink, note: Note) -> dict[str, Any]:
    await asyncio.to_thread(group.start)
    if plan.fan_outs:
        await subscribe_crowd(group.url)
    ledger, stop = Ledger(), asyncio.Event()
    clients = [Client(f"c{n}", group.url, ledger, plan.pause) for n in range(plan.clients)]
    if plan.fan_outs:
        clients.append(FanClient("fan", group.url, ledger, 0))
    tasks = [asyncio.create_task(client.run(stop)) for client in clients]
    began = time.monotonic()
    killer = Killer(plan, group, lambda: sink.repeats)

    def partial() -> dict[str, Any]:
        return killer.figures() | {
            "acknowledged_triggers": ledger.count,
            "plain_sink_repeats": sink.repeats,
            "seconds": round(time.monotonic() - began, 1),
        }

    try:
        await killer.run(lambda: note(partial()))
        killing_seconds = time.monotonic() - began
        acknowledged_under_kills = ledger.count
        await asyncio.sleep(plan.quiet_seconds)
        while ledger.count < plan.triggers:  # noqa: ASYNC110 - nobody announces a count
            await asyncio.sleep(0.5)
        stop.set()
        await asyncio.wait_for(asyncio.gather(*tasks), 120)
    finally:
        note(partial())
        for task in tasks:
            task.cancel()
    await _drain(group)
    code = await asyncio.to_thread(group.stop)
    kills = sum(killer.counts[kind] for kind in killer.counts if kind not in NO_KILLS)
    result = verdict(group.data / "tocsin.db", ledger, sink, kills)
    restarts = sorted(group.starts)
    return {
        **result,
        **killer.figures(),
        "ok": result["ok"] and code == 0 and not any(killer.counts[kind] for kind in NO_KILLS),
        "exit_code": code,
        "acknowledged_under_kills": acknowledged_under_kills,
        "seconds": round(killing_seconds, 1),
        "seconds_per_kill": round(killing_seconds / kills, 2) if kills else 0.0,
        "restart_median_s": round(restarts[len(restarts) // 2], 2),
        "restart_max_s": round(restarts[-1], 2),
    }


async def _drain(group: Group, seconds: float = 180.0) -> None:
    deadline = time.monotonic() + seconds
    path = group.data / "tocsin.db"
    while time.monotonic() < deadline:
        if await asyncio.to_thread(is_drained, path):
            return
        await asyncio.sleep(0.3)
