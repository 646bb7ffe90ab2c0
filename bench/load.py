"""Send requests over kept connections: as fast as answers come, or at a fixed rate."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, cast

import orjson

from bench import work

_LENGTH: Final = b"content-length:"


@dataclass(slots=True)
class Load:
    """What was answered, how fast, and with which statuses."""

    latencies: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: float = 0.0

    def figures(self) -> dict[str, Any]:
        """Give rate, median and 99th percentile; refusals are counted, not hidden."""
        times = sorted(self.latencies)
        good = self.statuses[200]
        return {
            "rate": round(good / self.seconds, 1) if self.seconds else 0.0,
            "p50_ms": round(times[len(times) // 2] * 1e3, 3) if times else None,
            "p99_ms": round(times[int(len(times) * 0.99)] * 1e3, 3) if times else None,
            "refused": sum(self.statuses.values()) - good,
        }


class Connection(asyncio.Protocol):
    """One HTTP/1.1 connection with one request in flight."""

    def __init__(self) -> None:
        """Start unconnected."""
        self._transport: asyncio.Transport | None = None
        self._pending = b""
        self._answer: asyncio.Future[tuple[int, bytes]] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Hand over an answer once it is whole."""
        self._pending += data
        head, gap, body = self._pending.partition(b"\r\n\r\n")
        if not gap:
            return
        at = head.lower().find(_LENGTH)
        length = int(head[at + len(_LENGTH) :].split(b"\r\n", 1)[0]) if at >= 0 else 0
        if len(body) < length:
            return
        self._pending = body[length:]
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head[9:12]), body[:length]))

    def connection_lost(self, exc: Exception | None) -> None:
        """Fail whoever waits."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed the connection"))

    async def send(self, request: bytes) -> tuple[int, bytes]:
        """Send one request and wait for its answer: status and body."""
        assert self._transport is not None
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def close(self) -> None:
        """Close the connection; at once, since nothing is left to say."""
        if self._transport is not None:
            self._transport.abort()


async def connect(port: int) -> Connection:
    """Open a connection to a local port."""
    _, made = await asyncio.get_running_loop().create_connection(Connection, "127.0.0.1", port)
    return made


def request(method: str, path: str, body: bytes, key: str = "") -> bytes:
    """Spell a request with the benchmark's API key; `key` guards it against repeats."""
    guard = f"Idempotency-Key: {key}\r\n" if key else ""
    head = (
        f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {work.KEY}\r\n"
        f"Content-Type: application/json\r\n{guard}Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def trigger(number: int, tag: str, workflow: str = work.WORKFLOW) -> bytes:
    """Spell trigger `number`; `tag` keeps the idempotency keys of two loads apart."""
    path = f"/v1/workflows/{workflow}/trigger"
    return request("POST", path, work.trigger_body(number), f"{tag}-{number}")


async def closed_loop(
    port: int,
    make: Callable[[int], bytes],
    *,
    connections: int,
    count: int | None = None,
    seconds: float | None = None,
) -> Load:
    """Keep `connections` requests in flight until `count` were sent or `seconds` are over."""
    load = Load()
    numbers = itertools.count() if count is None else iter(range(count))
    began = time.perf_counter()

    async def client() -> None:
        connection = await connect(port)
        for number in numbers:
            if seconds is not None and time.perf_counter() - began > seconds:
                break
            sent = make(number)
            at = time.perf_counter()
            status, _ = await connection.send(sent)
            load.latencies.append(time.perf_counter() - at)
            load.statuses[status] += 1
        connection.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    load.seconds = time.perf_counter() - began
    await asyncio.sleep(0)
    return load


async def open_loop(
    port: int, make: Callable[[int], bytes], *, rate: float, seconds: float, connections: int = 64
) -> Load:
    """Send at a fixed rate; latency counts from the instant a request was due.

    So a server that stalls is charged for everything that it made wait.
    """
    load = Load()
    idle: asyncio.Queue[Connection] = asyncio.Queue()
    made = [await connect(port) for _ in range(connections)]
    for connection in made:
        idle.put_nowait(connection)
    began = time.perf_counter() + 0.05
    tasks: list[asyncio.Task[None]] = []

    async def one(number: int, due: float) -> None:
        connection = await idle.get()
        try:
            status, _ = await connection.send(make(number))
        finally:
            idle.put_nowait(connection)
        load.latencies.append(time.perf_counter() - due)
        load.statuses[status] += 1

    for number in range(int(rate * seconds)):
        due = began + number / rate
        pause = due - time.perf_counter()
        if pause > 0:
            await asyncio.sleep(pause)
        tasks.append(asyncio.create_task(one(number, due)))
    await asyncio.gather(*tasks)
    load.seconds = time.perf_counter() - began
    for connection in made:
        connection.close()
    await asyncio.sleep(0)
    return load


async def prepare_users(port: int, count: int = work.USERS) -> None:
    """Identify the recipients, so that each has a name and an address."""
    await closed_loop(
        port,
        lambda n: request("PUT", f"/v1/users/{work.user(n)['id']}", orjson.dumps(work.user(n))),
        connections=8,
        count=count,
    )
