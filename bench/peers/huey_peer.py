"""huey on SQLite with fsync: one task per run. Usage: huey_peer.py FOLDER."""

import json
import os
import sys
import threading
from pathlib import Path

from huey import SqliteHuey

sys.path.insert(0, str(Path(__file__).parent))
from messages import Messages, finished

FOLDER = Path(sys.argv[1])
# The best of 1, 2, 4, 8 and 12, processes and threads, on two cores.
WORKERS = int(os.environ.get("PEER_WORKERS", "8"))
KIND = os.environ.get("PEER_KIND", "process")

huey = SqliteHuey(filename=str(FOLDER / "huey.db"), fsync=True, results=False)
own = {}


@huey.task()
def run(item):
    """Do one run on this worker's own connection."""
    worker = os.getpid(), threading.get_ident()
    if worker not in own:
        own[worker] = Messages(FOLDER)
    own[worker].run(item)


def main():
    """Enqueue everything, then let the consumer work it off."""
    items = json.loads((FOLDER / "job.json").read_text())["items"]
    for item in items:
        run(item)
    Messages(FOLDER).file.close()
    consumer = huey.create_consumer(
        workers=WORKERS, worker_type=KIND, periodic=False, initial_delay=0.01, max_delay=0.05
    )
    consumer.start()
    found = finished(FOLDER, len(items))
    consumer.stop(graceful=False)
    print(json.dumps({**found, "workers": WORKERS}))
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
