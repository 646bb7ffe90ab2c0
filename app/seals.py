"""Open the master key that the settings give or the data folder holds."""

from __future__ import annotations

from app.settings import Settings
from storage.secrets import Sealer, load_master


def open_sealer(settings: Settings) -> Sealer:
    """Open the master key; the folder's is made if there is none."""
    given = settings.secret.get_secret_value() if settings.secret else None
    return Sealer(load_master(settings.data, given))
