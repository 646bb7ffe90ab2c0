"""Decide who calls, and whether the route is theirs; the default is no."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from app.auth.keys import key_owner
from app.auth.user_tokens import TenantScope, UserToken, verify
from engine.errors import Forbidden, NotFound, Unauthenticated
from storage import api_keys
from storage.api_keys import KeyKind, KeyOwner
from storage.sql import Sql

_ON_OBJECT: Final = "collection"


class WrongKeyKind(Forbidden):
    """A public key was used where only a secret one may be."""

    code = "incorrect_token_type"


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: an environment, a kind of key, and the user of a verified token."""

    environment: str
    kind: KeyKind | None
    token: UserToken | None = None

    @property
    def is_public(self) -> bool:
        """Tell a browser's key from a server's."""
        return self.kind is KeyKind.PUBLIC

    @property
    def user(self) -> str | None:
        """Name the acting user, if a token says who it is."""
        return None if self.token is None else self.token.user

    def tenant_scope(self, grant: str) -> TenantScope | None:
        """Give the tenants that feeds and preferences are limited to; None: no limit."""
        return None if self.token is None else self.token.tenant_scope(grant)

    def require(self, grant: str) -> None:
        """Let a token with explicit grants do only what it names.

        Raises:
            Forbidden: it does not hold `grant`.
        """
        if self.token is not None and not self.token.allows(grant):
            raise Forbidden(f"The user token does not grant {grant}")

    def require_tenant(self, tenant: str | None, grant: str) -> None:
        """Let only data of the token's tenants through.

        Raises:
            Forbidden: the token is limited to other tenants.
        """
        scope = self.tenant_scope(grant)
        if scope is not None and not scope.admits(tenant):
            raise Forbidden("The user token gives no access to this tenant")

    def require_entity(self, entity: str, grant: str) -> None:
        """Let a public key only touch an object or tenant that its token names.

        Raises:
            Forbidden: there is no token, or not with this grant.
        """
        if self.is_public and not (self.token and self.token.holds(entity, grant)):
            raise Forbidden(f"The user token does not grant {grant} on {entity}")


NOBODY: Final = Caller(environment="", kind=None)


def identify_caller(
    sql: Sql,
    headers: list[tuple[bytes, bytes]],
    params: Mapping[str, str],
    *,
    allows_public: bool,
    grant: str | None,
) -> Caller:
    """Name the caller of a route, or refuse.

    Raises:
        Unauthenticated: no usable key, or no usable user token where one is due.
        Forbidden: the key's kind, the token's user or its grants do not reach this route.
        NotFound: the request names a branch, and there is none of that name.
    """
    owner = key_owner(sql, headers)
    _check_branch(headers)
    if owner.kind is KeyKind.SECRET:
        return Caller(environment=owner.environment, kind=owner.kind)
    if not allows_public:
        raise WrongKeyKind("A public key may not call this endpoint: use a secret key")
    token = _user_token(sql, headers, owner)
    caller = Caller(environment=owner.environment, kind=owner.kind, token=token)
    _check_token(caller, params, grant)
    return caller


def _user_token(sql: Sql, headers: list[tuple[bytes, bytes]], owner: KeyOwner) -> UserToken | None:
    sent = b""
    for name, value in headers:
        if name == b"x-knock-user-token":
            sent = value.strip()
    if not sent and not owner.is_enhanced:
        return None
    keys = api_keys.signing_keys(sql, owner.environment)
    if owner.is_enhanced and not keys:
        verify("", keys)
    if not sent:
        raise Unauthenticated(
            "This environment asks for a user token beside a public key: "
            "add the header `X-Knock-User-Token`",
            code="missing_user_token",
        )
    return verify(sent.decode("latin-1"), keys)


def _check_token(caller: Caller, params: Mapping[str, str], grant: str | None) -> None:
    if _ON_OBJECT in params and grant is not None:
        path = f"objects/{params['collection']}/{params['id']}"
        caller.require_entity(path.replace("objects/$tenants/", "tenants/", 1), grant)
        return
    if caller.token is None:
        return
    if params.get("user_id", caller.token.user) != caller.token.user:
        raise Forbidden("The user token belongs to another user than the one in the path")
    if not caller.token.allows(grant):
        raise Forbidden(f"The user token does not grant {grant or 'this endpoint'}")


def _check_branch(headers: list[tuple[bytes, bytes]]) -> None:
    # One place for branches: no environment has any yet, so every name is unknown.
    for name, value in headers:
        if name == b"x-knock-branch" and value.strip():
            branch = value.strip().decode("latin-1")[:80]
            raise NotFound(
                f"There is no branch {branch!r} in this environment, for this release has none: "
                "leave out the header `X-Knock-Branch`, which clients take from `KNOCK_BRANCH`"
            )
