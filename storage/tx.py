"""One open write transaction, with every verb the engine commits through."""

from __future__ import annotations

from storage.sql import Sql


class Tx(Sql):
    """The verbs of the store, bound to one `BEGIN IMMEDIATE` of SQLite."""
