"""`python -m bench b1|b2|fanout|idle|b6|all`: one JSON document on standard output.

Progress goes to standard error. The exit status is 1 when a gate does not hold.
"""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import orjson

from bench import b1, b2, b6, fanout, idle, progress, report
from bench.host import host_facts
from bench.peers.start import known_peers

Document = dict[str, Any]


def _b1(asked: argparse.Namespace, say: progress.Progress) -> Document:
    return b1.run(asked.rounds, asked.folder, say, asked.seconds)


def _b2(asked: argparse.Namespace, say: progress.Progress) -> Document:
    peers = known_peers(asked.huey_python, asked.dramatiq_python, asked.node_modules)
    sizes = b2.Sizes(runs=asked.runs, tx_runs=max(200, asked.runs // 5))
    return b2.run(asked.rounds, asked.folder, say, peers, sizes)


def _fanout(asked: argparse.Namespace, say: progress.Progress) -> Document:
    return fanout.run(asked.rounds, asked.folder, say)


def _idle(asked: argparse.Namespace, say: progress.Progress) -> Document:
    return idle.run(asked.folder, say, seconds=asked.idle_seconds)


def _b6(asked: argparse.Namespace, say: progress.Progress) -> Document:
    return b6.run(asked.folder, say, kills=asked.kills)


BENCHES: Final[dict[str, Callable[[argparse.Namespace, progress.Progress], Document]]] = {
    "b1": _b1,
    "b2": _b2,
    "fanout": _fanout,
    "idle": _idle,
    "b6": _b6,
}


def parser() -> argparse.ArgumentParser:
    """Build the command line."""
    made = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    made.add_argument("bench", nargs="?", default="all", choices=(*BENCHES, "all"))
    made.add_argument("--rounds", type=int, default=5, help="interleaved rounds [5]")
    made.add_argument("--json", action="store_true", help="one line, and no progress")
    made.add_argument("--folder", type=Path, help="where data folders are made: a real disk")
    made.add_argument("--runs", type=int, default=10_000, help="b2: runs of a backlog [10000]")
    made.add_argument("--seconds", type=float, default=2.0, help="b1: seconds of each load [2]")
    made.add_argument("--idle-seconds", type=float, default=60.0, help="idle: seconds [60]")
    made.add_argument("--kills", type=int, default=100, help="b6: kills [100]")
    made.add_argument("--huey-python", help="b2: a python that has huey and python-liquid")
    made.add_argument("--dramatiq-python", help="b2: one with dramatiq[redis] and python-liquid")
    made.add_argument("--node-modules", type=Path, help="b2: where bullmq and liquidjs are")
    return made


def main() -> int:
    """Run what was asked for and print its document."""
    asked = parser().parse_args()
    # As Ctrl-C does, so that servers are stopped and folders cleared away.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    say = progress.silent if asked.json else progress.aloud
    names = list(BENCHES) if asked.bench == "all" else [asked.bench]
    found = [BENCHES[name](asked, say) for name in names]
    whole = found[0]
    if len(found) > 1:
        is_ok = all(one["ok"] for one in found)
        whole = {"bench": "all", "ok": is_ok, "host": host_facts(), "benches": found}
    for one in found:
        for gate in one["gates"]:
            say(report.sentence(one["bench"], gate))
    option = 0 if asked.json else orjson.OPT_INDENT_2
    sys.stdout.write(orjson.dumps(whole, option=option).decode() + "\n")
    return 0 if whole["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
