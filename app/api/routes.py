"""Collect the endpoints of every resource module by walking the package."""

from __future__ import annotations

import importlib
import pkgutil

import app.api
from app.http.routing import Endpoint


def endpoints() -> list[Endpoint]:
    """Give every endpoint of `app.api`, each once, in a stable order."""
    found: dict[int, Endpoint] = {}
    for info in sorted(pkgutil.walk_packages(app.api.__path__, "app.api."), key=lambda i: i.name):
        module = importlib.import_module(info.name)
        for value in vars(module).values():
            if isinstance(value, Endpoint):
                found.setdefault(id(value), value)
    return list(found.values())
