"""Name the files of a data folder, for those who must not load a database to know."""

from __future__ import annotations

from typing import Final

FILE_NAME: Final = "tocsin.db"
