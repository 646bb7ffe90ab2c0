"""A world for tests that turn the whole engine by hand."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from storage.invariants import violations
from tests.engine.world import World


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """One channel per type, two people, and the phase rule checked at the end."""
    world = World(tmp_path)
    world.channels("scripted")
    world.user("ann", name="Ann", email="ann@example.com")
    world.user("bob", name="Bob", email="bob@example.com")
    yield world
    broken, unanswered = violations(world.sql()), world.transport.unanswered
    world.close()
    assert broken == {}
    assert unanswered == []
