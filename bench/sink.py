"""A loopback receiver of webhooks that counts and forgets."""

from __future__ import annotations

import asyncio
import threading

_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Type: text/plain\r\n\r\nok"


class _Receiver(asyncio.Protocol):
    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pending = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._sink.open.add(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sink.open.discard(self._transport)

    def data_received(self, data: bytes) -> None:
        self._pending += data
        while True:
            head, gap, rest = self._pending.partition(b"\r\n\r\n")
            if not gap:
                return
            lines = head.lower().split(b"\r\n")
            length = next((int(x[15:]) for x in lines if x.startswith(b"content-length:")), 0)
            if len(rest) < length:
                return
            self._pending = rest[length:]
            self._sink.received += 1
            self._transport.write(_ANSWER)  # type: ignore[attr-defined]  # a TCP transport


class Sink:
    """Listen on a loopback port, on a thread of its own."""

    def __init__(self) -> None:
        """Start listening."""
        self.received = 0
        self.open: set[asyncio.BaseTransport] = set()
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(
            self._loop.create_server(lambda: _Receiver(self), "127.0.0.1", 0)
        )
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/"
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening and hang up."""
        asyncio.run_coroutine_threadsafe(self._hang_up(), self._loop).result(5)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=5)
        self._loop.close()

    async def _hang_up(self) -> None:
        self._server.close()
        for transport in list(self.open):
            transport.abort()  # type: ignore[attr-defined]  # a TCP transport
        while self.open:  # noqa: ASYNC110  # emptied by callbacks of this very loop
            await asyncio.sleep(0)
