"""B6: kill processes at random instants and count what was lost, doubled or stuck."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import orjson

from bench import report
from bench.host import floor, host_facts
from bench.progress import Progress
from bench.report import Gate


def run(folder: Path | None, say: Progress, *, kills: int = 100) -> dict[str, Any]:
    """Run the kill loop in a process of its own and read its verdict."""
    host = host_facts()
    command = [sys.executable, "-m", "bench.kill", "--kills", str(kills), "--faults-each", "1"]
    if folder is not None:
        command += ["--folder", str(folder)]
    say(f"b6: {kills} kills, for some minutes")
    done = subprocess.run(command, capture_output=True, check=False)
    try:
        verdict = orjson.loads(done.stdout)
    except orjson.JSONDecodeError:
        raise RuntimeError(f"the kill loop broke: {done.stderr.decode()[-1500:]}") from None
    gates = [Gate("the kill loop's own verdict (1: ok)", float(verdict["ok"]), 1.0, "least")]
    place = folder or Path()
    return report.document(
        "b6", host=host, rounds=[verdict], medians={}, gates=gates, floor=floor(place)
    )
