"""One trigger to 10,000 subscribers: how soon it is acknowledged, how fast it is through."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, Final

import orjson

from bench import drain, load, report, work
from bench.host import floor, host_facts
from bench.progress import Progress
from bench.report import Gate
from bench.server import Site, Started, site

SUBSCRIBERS: Final = 10_000
_PAGE: Final = 100
_OBJECT: Final = "/v1/objects/shops/main/subscriptions"


def run(
    rounds: int, folder: Path | None, say: Progress, *, subscribers: int = SUBSCRIBERS
) -> dict[str, Any]:
    """Take turns: the same number of single triggers as a backlog, then one fan-out."""
    host = host_facts()
    with site(folder) as made:
        web = made.web()
        asyncio.run(load.prepare_users(web.port))
        asyncio.run(_subscribe(web.port, subscribers))
        taken = []
        for number in range(rounds):
            singles = drain.backlog(made, web, subscribers, f"single-{number}")
            one = {"floor_p50_ms": floor(made.folder)["p50_ms"], "singles_rate": singles.rate}
            one |= _fan_out(made, web, number, subscribers)
            taken.append(one)
            say(
                f"fanout {number + 1}/{rounds}: acknowledged in {one['ack_ms']:.1f} ms,"
                f" {one['fan_out_rate']:.0f} runs/s of {singles.rate:.0f}"
            )
    ratio = report.median(report.ratios(taken, "fan_out_rate", "singles_rate"))
    medians = {name: report.median([one[name] for one in taken]) for name in taken[0]}
    gates = [
        Gate("milliseconds until a fan-out is acknowledged", medians["ack_ms"], 50.0, "most"),
        Gate("fan-out rate / drain rate of single triggers", ratio, 1.0, "least"),
    ]
    return report.document("fanout", host=host, rounds=taken, medians=medians, gates=gates)


def _fan_out(made: Site, web: Started, number: int, subscribers: int) -> dict[str, float]:
    """Trigger the followed object while an idle executor is there; wait for the last one."""
    executor = made.executor()
    drain.accept(web.port, 1, f"warm-{number}")  # its render process has to be up
    drain.wait_until_settled(made)
    before = drain.count(made)
    acknowledged, began = asyncio.run(_trigger(web.port, number))
    settled = drain.wait_until_settled(made)
    executor.stop()
    made.running.remove(executor)
    drain.verify(before, drain.count(made), subscribers)
    return {
        "ack_ms": round(acknowledged * 1e3, 2),
        "fan_out_rate": round(subscribers / (settled - began), 1),
    }


async def _trigger(port: int, number: int) -> tuple[float, float]:
    recipient = {"collection": "shops", "id": "main"}
    body = orjson.dumps({"recipients": [recipient], "data": work.data(number)})
    path = f"/v1/workflows/{work.WORKFLOW}/trigger"
    connection = await load.connect(port)
    began = time.perf_counter()
    status, answer = await connection.send(load.request("POST", path, body, f"fan-{number}"))
    acknowledged = time.perf_counter() - began
    connection.close()
    if status != 200:
        raise RuntimeError(f"the fan-out was refused: {status} {answer[:200]!r}")
    return acknowledged, began


async def _subscribe(port: int, subscribers: int) -> None:
    def page(number: int) -> bytes:
        people = [
            {"id": f"fan-{n:05}", "name": f"fan {n:05}", "email": f"f{n}@example.com"}
            for n in range(number * _PAGE, min((number + 1) * _PAGE, subscribers))
        ]
        return load.request("POST", _OBJECT, orjson.dumps({"recipients": people}))

    pages = -(-subscribers // _PAGE)
    done = await load.closed_loop(port, page, connections=4, count=pages)
    if done.statuses[200] != pages:
        raise RuntimeError(f"subscribing was refused: {dict(done.statuses)}")
