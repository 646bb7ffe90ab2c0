"""A receiver that records every call: its idempotent face keeps message ids once."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import orjson


@dataclass
class Sink:
    """Count calls per message id and effects per tag; bound to a loopback port."""

    calls: Counter[str] = field(default_factory=Counter)
    effects: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    activities: dict[str, int] = field(default_factory=dict)
    port: int = 0
    _server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, backlog=1024)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            self._server.close()

    @property
    def repeats(self) -> int:
        """Count calls beyond the first of each message: what a plain sink would see twice."""
        return sum(self.calls.values()) - len(self.calls)

    def _note(self, body: bytes) -> None:
        call = orjson.loads(body)
        message = call["message"]
        self.calls[message] += 1
        self.effects[call["tag"]].add(message)
        if "activities" in call:
            self.activities[message] = int(call["activities"])

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = 0
                for line in head.split(b"\r\n"):
                    if line.lower().startswith(b"content-length:"):
                        length = int(line.split(b":")[1])
                self._note(await reader.readexactly(length))
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()
