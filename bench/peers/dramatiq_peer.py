"""Dramatiq on Redis: one actor message per run. Usage: dramatiq_peer.py FOLDER."""

import json
import os
import subprocess
import sys
from pathlib import Path

import dramatiq
from dramatiq.brokers.redis import RedisBroker

sys.path.insert(0, str(Path(__file__).parent))
from messages import Messages, finished

FOLDER = Path(os.environ.get("PEER_FOLDER") or sys.argv[1])
JOB = json.loads((FOLDER / "job.json").read_text())
PROCESSES, THREADS = 2, 2

dramatiq.set_broker(RedisBroker(url=f"unix://{JOB['redis']}"))
own = {}


@dramatiq.actor
def run(item):
    """Do one run; threads of a process share one connection each by thread."""
    import threading

    key = threading.get_ident()
    if key not in own:
        own[key] = Messages(FOLDER)
    own[key].run(item)


def main():
    """Enqueue everything, then start the workers."""
    for item in JOB["items"]:
        run.send(item)
    Messages(FOLDER).file.close()
    here = str(Path(__file__).parent)
    workers = subprocess.Popen(
        [sys.executable, "-m", "dramatiq", "dramatiq_peer", "--path", here,
         "-p", str(PROCESSES), "-t", str(THREADS)],
        env={**os.environ, "PEER_FOLDER": str(FOLDER)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        found = finished(FOLDER, len(JOB["items"]))
    finally:
        workers.terminate()
        workers.wait()
    print(json.dumps({**found, "workers": PROCESSES * THREADS}))


if __name__ == "__main__":
    main()
