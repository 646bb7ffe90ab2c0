"""B2: how fast a backlog drains, against a commit per step and against task queues."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from bench import drain, load, report, work
from bench.host import floor, host_facts
from bench.peers.start import Peer
from bench.progress import Progress
from bench.report import Gate
from bench.server import Site, Started, site
from bench.sink import Sink

# What the straightforward design does on a quiet machine of two cores.
_TX_PER_STEP: Final = (600.0, 950.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How many runs each contestant gets in a round: about as many as last some seconds."""

    runs: int = 10_000
    tx_runs: int = 2_000
    hook_runs: int = 2_000
    beside_seconds: float = 5.0


def run(
    rounds: int, folder: Path | None, say: Progress, peers: Sequence[Peer], sizes: Sizes
) -> dict[str, Any]:
    """Take turns between the contestants, `rounds` times."""
    host = host_facts()
    sink = Sink()
    try:
        with site(folder, sink.url) as made:
            web = made.web()
            asyncio.run(load.prepare_users(web.port))
            taken = [_round(made, web, n, peers, sizes, say) for n in range(rounds)]
            hook = drain.backlog(made, web, sizes.hook_runs, "hook", work.HOOKED)
            say(f"b2 with a webhook to a loopback sink: {hook.rate:.0f} runs/s")
            made.stop()
            beside = _beside(made, sizes.beside_seconds, say)
    finally:
        sink.close()
    names = ["tocsin", "tx_per_step", *(peer.name for peer in peers)]
    medians = {n: report.median([one.get(n) for one in taken]) for n in (*names, "floor_p50_ms")}
    over = {n: report.median(report.ratios(taken, "tocsin", n)) for n in names if n != "tocsin"}
    gates = [
        Gate("drain rate / one commit per step", over["tx_per_step"], 3.0, "least"),
        Gate("drain rate / huey on SQLite with fsync", over.get("huey"), 4.0, "least"),
    ]
    remarks = [peer.remark for peer in peers if peer.remark]
    known = [("tx_per_step", _TX_PER_STEP), *((p.name, p.expected) for p in peers)]
    remarks += filter(None, (report.far_below(n, medians[n], e) for n, e in known))
    if hook.runs != sink.received:
        remarks.append(f"the sink counted {sink.received} calls of {hook.runs}")
    return report.document(
        "b2", host=host, rounds=taken, medians=medians, gates=gates, remarks=remarks,
        tocsin_over=over, webhook={"runs_per_second": hook.rate, "sink_calls": sink.received},
        end_to_end=beside, sizes={"runs": sizes.runs, "tx_runs": sizes.tx_runs},
    )  # fmt: skip


def _round(
    made: Site, web: Started, number: int, peers: Sequence[Peer], sizes: Sizes, say: Progress
) -> dict[str, Any]:
    ours = drain.backlog(made, web, sizes.runs, f"b2-{number}")
    rival = drain.backlog(made, web, sizes.tx_runs, f"tx-{number}", claim=1, steps=1, lanes=1)
    one: dict[str, Any] = {
        "floor_p50_ms": floor(made.folder)["p50_ms"],
        "accepted": ours.accepted_per_second,
        "tocsin": ours.rate,
        "tx_per_step": rival.rate,
    }
    for peer in peers:
        one[peer.name] = peer.measure(made.folder)
    shown = ", ".join(f"{k} {v:.0f}/s" for k, v in one.items() if v and k != "floor_p50_ms")
    say(f"b2 round {number + 1}: {shown}")
    return one


def _beside(made: Site, seconds: float, say: Progress) -> dict[str, Any]:
    """Measure both ends at once: clients that never pause, and everything that they cause."""
    everything = made.all()
    done: dict[str, load.Load] = {}

    def press() -> None:
        done["load"] = asyncio.run(
            load.closed_loop(
                everything.port, lambda n: load.trigger(n, "beside"), connections=16,
                seconds=seconds,
            )
        )  # fmt: skip

    clients = threading.Thread(target=press)
    began = time.perf_counter()
    before = sum(drain.count(made).values())
    clients.start()
    clients.join()
    during = (sum(drain.count(made).values()) - before) / 2 / (time.perf_counter() - began)
    settled = drain.wait_until_settled(made)
    accepted = done["load"].statuses[200]
    found = {
        "accepted_per_second": done["load"].figures()["rate"],
        "runs_per_second_meanwhile": round(during, 1),
        "runs_per_second_to_the_last": round(accepted / (settled - began), 1),
        "ack_p50_ms": done["load"].figures()["p50_ms"],
        "ack_p99_ms": done["load"].figures()["p99_ms"],
    }
    say(f"b2 end to end: {found['runs_per_second_to_the_last']:.0f} runs/s with clients beside")
    return found
