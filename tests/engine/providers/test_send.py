from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure, SmtpAnswer, SmtpMail
from engine.net.slots import Slots
from engine.providers.base import (
    PROVIDERS,
    Accepted,
    Answer,
    Delivered,
    Provider,
    ProviderConfig,
    Rejected,
    Retryable,
    SendResult,
    discover_providers,
    secret,
)
from engine.providers.send import send_all, send_each
from storage.records import Outbound, RecipientRef

NOW = datetime(2026, 6, 1, 12, tzinfo=UTC)

discover_providers()


def outbound(number: int = 0, provider: str = "probe", channel: str = "c1") -> Outbound:
    return Outbound(
        message_id=f"m{number}",
        environment="development",
        channel_id=channel,
        channel_type="email",
        provider=provider,
        address="ann@example.com",
        recipient=RecipientRef("$users", "ann"),
        tenant=None,
        content={"number": number},
        overrides={},
        attempt=1,
        first_attempt_at=NOW,
        lease_epoch=1,
    )


class ProbeConfig(ProviderConfig):
    api_key: str | None = secret(title="Key")
    port: int = 1


class Probe(Provider[ProbeConfig]):
    """Sends its number; `fault` makes building or classifying raise."""

    id = "probe"
    title = "Probe"
    channel_types = frozenset({"email"})
    Config = ProbeConfig
    fault = ""

    def build(self, outbound: Outbound, config: ProbeConfig) -> HttpRequest:
        if self.fault == "build" and outbound.content["number"] == 1:
            raise ZeroDivisionError(f"with {config.api_key}")
        headers = (("authorization", f"Bearer {config.api_key}"),)
        return HttpRequest(
            method="POST",
            url=f"https://{outbound.channel_id}/{outbound.message_id}",
            headers=headers,
        )

    def stamp(
        self, request: HttpRequest, outbound: Outbound, config: ProbeConfig, now: datetime
    ) -> HttpRequest:
        return replace(request, headers=(*request.headers, ("x-at", now.isoformat())))

    def classify(self, answer: Answer) -> SendResult:
        if self.fault == "classify":
            raise KeyError("nonsense")
        assert isinstance(answer, HttpAnswer)
        if answer.status == 200:
            return Accepted("external")
        return Rejected(f"{answer.status}: {answer.body.decode()}")


class FakeTransport:
    """Answers by function and remembers what passed."""

    def __init__(self, reply: Callable[[HttpRequest], Any] | None = None) -> None:
        self.reply = reply or (lambda request: HttpAnswer(status=200))
        self.seen: list[HttpRequest] = []
        self.hang: str | None = None
        self.flying = self.peak = 0

    async def send(self, request: HttpRequest, **options: Any) -> HttpAnswer | NetFailure:
        self.seen.append(request)
        self.flying += 1
        self.peak = max(self.peak, self.flying)
        try:
            await asyncio.sleep(0)
            if self.hang and self.hang in request.url:
                await asyncio.Event().wait()
            return self.reply(request)
        finally:
            self.flying -= 1

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        raise AssertionError("no mail is sent here")


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Probe:
    probe = Probe()
    monkeypatch.setitem(PROVIDERS, "probe", probe)
    return probe


async def test_results_come_in_the_order_of_the_batch(probe: Probe) -> None:
    def reply(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=200 if request.url.endswith("0") else 400, body=b"no")

    batch = [outbound(0), outbound(1), outbound(2, provider="catch_all"), outbound(10)]
    results = await send_all(batch, {}, FakeTransport(reply))
    assert [type(result) for result in results] == [Accepted, Rejected, Accepted, Accepted]


async def test_no_more_than_twenty_sends_of_a_channel_are_in_flight(probe: Probe) -> None:
    transport = FakeTransport()
    await send_all([outbound(n) for n in range(60)], {}, transport)
    assert len(transport.seen) == 60
    assert transport.peak == 20


async def test_a_bound_is_shared_by_the_batches_of_a_process(probe: Probe) -> None:
    transport, limits = FakeTransport(), Slots(3)
    batches = [[outbound(n) for n in range(5)] for _ in range(4)]
    await asyncio.gather(*(send_all(batch, {}, transport, limits=limits) for batch in batches))
    assert transport.peak == 3
    assert limits.full() == frozenset()


async def test_a_hanging_channel_delays_only_its_own_messages(probe: Probe) -> None:
    transport, limits = FakeTransport(), Slots(2)
    transport.hang = "stuck"
    batch = [outbound(n, channel="stuck" if n % 2 else "fine") for n in range(20)]
    stream = send_each(batch, {}, transport, limits=limits)
    seen: set[int] = set()
    async for part in stream:
        seen |= {index for index, _ in part}
        if len(seen) == 10:
            break
    assert seen == set(range(0, 20, 2))
    assert limits.full() == {"stuck"}
    await stream.aclose()
    assert limits.full() == frozenset()
    assert transport.flying == 0


