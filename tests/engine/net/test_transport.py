from __future__ import annotations

import asyncio
import gzip
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from engine.net.transport import HttpAnswer, HttpRequest, HttpTransport, NetFailure
from tests.engine.net.certificates import certificate
from tests.engine.net.raw_server import RawServer, say


@pytest.fixture
async def raw_server() -> AsyncIterator[RawServer]:
    async with RawServer().running() as server:
        yield server


@pytest.fixture
async def transport() -> AsyncIterator[HttpTransport]:
    transport = HttpTransport(max_answer=100_000)
    yield transport
    await transport.aclose()


async def send(transport: HttpTransport, url: str, **more: object) -> HttpAnswer | NetFailure:
    request = HttpRequest(method="GET", url=url, **more)  # type: ignore[arg-type]
    return await transport.send(request, timeout=5, allow_private=True)


async def failure(transport: HttpTransport, url: str, seconds: float = 5) -> NetFailure:
    request = HttpRequest(method="GET", url=url)
    answer = await transport.send(request, timeout=seconds, allow_private=True)
    assert isinstance(answer, NetFailure), answer
    return answer


async def test_method_path_headers_and_body_arrive_as_given(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    answer = await transport.send(
        HttpRequest(
            method="post",
            url=raw_server.url + "a%2Fb?x=1%202",
            headers=(("X-Text", "grüße"), ("content-type", "text/plain")),
            body=b"hello",
        ),
        timeout=5,
        allow_private=True,
    )
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, answer.body, answer.header("content-length")) == (200, b"ok", "2")
    assert answer.duration > 0
    head, _, body = raw_server.heard[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert lines[0] == "POST /a%2Fb?x=1%202 HTTP/1.1"
    assert "x-text: grüße" in lines
    assert "content-length: 5" in head.decode().lower()
    assert body == b"hello"


async def test_no_header_is_sent_that_nobody_asked_for(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    await send(transport, raw_server.url)
    names = {line.split(b":")[0].lower() for line in raw_server.heard[0].split(b"\r\n")[1:-2]}
    assert names == {b"host", b"accept-encoding", b"user-agent"}


@pytest.mark.parametrize(
    "name", ["Host", "Content-Length", "Transfer-Encoding", "Connection", "Expect"]
)
async def test_a_template_cannot_frame_or_route_the_request(
    name: str, transport: HttpTransport, raw_server: RawServer
) -> None:
    await send(transport, raw_server.url, headers=((name, "evil"),))
    assert b"evil" not in raw_server.heard[0]


@pytest.mark.parametrize(
    "header", [("x", "a\r\nevil: 1"), ("x", "a\nb"), ("x: y", "1"), ("", "1"), ("x", "\x00")]
)
async def test_a_header_that_breaks_out_of_its_line_is_not_sent(
    header: tuple[str, str], transport: HttpTransport, raw_server: RawServer
) -> None:
    answer = await send(transport, raw_server.url, headers=(header,))
    assert isinstance(answer, NetFailure)
    assert answer.kind == "invalid"
    assert raw_server.heard == []


async def test_a_malformed_method_is_not_sent(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    request = HttpRequest(method="GET / HTTP/1.1\r\nx: y", url=raw_server.url)
    answer = await transport.send(request, allow_private=True)
    assert isinstance(answer, NetFailure)
    assert (answer.kind, raw_server.heard) == ("invalid", [])


async def test_connections_are_kept_alive_and_cookies_are_not(raw_server: RawServer) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    # By name, since cookie jars do not keep what a bare address sets.
    transport = HttpTransport(resolve=resolve)
    raw_server.script = say(b"HTTP/1.1 200 OK\r\nSet-Cookie: a=b\r\nContent-Length: 0\r\n\r\n")
    for _ in range(3):
        answer = await send(transport, f"http://cookies.test:{raw_server.port}/")
        assert isinstance(answer, HttpAnswer)
    await transport.aclose()
    assert raw_server.connections == 1
    assert b"cookie" not in b"".join(raw_server.heard).replace(b"cookies.test", b"").lower()


async def test_a_redirect_is_an_answer_and_is_not_followed(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    raw_server.script = say(
        b"HTTP/1.1 302 Found\r\nLocation: http://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    )
    answer = await send(transport, raw_server.url)
    assert isinstance(answer, HttpAnswer)
    assert (answer.status, len(raw_server.heard)) == (302, 1)


async def test_without_permission_no_connection_is_made(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    answer = await transport.send(HttpRequest(method="GET", url=raw_server.url), timeout=5)
    assert isinstance(answer, NetFailure)
    assert (answer.kind, raw_server.connections) == ("refused_url", 0)


async def test_a_permitted_connection_is_not_lent_to_a_request_without_permission(
    raw_server: RawServer,
) -> None:
    answers = iter([["127.0.0.1"], ["93.184.216.34"]])

    async def rebinding(host: str, port: int) -> Sequence[str]:
        return next(answers)

    transport = HttpTransport(resolve=rebinding)
    request = HttpRequest(method="GET", url=f"http://rebind.test:{raw_server.port}/")
    assert isinstance(await transport.send(request, allow_private=True), HttpAnswer)
    # Allowed, for the name now leads to a public address; the open connection does not.
    await transport.send(request, timeout=0.2, allow_private=False)
    assert len(raw_server.heard) == 1
    await transport.aclose()


async def test_a_name_that_changes_its_address_after_the_check_gains_nothing(
    raw_server: RawServer,
) -> None:
    asked: list[str] = []

    async def rebinding(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return ["127.0.0.1"] if len(asked) == 1 else ["169.254.169.254"]

    transport = HttpTransport(resolve=rebinding)
    answer = await send(transport, f"http://rebind.test:{raw_server.port}/")
    assert isinstance(answer, HttpAnswer)
    assert asked == ["rebind.test"]
    assert b"host: rebind.test:" in raw_server.heard[0]
    later = await send(transport, f"http://rebind.test:{raw_server.port}/")
    assert isinstance(later, NetFailure)
    assert later.kind == "refused_url"
    await transport.aclose()


async def test_the_next_address_is_tried_when_the_first_does_not_answer(
    raw_server: RawServer,
) -> None:
    async def two(host: str, port: int) -> Sequence[str]:
        return ["::1", "127.0.0.1"]

    transport = HttpTransport(resolve=two)
    answer = await send(transport, f"http://two.test:{raw_server.port}/")
    assert isinstance(answer, HttpAnswer)
    await transport.aclose()


async def test_an_unknown_host_is_unresolved(transport: HttpTransport) -> None:
    answer = await failure(transport, "http://nobody.invalid/", 10)
    assert answer.kind in ("unresolved", "connection")  # no network at all: the latter


async def test_a_closed_port_is_a_connection_failure(transport: HttpTransport) -> None:
    async with RawServer().running() as server:
        url = server.url
    assert (await failure(transport, url)).kind == "connection"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (b"", "connection"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf", "connection"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhal", "connection"),
        (b"220 mail.example.com ESMTP\r\n", "invalid"),
        (b"\x00\x01\x02\x03\r\n\r\n", "invalid"),
        (b"HTTP/1.1 two OK\r\n\r\n", "invalid"),
        (b"HTTP/1.1 200 OK\r\n" + b"x: y\r\n" * 5000 + b"\r\n", "invalid"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n", "invalid"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope", "invalid"),
    ],
)
async def test_nonsense_and_broken_answers_are_failures(
    data: bytes, kind: str, transport: HttpTransport, raw_server: RawServer
) -> None:
    raw_server.script = say(data, close=True)
    assert (await failure(transport, raw_server.url)).kind == kind


async def test_compressed_answers_are_unpacked(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    for name, packed in ((b"gzip", gzip.compress(b"text")), (b"deflate", zlib.compress(b"text"))):
        head = b"HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %d\r\n\r\n"
        raw_server.script = say(head % (name, len(packed)) + packed)
        answer = await send(transport, raw_server.url)
        assert isinstance(answer, HttpAnswer)
        assert answer.body == b"text"


async def test_a_gzip_bomb_stops_at_the_cap(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    bomb = gzip.compress(bytes(50_000_000))
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n"
    raw_server.script = say(head % len(bomb) + bomb)
    started = time.perf_counter()
    assert (await failure(transport, raw_server.url)).kind == "too_large"
    assert time.perf_counter() - started < 1


async def test_an_endless_body_stops_at_the_cap(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    async def endless(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            writer.write(b"x" * 10_000)
            await writer.drain()

    raw_server.script = endless
    assert (await failure(transport, raw_server.url)).kind == "too_large"


async def test_a_drip_of_bytes_does_not_outlive_the_deadline(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    async def drip(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        while True:
            writer.write(b".")
            await writer.drain()
            await asyncio.sleep(0.02)

    raw_server.script = drip
    answer = await failure(transport, raw_server.url, 0.2)
    assert answer.kind == "timeout"
    assert 0.15 < answer.duration < 1


async def test_a_server_that_never_answers_is_given_up_at_the_deadline(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    async def hang(writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    raw_server.script = hang
    assert (await failure(transport, raw_server.url, 0.2)).kind == "timeout"


async def test_a_hanging_name_server_is_given_up_at_the_deadline() -> None:
    async def hang(host: str, port: int) -> Sequence[str]:
        await asyncio.Event().wait()
        return []

    transport = HttpTransport(resolve=hang)
    assert (await failure(transport, "http://slow.test/", 0.1)).kind == "timeout"
    await transport.aclose()


async def test_no_more_than_the_bound_is_in_flight_per_host(raw_server: RawServer) -> None:
    flying, peak = 0, 0

    async def slow(writer: asyncio.StreamWriter) -> None:
        nonlocal flying, peak
        flying += 1
        peak = max(peak, flying)
        await asyncio.sleep(0.01)
        flying -= 1
        writer.write(b"HTTP/1.1 204 No Content\r\n\r\n")

    raw_server.script = slow
    transport = HttpTransport(per_host=4)
    answers = await asyncio.gather(*(send(transport, raw_server.url) for _ in range(20)))
    assert all(isinstance(answer, HttpAnswer) for answer in answers)
    assert peak == 4
    await transport.aclose()


async def test_a_cancelled_send_leaves_the_transport_usable(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    reached = asyncio.Event()

    async def hang(writer: asyncio.StreamWriter) -> None:
        reached.set()
        await asyncio.Event().wait()

    raw_server.script = hang
    task = asyncio.create_task(send(transport, raw_server.url))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    raw_server.script = say(b"HTTP/1.1 204 No Content\r\n\r\n")
    assert isinstance(await send(transport, raw_server.url), HttpAnswer)


@pytest.mark.parametrize(("host", "works"), [("hooks.test", True), ("other.test", False)])
async def test_tls_is_checked_against_the_name_and_not_the_address(
    host: str, works: bool, tmp_path: Path
) -> None:
    file, pem = certificate(tmp_path, "hooks.test")
    seen: list[str | None] = []
    server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server_side.load_cert_chain(file)
    server_side.sni_callback = lambda _socket, name, _context: seen.append(name)
    client_side = ssl.create_default_context(cadata=pem)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"]

    transport = HttpTransport(resolve=resolve, ssl_context=client_side)
    async with RawServer().running(server_side) as server:
        answer = await send(transport, f"https://{host}:{server.port}/")
        await transport.aclose()
    assert seen == [host]
    assert isinstance(answer, HttpAnswer if works else NetFailure)
    if isinstance(answer, NetFailure):
        assert answer.kind == "connection"
        assert "TLS" in answer.message


async def test_a_closed_transport_can_be_used_again(
    transport: HttpTransport, raw_server: RawServer
) -> None:
    assert isinstance(await send(transport, raw_server.url), HttpAnswer)
    await transport.aclose()
    assert isinstance(await send(transport, raw_server.url), HttpAnswer)
