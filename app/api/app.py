"""Build the API: every resource module behind one dispatcher."""

from __future__ import annotations

from app.api.routes import endpoints
from app.http.dispatch import Dispatcher
from app.services import Services


def create_api(services: Services) -> Dispatcher:
    """Return the API as an ASGI application; it never answers HTML."""
    return Dispatcher(services, endpoints())
