"""Ring the executor when work was committed; a lost ring costs a tick, never work."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import socket
import tempfile
from pathlib import Path
from typing import Final

FILE_NAME: Final = "hint.sock"
# The kernel takes socket paths of at most 107 bytes.
_LONGEST_PATH: Final = 100


def hint_path(folder: Path) -> Path:
    """Say where the executor of the data folder listens: inside it, if the path is short."""
    path = folder.resolve() / FILE_NAME
    if len(str(path).encode()) <= _LONGEST_PATH:
        return path
    name = hashlib.sha256(str(path).encode()).hexdigest()[:16]
    return Path(tempfile.gettempdir()) / f"tocsin-{name}.sock"


class HintSender:
    """Send one datagram per commit; never blocks and never raises."""

    def __init__(self, path: Path) -> None:
        """Remember the socket of the executor at `path`."""
        self._address = str(path)
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._is_due = False

    def soon(self) -> None:
        """Wake the executor once for all commits that are answered in this turn of the loop."""
        if not self._is_due:
            self._is_due = True
            asyncio.get_running_loop().call_soon(self.send)

    def send(self) -> None:
        """Wake the executor, if one listens."""
        self._is_due = False
        with contextlib.suppress(OSError):  # nobody listens, or its queue is full: it is awake
            self._socket.sendto(b"!", self._address)

    def close(self) -> None:
        """Give the socket back."""
        self._socket.close()
