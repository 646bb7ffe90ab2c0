"""`python -m bench.kill --kills 1000`: the full kill loop, JSON on standard output."""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import Any

import orjson

from bench.crash.loop import Plan, run_loop


def main() -> int:
    """Run the loop; exit 0 when nothing was lost, doubled or stuck."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--faults-each", type=int, default=20)
    parser.add_argument("--triggers", type=int, default=None, help="least number [100 per kill]")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=None, help="where the data folder is made")
    parser.add_argument("--json", type=Path, default=None, help="file of the figures, also partial")
    asked = parser.parse_args()
    plan = Plan(
        kills=asked.kills, faults_each=asked.faults_each, seed=asked.seed,
        command_kills=asked.faults_each,
        triggers=100 * asked.kills if asked.triggers is None else asked.triggers,
    )  # fmt: skip

    def note(figures: dict[str, Any]) -> None:
        line = orjson.dumps({"partial": True, "seed": asked.seed, **figures})
        sys.stderr.write(line.decode() + "\n")
        sys.stderr.flush()
        if asked.json is not None:
            asked.json.write_bytes(line)

    result = asyncio.run(run_loop(plan, asked.folder, note)) | {"seed": asked.seed}
    text = orjson.dumps(result, option=orjson.OPT_INDENT_2)
    sys.stdout.write(text.decode() + "\n")
    if asked.json is not None:
        asked.json.write_bytes(text)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    raise SystemExit(main())
