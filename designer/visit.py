"""Who opened which page of which environment; every page starts from one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar
from urllib.parse import quote, urlencode

from starlette.requests import Request

from designer.services import DesignerServices
from designer.theme import Theme, theme_of
from storage.db import Database
from storage.environments import Environment, get_account, list_environments
from storage.members import Member, Role, note_change
from storage.tx import Tx

T = TypeVar("T")
_READERS = frozenset({Role.SUPPORT, Role.BILLING})


class SignedOut(Exception):
    """The session ended while the page was open."""


class NotAllowed(Exception):
    """The member's role may look here, but not change anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """An opened page: the person, the environment in its address, and the services."""

    services: DesignerServices
    request: Request
    member: Member
    environment: Environment
    environments: tuple[Environment, ...]
    account: str
    zone: str

    @property
    def now(self) -> datetime:
        """Give the engine's time."""
        return self.services.clock.now()

    @property
    def database(self) -> Database:
        """Give the data file, for reading."""
        return self.services.database

    @property
    def theme(self) -> Theme:
        """Give the wanted theme."""
        return theme_of(self.request.cookies)

    @property
    def key(self) -> str:
        """Give the environment's key."""
        return self.environment.key

    @property
    def base_url(self) -> str:
        """Give the address under which the API of this server is reached."""
        wanted = getattr(self.services.settings, "base_url", None)
        return str(wanted or self.request.base_url).rstrip("/")

    def param(self, name: str) -> str:
        """Give a part of the address, such as a workflow's key."""
        return str(self.request.path_params[name])

    def query(self, name: str) -> str:
        """Give a filter from the address; empty if there is none."""
        return self.request.query_params.get(name, "").strip()

    def address(self, path: str, **query: str | None) -> str:
        """Give the address of a page of this environment; empty filters are left out."""
        given = {name: value for name, value in query.items() if value}
        tail = f"?{urlencode(given)}" if given else ""
        return f"/{quote(self.key)}/{quote(path)}{tail}"

    def can_change(self) -> bool:
        """Tell whether the member's role may change definitions in this environment."""
        if self.member.role is Role.PRODUCTION_MEMBER:
            return self.key == "production"
        return self.member.role not in _READERS

    async def change(
        self, action: str, subject: str, work: Callable[[Tx], T], **detail: object
    ) -> T:
        """Do one change in the name of who is signed in now, with its audit row.

        Asks for the session again, since an open page outlives it.

        Raises:
            SignedOut: the session ended.
            NotAllowed: the role may not change things here.
        """
        member = self.services.session_of(self.request.scope)
        if member is None:
            raise SignedOut
        if member.role != self.member.role or not self.can_change():
            raise NotAllowed
        address = self.request.client.host if self.request.client else None

        def recorded(tx: Tx) -> T:
            value = work(tx)
            note_change(
                tx, actor=member.email, action=action, now=self.now, environment=self.key,
                subject=subject, detail=dict(detail) or None, address=address,
            )  # fmt: skip
            return value

        return await self.services.writer.run(recorded)


def open_visit(services: DesignerServices, request: Request, member: Member) -> Visit | None:
    """Look the environment of the address up; None if there is no such environment."""
    sql = services.database.read()
    environments = tuple(list_environments(sql))
    wanted = request.path_params.get("environment")
    found = next((e for e in environments if e.key == wanted), None)
    if found is None:
        return None
    account = get_account(sql)
    return Visit(
        services=services,
        request=request,
        member=member,
        environment=found,
        environments=environments,
        account=account.name if account else "Tocsin",
        zone=account.timezone if account else "Etc/UTC",
    )
