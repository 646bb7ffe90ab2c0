"""Send and receive messages over a socket: a length of four bytes, then JSON."""

from __future__ import annotations

import socket
import struct
from typing import Final

_HEADER: Final = struct.Struct(">I")
_CHUNK: Final = 256 * 1024


def send(connection: socket.socket, payload: bytes) -> None:
    """Send one message; raises `OSError` when the other side is gone or stuck."""
    connection.sendall(_HEADER.pack(len(payload)) + payload)


class Receiver:
    """Take messages from a stream of bytes."""

    def __init__(self, connection: socket.socket) -> None:
        """Read from a connection, with whatever timeout it has."""
        self._connection = connection
        self._pending = bytearray()

    def receive(self) -> bytes | None:
        """Return the next message, or None when the other side is gone.

        Raises:
            TimeoutError: nothing came within the connection's timeout.
        """
        if not self._fill(_HEADER.size):
            return None
        (length,) = _HEADER.unpack_from(self._pending)
        end = _HEADER.size + length
        if not self._fill(end):
            return None
        message = bytes(memoryview(self._pending)[_HEADER.size : end])
        del self._pending[:end]
        return message

    def _fill(self, size: int) -> bool:
        while len(self._pending) < size:
            try:
                received = self._connection.recv(_CHUNK)
            except ConnectionError:
                return False
            if not received:
                return False
            self._pending += received
        return True
