"""The designer's pages in NiceGUI's simulated browser, on a seeded world."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from nicegui import ui
from nicegui.testing import User

from engine.timing.clock import ManualClock
from storage.members import Member, member_by_email
from storage.sql import Sql
from storage.writer import DirectWriter
from tests.designer.seeded_world import NOW, World, empty_world, seeded_world


@dataclass
class Desk:
    """A person before the designer: who is signed in can be changed while a page is open."""

    user: User
    world: World
    clock: ManualClock
    email: str | None = "olga@example.com"
    kept_alive: list[str] = field(default_factory=list)

    @property
    def sql(self) -> Sql:
        return self.world.database.read()

    def session_of(self, _: Any) -> Member | None:
        return member_by_email(self.sql, self.email) if self.email else None

    async def keep_alive(self, scope: Any) -> None:
        self.kept_alive.append(scope["path"])


def sit_down(user: User, world: World, folder: Path) -> Desk:
    from designer.services import DesignerServices
    from designer.shell import register_pages

    desk = Desk(user, world, ManualClock(NOW))

    @ui.page("/login")
    def sign_in() -> None:
        ui.label("The sign-in page")

    register_pages(
        DesignerServices(
            database=world.database,
            writer=DirectWriter(world.database),
            clock=desk.clock,
            session_of=desk.session_of,
            csrf_token=lambda _: "token-of-the-form",
            keep_alive=desk.keep_alive,
            folder=folder,
        )
    )
    return desk


@pytest.fixture
def desk(user: User, tmp_path: Path) -> Iterator[Desk]:
    world = seeded_world(tmp_path / "tocsin.db", triggers=60)
    yield sit_down(user, world, tmp_path)
    world.database.close()


@pytest.fixture
def empty_desk(user: User, tmp_path: Path) -> Iterator[Desk]:
    world = empty_world(tmp_path / "tocsin.db")
    yield sit_down(user, world, tmp_path)
    world.database.close()
