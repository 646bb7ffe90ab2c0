"""What every Python peer does with one run: render, store two messages, send, mark as sent.

Imported by scripts that run in the peer's own environment: nothing of Tocsin
is needed here, only python-liquid.
"""

import json
import sqlite3
import time
import uuid
from pathlib import Path

from liquid import Environment

TABLE = """CREATE TABLE IF NOT EXISTS messages (id TEXT PRIMARY KEY, run TEXT NOT NULL,
 channel TEXT NOT NULL, status TEXT NOT NULL, content TEXT NOT NULL, began REAL, ended REAL)"""


def sink(key, content):
    """Take a message and do nothing: the same null sink for every contestant."""
    return key


class Messages:
    """Render and store on one connection that flushes every commit."""

    def __init__(self, folder):
        """Open the file and parse the templates once."""
        job = json.loads((Path(folder) / "job.json").read_text())
        environment = Environment(autoescape=True)
        self.templates = {
            name: environment.from_string(text) for name, text in job["templates"].items()
        }
        self.file = sqlite3.connect(
            Path(folder) / "messages.db", isolation_level=None, timeout=30, check_same_thread=False
        )
        self.file.execute("PRAGMA journal_mode = WAL")
        self.file.execute("PRAGMA synchronous = FULL")
        self.file.execute(TABLE)

    def run(self, item):
        """Do one run: two commits, as durable as the other side's."""
        began = time.time()
        texts = {name: template.render(**item) for name, template in self.templates.items()}
        mail = json.dumps({"subject": texts["subject"], "html": texts["html"]})
        mail_id, feed_id = str(uuid.uuid4()), str(uuid.uuid4())
        rows = [
            (feed_id, item["order"], "feed", "delivered", texts["feed"], began),
            (mail_id, item["order"], "email", "queued", mail, began),
        ]
        self.file.execute("BEGIN IMMEDIATE")
        self.file.executemany(
            "INSERT INTO messages (id, run, channel, status, content, began) VALUES (?,?,?,?,?,?)",
            rows,
        )
        self.file.execute("COMMIT")
        sink(mail_id, mail)
        self.file.execute(
            "UPDATE messages SET status = 'sent', ended = ? WHERE id = ?", (time.time(), mail_id)
        )


def finished(folder, runs, longest=240.0):
    """Wait until `runs` mails are sent; return the figures, without the peer's start-up."""
    path = Path(folder) / "messages.db"
    deadline = time.monotonic() + longest
    file = sqlite3.connect(path, timeout=30)
    while True:
        (done,) = file.execute("SELECT count(*) FROM messages WHERE status = 'sent'").fetchone()
        if done >= runs:
            break
        if time.monotonic() > deadline:
            raise SystemExit(f"only {done} of {runs} runs were done within {longest:.0f} s")
        time.sleep(0.1)
    first, last, messages = file.execute(
        "SELECT min(began), max(ended), count(*) FROM messages"
    ).fetchone()
    return {"seconds": last - first, "messages": messages}