async def test_a_message_that_finds_no_place_in_time_is_left_unsent(probe: Probe) -> None:
    transport, limits = FakeTransport(), Slots(2)
    transport.hang = "stuck"
    batch = [outbound(n, channel="stuck") for n in range(5)]
    stream = send_each(batch, {}, transport, limits=limits, start_within=0.02)
    waiter = asyncio.create_task(anext(stream))
    finished, _ = await asyncio.wait([waiter], timeout=0.1)
    assert not finished
    assert len(transport.seen) == 2
    assert limits.full() == {"stuck"}
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    assert limits.full() == frozenset()


async def test_patience_ends_with_the_place_and_not_with_the_answer(probe: Probe) -> None:
    async def slow(request: HttpRequest, **options: Any) -> HttpAnswer:
        await asyncio.sleep(0.05)
        return HttpAnswer(status=200)

    transport = FakeTransport()
    transport.send = slow  # type: ignore[method-assign]
    parts = [part async for part in send_each([outbound()], {}, transport, start_within=0.01)]
    assert [type(result) for _, result in parts[0]] == [Accepted]


async def test_a_time_out_from_within_is_no_lack_of_patience(probe: Probe) -> None:
    def reply(request: HttpRequest) -> HttpAnswer:
        raise TimeoutError

    [result] = await send_all([outbound()], {}, FakeTransport(reply))
    assert result == Retryable("internal error while sending: TimeoutError")


async def test_a_message_that_cannot_be_built_costs_only_itself(probe: Probe) -> None:
    probe.fault = "build"
    results = await send_all(
        [outbound(0), outbound(1)], {"c1": {"api_key": "hush-hush"}}, FakeTransport()
    )
    assert isinstance(results[0], Accepted)
    assert results[1] == Rejected("the message could not be built: ZeroDivisionError")


async def test_an_answer_that_breaks_the_provider_is_tried_again(probe: Probe) -> None:
    probe.fault = "classify"
    [result] = await send_all([outbound()], {}, FakeTransport())
    assert result == Retryable("internal error while sending: KeyError")


async def test_a_transport_that_raises_is_tried_again(probe: Probe) -> None:
    def reply(request: HttpRequest) -> HttpAnswer:
        raise OSError("no more sockets")

    [result] = await send_all([outbound()], {}, FakeTransport(reply))
    assert result == Retryable("internal error while sending: OSError")


async def test_settings_that_do_not_fit_are_refused_without_repeating_them(probe: Probe) -> None:
    configs = {"c1": {"port": "planted-value"}}
    [result] = await send_all([outbound()], configs, FakeTransport())
    assert isinstance(result, Rejected)
    assert "port" in result.reason
    assert "planted-value" not in result.reason


async def test_a_secret_that_is_still_liquid_is_never_sent(probe: Probe) -> None:
    transport = FakeTransport()
    [result] = await send_all([outbound()], {"c1": {"api_key": "{{ vars.key }}"}}, transport)
    assert isinstance(result, Rejected)
    assert transport.seen == []


@pytest.mark.parametrize("provider", ["nobody", "webhook"])
async def test_a_provider_that_is_missing_or_of_another_channel_type_rejects(
    provider: str, probe: Probe
) -> None:
    [result] = await send_all([outbound(provider=provider)], {}, FakeTransport())
    assert isinstance(result, Rejected)


async def test_secrets_reach_neither_log_nor_reason(probe: Probe) -> None:
    def reply(request: HttpRequest) -> HttpAnswer:
        return HttpAnswer(status=401, headers=(("x-echo", "swordfish"),), body=b"bad swordfish")

    [result] = await send_all(
        [outbound()], {"c1": {"api_key": "swordfish"}}, FakeTransport(reply), secrets=["example"]
    )
    assert isinstance(result, Rejected)
    assert result.log is not None
    assert result.log["service_name"] == "Probe"
    assert result.log["response"]["body"] == "bad [masked]"
    assert "swordfish" not in repr(result)


async def test_the_instant_of_sending_reaches_the_request(probe: Probe) -> None:
    transport = FakeTransport()
    await send_all([outbound()], {}, transport, now=lambda: NOW)
    assert ("x-at", NOW.isoformat()) in transport.seen[0].headers


async def test_local_messages_need_no_task_and_run_by_the_thousand() -> None:
    batch = [outbound(n, provider="catch_all") for n in range(2000)]
    started = time.perf_counter()
    results = await send_all(batch, {}, FakeTransport())
    assert time.perf_counter() - started < 0.5
    assert results == [Accepted(f"m{n}") for n in range(2000)]
    assert Delivered("m0") not in results
