"""One open write transaction, with every verb the engine commits through."""

from __future__ import annotations

from storage.calls import CallVerbs
from storage.claims import ClaimVerbs
from storage.logs import LogVerbs
from storage.messages import MessageVerbs
from storage.timers import TimerVerbs
from storage.triggers import TriggerVerbs
from storage.windows import WindowVerbs


class Tx(TriggerVerbs, ClaimVerbs, WindowVerbs, TimerVerbs, MessageVerbs, CallVerbs, LogVerbs):
    """The verbs of the store, bound to one `BEGIN IMMEDIATE` of SQLite."""
