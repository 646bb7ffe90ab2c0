"""The world of a workflow that reaches Ann and Bob on a feed and by e-mail."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from message_world import EMAIL, IN_APP, Api, ApiWorld


@pytest.fixture
def world(tmp_path: Path) -> Iterator[ApiWorld]:
    world = ApiWorld(tmp_path)
    world.channels()
    world.user("ann", name="Ann", email="ann@example.com")
    world.user("bob", name="Bob", email="bob@example.com")
    world.workflow("hello", [IN_APP, EMAIL])
    world.workflow("ping", [IN_APP], categories=["product", "news"])
    yield world
    world.close()


@pytest.fixture
def door(world: ApiWorld) -> Api:
    return world.api


@pytest.fixture(scope="module")
def plain_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiWorld]:
    """A world that tests only look at, so that one serves them all."""
    world = ApiWorld(tmp_path_factory.mktemp("plain"))
    yield world
    world.close()
