"""A world with two environments and their keys, and a client on the API's door."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml
from api_world import NOW, seed

from app.api.app import create_api
from app.services import Services
from engine.timing.clock import ManualClock
from storage.db import Database
from storage.ids import SeededIds
from storage.migrations import migrate
from storage.writer import DirectWriter


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    path = tmp_path / "tocsin.db"
    migrate(path)
    database = Database(path)
    database.write(seed)
    yield database
    database.close()


@pytest.fixture
def services(database: Database, clock: ManualClock) -> Services:
    return Services(database=database, writer=DirectWriter(database), clock=clock, ids=SeededIds())


@pytest.fixture
async def api(services: Services) -> AsyncIterator[httpx.AsyncClient]:
    """A client with the secret key of development; 500s come back as answers."""
    transport = httpx.ASGITransport(create_api(services), raise_app_exceptions=False)
    async with httpx.AsyncClient(
        transport=transport,
        base_url="http://tocsin.test",
        headers={"authorization": "Bearer sk_development"},
    ) as client:
        yield client


@pytest.fixture(scope="session")
def openapi() -> dict[str, Any]:
    """The published document, its nullable parts rewritten as JSON Schema knows them."""
    text = (Path(__file__).parent.parent / "data" / "openapi-api.yml").read_text()
    document: dict[str, Any] = with_nulls(yaml.load(text, Loader=yaml.CSafeLoader))
    return document


def with_nulls(node: Any) -> Any:
    """Turn OpenAPI's `nullable` into a union with null, and `oneOf` into `anyOf`.

    The document's alternatives overlap: an Object is a valid User too, for a
    user may have any property, so "exactly one of" can never hold.
    """
    if isinstance(node, list):
        return [with_nulls(item) for item in node]
    if not isinstance(node, dict):
        return node
    renamed = {"anyOf" if key == "oneOf" else key: value for key, value in node.items()}
    schema = {key: with_nulls(value) for key, value in renamed.items() if key != "nullable"}
    return {"anyOf": [schema, {"type": "null"}]} if node.get("nullable") is True else schema


@pytest.fixture(scope="session")
def conforms(openapi: dict[str, Any]) -> Callable[[str, Any], None]:
    """Fail unless a value has the published shape of that name."""

    def check(name: str, value: Any) -> None:
        schema = {
            "$ref": f"#/components/schemas/{name}",
            "components": openapi["components"],
        }
        jsonschema.Draft202012Validator(schema).validate(value)

    return check
