"""Verify the RS256 tokens that customers sign for their users, and read their grants."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from engine.errors import Unauthenticated

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

# What checks signatures is imported with the first token: it takes long, and many servers see none.
SKEW_SECONDS: Final = 60
_FEED: Final = {
    "user_feed/read": "user/feed_read",
    "user_feed/write": "user/feed_write",
    "feed/read": "user/feed_read",
    "feed/write": "user/feed_write",
}
# A tenant's grant can stand for the user's only where data is kept per tenant.
_PER_TENANT: Final = frozenset(
    {"user/feed_read", "user/feed_write", "preferences/read", "preferences/write"}
)
_TENANTS: Final = "tenants/"


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantScope:
    """The tenants that a token may see; `has_none` admits what belongs to no tenant."""

    tenants: frozenset[str]
    has_none: bool

    def admits(self, tenant: str | None) -> bool:
        """Tell whether data of `tenant` may be seen."""
        return self.has_none if tenant is None else tenant in self.tenants


@dataclass(frozen=True, slots=True, kw_only=True)
class UserToken:
    """A verified token: whose it is, and what it grants on which entity.

    Entities are paths such as `users/ann`, `tenants/acme`, `objects/projects/1`.
    """

    user: str
    grants: Mapping[str, frozenset[str]] = field(default_factory=dict)
    is_explicit: bool = False

    def holds(self, entity: str, grant: str) -> bool:
        """Tell whether the token names this grant on this entity."""
        return grant in self.grants.get(entity, ())

    def allows(self, grant: str | None) -> bool:
        """Tell whether the user's own endpoints under `grant` are open to the token."""
        if not self.is_explicit:
            return True
        if grant is None:
            return False
        if self.holds(f"users/{self.user}", grant):
            return True
        return grant in _PER_TENANT and any(
            grant in held for entity, held in self.grants.items() if entity.startswith(_TENANTS)
        )

    def tenant_scope(self, grant: str) -> TenantScope | None:
        """Give the tenants that feed and preference access is limited to; None: no limit."""
        named = {e for e in self.grants if e.startswith(_TENANTS)}
        if not named:
            return None
        open_ = {e for e in named if not self.is_explicit or grant in self.grants[e]}
        return TenantScope(
            tenants=frozenset(e.removeprefix(_TENANTS) for e in open_),
            has_none=self.holds(f"users/{self.user}", grant),
        )


def verify(token: str, public_keys: Sequence[str]) -> UserToken:
    """Check signature, times and shape of a token.

    The keys are the environment's; nothing in the token chooses one. The
    makers of tokens read the wall clock, so times are held against it even
    where the engine's clock runs faster.

    Raises:
        Unauthenticated: there is no key, or no key accepts the token.
    """
    if not public_keys:
        raise Unauthenticated(
            "This environment has no signing key, so no user token can be checked: add one",
            code="missing_jwt_signing_key",
        )
    for pem in public_keys:
        claims = _claims(token, pem)
        if claims is not None:
            return _read(claims)
    raise _invalid("its signature, expiry or form is wrong")


def _claims(token: str, pem: str) -> dict[str, Any] | None:
    import jwt

    key = _load(pem)
    if key is None:
        return None
    try:
        return jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            leeway=SKEW_SECONDS,
            options={"require": ["sub"], "verify_aud": False},
        )
    except jwt.InvalidTokenError:
        return None


@lru_cache(maxsize=64)
def _load(pem: str) -> RSAPublicKey | None:
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    raw = pem.strip().encode()
    try:
        if not raw.startswith(b"-----"):
            raw = base64.b64decode(raw, validate=True)
        key = load_pem_public_key(raw)
    except (ValueError, binascii.Error, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, RSAPublicKey) else None


def _read(claims: dict[str, Any]) -> UserToken:
    grants: dict[str, frozenset[str]] = {}
    given = claims.get("grants") or {}
    if not isinstance(given, dict):
        raise _invalid("`grants` must be an object")
    for uri, held in given.items():
        if not isinstance(held, dict):
            raise _invalid(f"the grants of {uri!r} must be an object")
        names: frozenset[str] = frozenset(_FEED.get(str(name), str(name)) for name in held)
        entity = entity_path(uri)
        grants[entity] = grants.get(entity, frozenset()) | names
    if not claims["sub"]:
        raise _invalid("`sub` is empty")
    return UserToken(
        user=claims["sub"], grants=grants, is_explicit=claims.get("explicit_grants") is True
    )


def entity_path(uri: str) -> str:
    """Reduce an entity's address to its path below the version, whatever the host.

    A tenant is one whether it is named as tenant or as object of `$tenants`.
    """
    path = unquote(urlsplit(uri).path).strip("/").removeprefix("v1/")
    collection, _, id = path.removeprefix("objects/").partition("/")
    if path.startswith("objects/") and collection == "$tenants":
        return _TENANTS + id
    return path


def _invalid(reason: str) -> Unauthenticated:
    return Unauthenticated(f"The user token is not valid: {reason}", code="invalid_user_token")
