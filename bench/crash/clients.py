"""Four clients that never give up: a trigger is repeated under its key until acknowledged."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.crash.project import KEY, SUBSCRIBERS

HEADERS = {"authorization": f"Bearer {KEY}"}
_CYCLE = ("plain", "delayed", "batched", "plain")


@dataclass
class Ledger:
    """What was acknowledged, by tag; and every answer that was neither 2xx nor a lost link."""

    acknowledged: dict[str, str] = field(default_factory=dict)
    batched: Counter[str] = field(default_factory=Counter)
    fans: dict[str, str] = field(default_factory=dict)
    refusals: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Count the acknowledged triggers."""
        return len(self.acknowledged) + sum(self.batched.values()) + len(self.fans)


class Client:
    """Trigger in a closed loop; `pause` bounds the rate."""

    def __init__(self, name: str, url: str, ledger: Ledger, pause: float) -> None:
        """Prepare the connection."""
        self.name, self.url, self.ledger, self.pause = name, url, ledger, pause

    async def run(self, stop: asyncio.Event) -> None:
        """Send until told to stop; what was begun is finished."""
        async with httpx.AsyncClient(base_url=self.url, headers=HEADERS, timeout=10) as http:
            for number in itertools.count():
                if stop.is_set():
                    return
                workflow = _CYCLE[number % len(_CYCLE)]
                tag = f"{self.name}-{number}"
                recipient = f"user-{self.name}-{number % 50}"
                body = {"recipients": [{"id": recipient}], "data": {"tag": tag}}
                run_id = await self._until_acknowledged(http, workflow, tag, body)
                if workflow == "batched":
                    self.ledger.batched[recipient] += 1
                else:
                    self.ledger.acknowledged[tag] = run_id
                await asyncio.sleep(self.pause)

    async def _until_acknowledged(
        self, http: httpx.AsyncClient, workflow: str, tag: str, body: dict[str, Any]
    ) -> str:
        while True:
            try:
                answer = await http.post(
                    f"/v1/workflows/{workflow}/trigger", json=body,
                    headers={"idempotency-key": f"{workflow}-{tag}"},
                )  # fmt: skip
            except httpx.HTTPError:
                await asyncio.sleep(0.05)
                continue
            if answer.status_code == 200:
                return str(answer.json()["workflow_run_id"])
            self.ledger.refusals[answer.status_code] += 1
            await asyncio.sleep(0.1)


class FanClient(Client):
    """Keep a 10,000-subscriber fan-out in flight, another when the last is mostly done."""

    async def run(self, stop: asyncio.Event) -> None:
        """Trigger the followed object, wait until nine in ten have their message, repeat."""
        async with httpx.AsyncClient(base_url=self.url, headers=HEADERS, timeout=10) as http:
            for number in itertools.count():
                if stop.is_set():
                    return
                body = {
                    "recipients": [{"collection": "crowds", "id": "all"}],
                    "data": {"tag": f"fan-{number}"},
                }
                tag = f"fan-{number}"
                run_id = await self._until_acknowledged(http, "fan", tag, body)
                self.ledger.fans[tag] = run_id
                await self._until_done(http, run_id, stop)

    async def _until_done(self, http: httpx.AsyncClient, run_id: str, stop: asyncio.Event) -> None:
        """Watch a late subscriber's message: nobody is left without, and the backlog is bounded."""
        last = f"crowd-{SUBSCRIBERS * 9 // 10 - 1}"
        while not stop.is_set():
            try:
                answer = await http.get(
                    f"/v1/users/{last}/messages",
                    params={"workflow_run_id": run_id, "page_size": 1},
                )
                if answer.status_code == 200 and answer.json()["items"]:
                    return
            except httpx.HTTPError:
                pass
            await asyncio.sleep(0.3)


async def subscribe_crowd(url: str) -> None:
    """Make the followers of the object that fans out."""
    async with httpx.AsyncClient(base_url=url, headers=HEADERS, timeout=30) as http:
        for start in range(0, SUBSCRIBERS, 100):
            ids = [f"crowd-{n}" for n in range(start, start + 100)]
            answer = await http.post(
                "/v1/objects/crowds/all/subscriptions", json={"recipients": ids}
            )
            answer.raise_for_status()
