"""The outside world on a script: what providers and servers answer, and when they were asked."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

import orjson

from engine.net.exchange import HttpAnswer, HttpRequest, NetFailure, SmtpAnswer, SmtpMail
from engine.providers.base import (
    Accepted,
    Answer,
    Bounced,
    Delivered,
    Provider,
    ProviderConfig,
    Rejected,
    Retryable,
    SendResult,
)
from engine.timing.clock import ManualClock
from storage.records import Outbound

HOST: Final = "provider.test"
# Tells what a scripted provider asks from what a step asks of a host of that name.
_MARK: Final = (("x-scripted", "1"),)
STATUS_OF: Final = {
    "accepted": 202,
    "delivered": 200,
    "retryable": 503,
    "rejected": 400,
    "bounced": 410,
}
OUTCOME_OF: Final = {status: outcome for outcome, status in STATUS_OF.items()}
TIMEOUT: Final = "timeout"


class ScriptedProvider(Provider[ProviderConfig]):
    """Ask the scripted transport what becomes of each message."""

    id = "scripted"
    title = "Scripted"
    channel_types = frozenset({"email", "sms", "push", "chat", "http"})

    def build(self, outbound: Outbound, config: ProviderConfig) -> HttpRequest:
        """Address the script by channel and message."""
        url = f"https://{HOST}/{outbound.channel_id}/{outbound.message_id}"
        return HttpRequest(method="POST", url=url, headers=_MARK, body=outbound.address.encode())

    def classify(self, answer: Answer) -> SendResult:
        """Read the outcome that the script gave."""
        if not isinstance(answer, HttpAnswer):
            return Retryable("the provider did not answer")
        match OUTCOME_OF[answer.status]:
            case "accepted":
                return Accepted()
            case "delivered":
                return Delivered()
            case "rejected":
                return Rejected("refused")
            case "bounced":
                return Bounced("no such recipient", token=answer.body.decode() or None)
            case _:
                return Retryable("try again later")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request that was made on behalf of a step; `status` None stands for a time-out."""

    at: datetime
    request: HttpRequest
    status: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempted:
    """A message that a provider was asked to send, and what it said."""

    at: datetime
    message_id: str
    outcome: str


@dataclass(slots=True)
class Rule:
    """Answers for the requests that match, used in order; the last one repeats."""

    match: dict[str, Any]
    responses: list[dict[str, Any]] = field(default_factory=list)

    def take(self) -> dict[str, Any]:
        """Give the next response."""
        return self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]


class ScriptedTransport:
    """Answer from a script in no time; a time-out takes the call's limit on the clock."""

    def __init__(self, clock: ManualClock) -> None:
        """Answer nothing yet."""
        self.clock = clock
        self.outcomes: dict[str, list[str]] = {}
        self.rules: list[Rule] = []
        self.asked: list[Asked] = []
        self.attempted: list[Attempted] = []
        self.sleepers: list[tuple[datetime, asyncio.Future[None]]] = []
        self.calls: Counter[str] = Counter()
        self.unanswered: list[str] = []

    def provide(self, channel_id: str, outcomes: Sequence[str]) -> None:
        """Let a channel's provider give these outcomes in turn; the last one repeats."""
        unknown = set(outcomes) - {*STATUS_OF, TIMEOUT}
        if unknown or not outcomes:
            raise ValueError(f"expected outcomes out of {[*STATUS_OF, TIMEOUT]}, got {outcomes}")
        self.outcomes[channel_id] = list(outcomes)

    def answer(self, match: dict[str, Any], responses: Sequence[dict[str, Any]]) -> None:
        """Answer requests that match with these responses; newer rules go first."""
        self.rules.insert(0, Rule(match, list(responses)))

    async def send(
        self,
        request: HttpRequest,
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - the signature of `Transport`
        allow_private: bool = False,
    ) -> HttpAnswer | NetFailure:
        """Answer a request from the script; an unscripted one is refused and noted."""
        host, _, path = request.url.removeprefix("https://").partition("/")
        self.calls[host] += 1
        limit = request.timeout if timeout is None else timeout
        if host == HOST and request.headers == _MARK:
            channel, _, message = path.partition("/")
            return await self._provider(channel, message, request.body or b"", limit)
        return await self._server(request, limit)

    async def _provider(
        self, channel: str, message: str, address: bytes, limit: float
    ) -> HttpAnswer | NetFailure:
        script = self.outcomes.get(channel, ["accepted"])
        outcome = script.pop(0) if len(script) > 1 else script[0]
        self.attempted.append(Attempted(at=self.clock.now(), message_id=message, outcome=outcome))
        if outcome == TIMEOUT:
            return await self._time_out(limit)
        return HttpAnswer(status=STATUS_OF[outcome], body=address)

    async def _server(self, request: HttpRequest, limit: float) -> HttpAnswer | NetFailure:
        rule = next((r for r in self.rules if _matches(r.match, request)), None)
        if rule is None:
            return self._unanswered(f"{request.method} {request.url}")
        response = rule.take()
        status = None if response.get("outcome") == TIMEOUT else int(response["status"])
        self.asked.append(Asked(at=self.clock.now(), request=request, status=status))
        if status is None:
            return await self._time_out(limit)
        body = response.get("text", "").encode()
        return HttpAnswer(
            status=status, body=orjson.dumps(response["json"]) if "json" in response else body
        )

    async def _time_out(self, limit: float) -> NetFailure:
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.sleepers.append((self.clock.now() + timedelta(seconds=limit), over))
        await over
        return NetFailure(kind="timeout", message="the server took too long", duration=limit)

    def next_wake(self) -> datetime | None:
        """Say when the first time-out is over."""
        return min((due for due, _ in self.sleepers), default=None)

    def wake(self, now: datetime) -> None:
        """End the time-outs that are over."""
        due = [s for s in self.sleepers if s[0] <= now]
        self.sleepers = [s for s in self.sleepers if s[0] > now]
        for _, over in due:
            if not over.done():
                over.set_result(None)

    async def mail(self, mail: SmtpMail) -> SmtpAnswer | NetFailure:
        """Refuse: no channel of a scenario speaks SMTP."""
        return self._unanswered(f"mail to {mail.recipients}")

    def _unanswered(self, what: str) -> NetFailure:
        """Note what no script answers; whoever plays the script fails for it."""
        self.unanswered.append(what)
        return NetFailure(kind="refused_url", message=f"no answer is scripted for {what}")


def _matches(match: dict[str, Any], request: HttpRequest) -> bool:
    method = match.get("method")
    if method is not None and method.upper() != request.method:
        return False
    url = match.get("url")
    return url is None or request.url == url or request.url.startswith(f"{url}?")
