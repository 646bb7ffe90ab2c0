"""What the composition root hands to the API and to the designer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from app.api.admission import Admission
from engine.timing.clock import Clock
from engine.trigger.accept import Acceptor, Outcome, TriggerCommand
from storage.db import Database
from storage.ids import Ids, RandomIds
from storage.tx import Tx
from storage.writer import Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """The long-lived parts of one web process."""

    database: Database
    writer: Writer
    clock: Clock
    ids: Ids = field(default_factory=RandomIds)
    acceptor: Acceptor = field(default_factory=lambda: Acceptor(RandomIds()))
    admission: Admission = field(default_factory=Admission)
    settings: Any = None
    hint: Any = None
    sealer: Any = None

    def accept_all(self, tx: Tx, commands: Sequence[TriggerCommand]) -> Sequence[Outcome]:
        """Accept triggers that arrived together."""
        return self.acceptor.accept_all(tx, commands, self.clock.now())
