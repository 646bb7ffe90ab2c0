"""Listen for the ring that says "work was committed"; polling is the fallback."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Callable
from pathlib import Path


class HintListener:
    """Wake the lanes when a datagram arrives at the data folder's socket."""

    def __init__(self, path: Path, wake: Callable[[], None]) -> None:
        """Bind the socket; a stale file of a killed executor is replaced."""
        self._path, self._wake = path, wake
        with contextlib.suppress(FileNotFoundError):
            path.unlink()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind(str(path))
        asyncio.get_running_loop().add_reader(self._socket.fileno(), self._ring)

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):
            while True:
                self._socket.recv(64)
        self._wake()

    def close(self) -> None:
        """Give the socket back."""
        asyncio.get_running_loop().remove_reader(self._socket.fileno())
        self._socket.close()
        with contextlib.suppress(FileNotFoundError):
            self._path.unlink()
