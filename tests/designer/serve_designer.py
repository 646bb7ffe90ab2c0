"""Serve the designer and the sign-in pages alone, on a seeded or an empty world.

Run it with a port and a folder: `python -m tests.designer.serve_designer 8123 FOLDER [empty]`.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvicorn

from app.auth.login import create_login_app
from app.auth.sessions import csrf_token, keep_alive, session_of
from designer.services import DesignerServices
from designer.shell import create_designer
from engine.timing.clock import Clock, ManualClock
from storage.writer import GroupWriter, Writer
from tests.designer.seeded_world import NOW, World, empty_world, seeded_world


@dataclass
class Parts:
    """What the sign-in pages need."""

    database: Any
    writer: Writer
    clock: Clock
    settings: Any = None


def build(world: World, folder: Path) -> Any:
    """Join the sign-in pages and the designer behind a small dispatcher."""
    world.database.close()  # seeding opened the writer on this thread; serving has its own
    parts = Parts(world.database, GroupWriter(world.database), ManualClock(world.now))
    login = create_login_app(parts)
    designer = create_designer(
        DesignerServices(
            database=world.database,
            writer=parts.writer,
            clock=parts.clock,
            session_of=lambda scope: session_of(scope, parts),
            csrf_token=csrf_token,
            keep_alive=lambda scope: keep_alive(scope, parts),
            folder=folder / "interface",
        ),
        storage_secret="only for tests",
    )

    async def outer(scope: Any, receive: Any, send: Any) -> None:
        first = scope["path"][1:].partition("/")[0] if scope["type"] != "lifespan" else ""
        app = login if first in ("login", "logout", "setup") else designer
        await app(scope, receive, send)

    return outer


def main() -> None:
    """Seed the folder and serve it until the process ends."""
    port, folder = int(sys.argv[1]), Path(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    make = empty_world if "empty" in sys.argv[3:] else seeded_world
    now = datetime.now(UTC) if "live" in sys.argv[3:] else NOW
    world = make(folder / "tocsin.db", now)
    uvicorn.run(build(world, folder), host="127.0.0.1", port=port, log_level="warning")


if __name__ == "__main__":
    main()
