"""B1: what a durable acknowledgement costs, against an echo and against the disk's flush."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any, Final

from bench import client, load, report
from bench.host import floor, host_facts
from bench.progress import Progress
from bench.report import Gate
from bench.server import Site, Started, site
from storage.db import FILE_NAME, Database

SERVER_CORE: Final = 0
CLIENT_CORE: Final = 1
OPEN_RATE: Final = 1000.0


def run(rounds: int, folder: Path | None, say: Progress, seconds: float = 2.0) -> dict[str, Any]:
    """Measure the web process alone, then once with the executor draining beside it."""
    host = host_facts()
    with site(folder) as made:
        taken = _rounds(made, rounds, seconds, say)
        beside = _beside(made, seconds, say)
    medians = {
        name: report.median([one[name] for one in taken])
        for name in taken[0]
        if isinstance(taken[0][name], float)
    }
    ratio_1 = report.median(report.ratios(taken, "tocsin_c1_rate", "echo_c1_rate"))
    ratio_32 = report.median(report.ratios(taken, "tocsin_c32_rate", "echo_c32_rate"))
    flushes = report.median(report.ratios(taken, "tocsin_c1_p50_ms", "floor_p50_ms"))
    gates = [
        Gate("durable acknowledgements / echo, one client", ratio_1, 0.35, "least"),
        Gate("durable acknowledgements / echo, 32 clients", ratio_32, 0.35, "least"),
        Gate("median acknowledgement / median flush, one client", flushes, 6.0, "most"),
    ]
    refused = sum(int(one["refused"]) for one in taken)
    remarks = [f"{refused} requests were refused: rates count answers 200 only"] if refused else []
    return report.document(
        "b1", host=host, rounds=taken, medians=medians, gates=gates, remarks=remarks,
        client=client.name_of_client(), full_system=beside,
    )  # fmt: skip


def _rounds(made: Site, rounds: int, seconds: float, say: Progress) -> list[dict[str, Any]]:
    web = made.web(SERVER_CORE)
    asyncio.run(load.prepare_users(web.port))
    echo = Started([sys.executable, "-m", "bench.echo"], made.folder / "echo.log", SERVER_CORE)
    made.running.append(echo)
    taken = []
    client.closed(web.port, connections=32, seconds=seconds, tag="b1-first", core=CLIENT_CORE)
    for number in range(rounds):
        one: dict[str, Any] = {"floor_p50_ms": floor(made.folder)["p50_ms"], "refused": 0}
        for connections in (1, 32):
            for name, port in (("echo", echo.port), ("tocsin", web.port)):
                _move_wal(made)
                tag = f"b1-{name}-{number}-{connections}"
                found = client.closed(
                    port, connections=connections, seconds=seconds, tag=tag, core=CLIENT_CORE
                )
                one |= {f"{name}_c{connections}_{key}": found[key] for key in _FIGURES}
                one["refused"] += found["refused"]
        found = client.open_loop(
            web.port, rate=OPEN_RATE, seconds=seconds, tag=f"b1-open-{number}", core=CLIENT_CORE
        )
        one |= {f"tocsin_open_{key}": found[key] for key in _FIGURES}
        taken.append(one)
        say(
            f"b1 {number + 1}/{rounds}: c=1 {one['tocsin_c1_rate']:.0f}/s of"
            f" {one['echo_c1_rate']:.0f}, c=32 {one['tocsin_c32_rate']:.0f}/s of"
            f" {one['echo_c32_rate']:.0f}, p50 {one['tocsin_c1_p50_ms']} ms"
        )
    made.stop()
    return taken


def _move_wal(made: Site) -> None:
    """Do what the executor does in a whole system: let the log be written from its start again.

    Without it the log of a lonely web process would only ever grow, and each
    flush would have to make room on the disk as well.
    """
    database = Database(made.data / FILE_NAME, checkpoints=True)
    with database.transaction():
        pass
    database.checkpoint()
    database.close()


def _beside(made: Site, seconds: float, say: Progress) -> dict[str, Any]:
    """Load the whole system: its executor drains what the rounds left, and competes."""
    everything = made.all()
    found = {
        f"c{connections}": client.closed(
            everything.port, connections=connections, seconds=seconds, tag=f"b1-all-{connections}",
            core=CLIENT_CORE,
        )
        for connections in (1, 32)
    }  # fmt: skip
    found["open"] = client.open_loop(
        everything.port, rate=OPEN_RATE, seconds=seconds, tag="b1-all-open", core=CLIENT_CORE
    )
    say(f"b1 with the executor beside: c=32 {found['c32']['rate']:.0f}/s")
    made.stop()
    return found


_FIGURES: Final = ("rate", "p50_ms", "p99_ms")
