"""An engine and the API on one data file: messages are made by the one, read by the other."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.api.app import create_api
from app.services import Services
from storage import api_keys
from storage.api_keys import KeyKind
from storage.environments import put_environment
from storage.ids import SeededIds
from storage.tx import Tx
from storage.writer import DirectWriter
from tests.engine.world import World

IN_APP: dict[str, Any] = {
    "type": "channel", "ref": "in_app_feed_1", "channel_type": "in_app_feed",
    "channel_key": "in_app_feed",
    "template": {
        "markdown_body": "Hi **{{ recipient.name }}**, {{ text }}", "action_url": "https://x.test/a",
        "action_buttons": [{"label": "Open", "action": "https://x.test/b"}],
    },
}  # fmt: skip
EMAIL: dict[str, Any] = {
    "type": "channel", "ref": "email_1", "channel_type": "email", "channel_key": "email",
    "template": {
        "subject": "Hello {{ recipient.name }}", "settings": {},
        "html_body": "<p>{{ text }}</p>",
    },
}  # fmt: skip
SMS: dict[str, Any] = {
    "type": "channel", "ref": "sms_1", "channel_type": "sms", "channel_key": "sms",
    "template": {"text_body": "{{ text }}", "settings": {}},
}  # fmt: skip
PUSH: dict[str, Any] = {
    "type": "channel", "ref": "push_1", "channel_type": "push", "channel_key": "push",
    "template": {"title": "T", "text_body": "{{ text }}", "settings": {}},
}  # fmt: skip
CHAT: dict[str, Any] = {
    "type": "channel", "ref": "chat_1", "channel_type": "chat", "channel_key": "chat",
    "template": {"markdown_body": "{{ text }}"},
}  # fmt: skip
BATCH: dict[str, Any] = {
    "type": "batch", "ref": "batch_1",
    "settings": {"batch_window": {"unit": "minutes", "value": 10}},
}  # fmt: skip


@cache
def signing_key() -> rsa.RSAPrivateKey:
    """Make one key for the whole session; making them is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem() -> str:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return signing_key().public_key().public_bytes(serialization.Encoding.PEM, form).decode()


class Api:
    """Call the API without a socket, one call after the other."""

    def __init__(
        self, services: Services, key: str, loop: asyncio.AbstractEventLoop, token: str = ""
    ) -> None:
        self._app = create_api(services)
        self._key = key
        self._loop = loop
        self._token = token

    def call(self, method: str, path: str, **more: Any) -> httpx.Response:
        return self._loop.run_until_complete(self._call(method, path, **more))

    async def _call(self, method: str, path: str, **more: Any) -> httpx.Response:
        headers = {"authorization": f"Bearer {self._key}"}
        if self._token:
            headers["x-knock-user-token"] = self._token
        transport = httpx.ASGITransport(self._app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://tocsin.test") as client:
            return await client.request(method, path, headers=headers, **more)

    def get(self, path: str, **params: Any) -> Any:
        answer = self.call("GET", path, params=params or None)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def ids(self, path: str, **params: Any) -> list[str]:
        """List what a page names, by its ids."""
        body = self.get(path, **params)
        return [item["id"] for item in body.get("items", body.get("entries"))]

    def send(self, method: str, path: str, json: Any = None) -> Any:
        answer = self.call(method, path, json=json)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def status(self, method: str, path: str, **more: Any) -> int:
        return self.call(method, path, **more).status_code


class ApiWorld(World):
    """The engine's world, with the API's door to it for every key."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.db.write(self._open_door)
        self.web = Services(
            database=self.db, writer=DirectWriter(self.db), clock=self.clock, ids=SeededIds(7)
        )
        self.api = self.door("sk_development")

    def _open_door(self, tx: Tx) -> None:
        put_environment(tx, "production", now=self.clock.now())
        api_keys.add_signing_key(tx, "development", public_pem(), self.clock.now())
        for environment in ("development", "production"):
            for kind, prefix in ((KeyKind.SECRET, "sk"), (KeyKind.PUBLIC, "pk")):
                plain = f"{prefix}_{environment}"
                api_keys.create(
                    tx, environment=environment, kind=kind, name=plain, now=self.clock.now(),
                    plain=plain,
                )  # fmt: skip

    def door(self, key: str) -> Api:
        return Api(self.web, key, self.loop)

    def browser(
        self, user: str, grants: dict[str, Any] | None = None, is_explicit: bool = False
    ) -> Api:
        """Give the door to a browser that holds a user's token."""
        claims: dict[str, Any] = {"sub": user}
        if grants is not None:
            claims |= {"grants": grants, "explicit_grants": is_explicit}
        token = jwt.encode(claims, signing_key(), algorithm="RS256")
        return Api(self.web, "pk_development", self.loop, token)

    def channel_id(self, key: str) -> str:
        return str(self.sql().value("SELECT id FROM channels WHERE key = ?", (key,)))

    def one(self, step: str = "in_app_feed_1") -> str:
        """Give the id of the only message of a step."""
        (message,) = self.messages(step)
        return message.id

    def one_of(self, workflow: str, step: str) -> str:
        """Give the id of the only message of a workflow's step."""
        (message,) = [m for m in self.messages(step) if m.workflow == workflow]
        return message.id
