"""Who may call what: default deny, kinds of keys, user tokens, grants."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from app.api.routes import endpoints
from app.auth.user_tokens import entity_path
from app.http.routing import Callers, Route
from storage import api_keys
from storage.api_keys import KeyKind
from storage.db import Database

NOW = datetime(2026, 5, 4, tzinfo=UTC)
ROUTES = [declared for endpoint in endpoints() for declared in endpoint.routes]
PK = {"authorization": "Bearer pk_development"}
USER = "https://api.knock.app/v1/users/ann"
Token = Callable[..., dict[str, str]]


def name(declared: Route) -> str:
    return f"{declared.method} {declared.path}"


def concrete(declared: Route) -> str:
    return re.sub(r"{\w+}", "x", declared.path)


def pem(key: rsa.RSAPrivateKey) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


@pytest.fixture(scope="module")
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def token(key: rsa.RSAPrivateKey, database: Database) -> Token:
    """Give headers with a token for ann, signed by the key of development."""
    database.write(lambda tx: api_keys.add_signing_key(tx, "development", pem(key), NOW))

    def make(sub: Any = "ann", **claims: Any) -> dict[str, str]:
        signed = jwt.encode({"sub": sub, "iat": int(time.time()), **claims}, key, "RS256")
        return {**PK, "x-knock-user-token": signed}

    return make


def enhance(database: Database) -> None:
    database.write(
        lambda tx: tx.run("UPDATE environments SET enhanced_security = 1 WHERE key = 'development'")
    )


def code(answer: httpx.Response) -> tuple[int, str]:
    return answer.status_code, answer.json().get("code", "")


# ------------------------------------------------------------------ keys


def test_there_are_routes_and_each_names_its_callers_and_tier() -> None:
    assert len(ROUTES) > 30
    assert all(declared.callers and 1 <= declared.tier <= 5 for declared in ROUTES)


@pytest.mark.req("R-39")
@pytest.mark.parametrize("declared", ROUTES, ids=name)
async def test_every_route_refuses_callers_without_a_key(
    api: httpx.AsyncClient, declared: Route
) -> None:
    answer = await api.request(declared.method, concrete(declared), headers={"authorization": ""})
    if Callers.ANYONE in declared.callers:
        assert answer.status_code not in (401, 403)
    else:
        assert code(answer) == (401, "authentication_required")
        assert answer.json()["type"] == "authentication_error"


@pytest.mark.req("R-39")
@pytest.mark.parametrize("declared", [r for r in ROUTES if r.callers == Callers.SECRET], ids=name)
async def test_a_public_key_is_refused_on_every_secret_route(
    api: httpx.AsyncClient, declared: Route
) -> None:
    answer = await api.request(declared.method, concrete(declared), headers=PK)
    assert code(answer) == (403, "incorrect_token_type")


def test_a_public_key_reaches_only_the_published_recipient_routes() -> None:
    user = "/v1/users/{user_id}"
    channel = "/channel_data/{channel_id}"
    published = {
        *(f"{m} {user}" for m in ("GET", "PUT")),
        f"GET {user}/preferences",
        *(f"{m} {user}/preferences/{{set_id}}" for m in ("GET", "PUT")),
        *(f"PUT {user}/preferences/{{set_id}}/{part}"
          for part in ("channel_types", "workflows", "categories")),
        f"PUT {user}/preferences/{{set_id}}/channel_types/{{type}}",
        f"PUT {user}/preferences/{{set_id}}/workflows/{{key}}",
        f"PUT {user}/preferences/{{set_id}}/categories/{{key}}",
        *(f"{m} {user}{channel}" for m in ("GET", "PUT", "DELETE")),
        *(f"{m} /v1/objects/{{collection}}/{{id}}{channel}" for m in ("GET", "PUT")),
    }  # fmt: skip
    others = ("/feeds/", "/messages", "/guides/", "/preference_center/")
    open_ = {name(r) for r in ROUTES if Callers.PUBLIC in r.callers}
    assert {n for n in open_ if not any(part in n for part in others)} == published


async def test_an_unknown_key_is_not_the_same_as_none(api: httpx.AsyncClient) -> None:
    for value in ("Bearer sk_other", "bearer  knock_st_x"):
        answer = await api.get("/v1/users", headers={"authorization": value})
        assert code(answer) == (401, "api_key_missing")
    for value in ("Basic c2s6", "Bearer ", "sk_development"):
        answer = await api.get("/v1/users", headers={"authorization": value})
        assert code(answer) == (401, "authentication_required")


@pytest.mark.req("R-41")
async def test_a_revoked_key_ends_at_once_and_its_neighbour_goes_on(
    api: httpx.AsyncClient, database: Database
) -> None:
    plain = database.write(
        lambda tx: api_keys.create(
            tx, environment="development", kind=KeyKind.SECRET, name="ci", now=NOW
        )
    )
    headers = {"authorization": f"Bearer {plain}"}
    assert (await api.get("/v1/users", headers=headers)).status_code == 200
    listed = {k.name: k for k in api_keys.list_keys(database.read(), "development")}
    assert plain.startswith(listed["ci"].shown)
    assert len(listed["ci"].shown) < 10
    id = listed["ci"].id
    assert not database.write(lambda tx: api_keys.revoke(tx, "production", id, NOW))
    assert database.write(lambda tx: api_keys.revoke(tx, "development", id, NOW))
    assert code(await api.get("/v1/users", headers=headers)) == (401, "api_key_missing")
    assert (await api.get("/v1/users")).status_code == 200


@pytest.mark.req("R-41")
async def test_any_text_is_a_legal_key_and_the_file_does_not_hold_it(
    api: httpx.AsyncClient, database: Database
) -> None:
    plain = "My API Key"
    for _ in range(2):
        database.write(
            lambda tx: api_keys.create(
                tx, environment="development", kind=KeyKind.SECRET, name="own", now=NOW,
                plain=plain,
            )
        )  # fmt: skip
    assert (
        await api.get("/v1/users", headers={"authorization": f"Bearer {plain}"})
    ).status_code == 200
    dump = str(database.read().rows("SELECT * FROM api_keys"))
    assert plain not in dump
    assert "sk_development" not in dump
    assert "pk_development" in dump


async def test_an_unknown_branch_is_missing_and_the_header_to_leave_out_is_named(
    api: httpx.AsyncClient, database: Database
) -> None:
    answer = await api.put("/v1/users/ann", json={}, headers={"x-knock-branch": "feature"})
    assert code(answer) == (404, "resource_missing")
    message = answer.json()["message"]
    assert "no branch 'feature'" in message
    assert "leave out the header `X-Knock-Branch`" in message
    assert database.read().rows("SELECT * FROM recipients") == []
    assert (await api.get("/v1/users", headers={"x-knock-branch": " "})).status_code == 200


# ------------------------------------------------------------------ user tokens


async def test_without_enhanced_security_a_token_is_optional(api: httpx.AsyncClient) -> None:
    assert (await api.put("/v1/users/ann", json={}, headers=PK)).status_code == 200


@pytest.mark.req("R-42")
async def test_enhanced_security_asks_for_a_key_then_for_a_token(
    api: httpx.AsyncClient, database: Database, key: rsa.RSAPrivateKey
) -> None:
    enhance(database)
    answer = await api.put("/v1/users/ann", json={}, headers=PK)
    assert code(answer) == (401, "missing_jwt_signing_key")
    database.write(lambda tx: api_keys.add_signing_key(tx, "development", pem(key), NOW))
    assert code(await api.put("/v1/users/ann", json={}, headers=PK)) == (401, "missing_user_token")
    signed = {**PK, "x-knock-user-token": jwt.encode({"sub": "ann"}, key, "RS256")}
    assert (await api.put("/v1/users/ann", json={}, headers=signed)).status_code == 200
    assert (await api.put("/v1/users/ann", json={})).status_code == 200


@pytest.mark.req("R-42")
async def test_a_token_opens_only_its_own_users_paths(api: httpx.AsyncClient, token: Token) -> None:
    assert (await api.put("/v1/users/ann", json={}, headers=token())).status_code == 200
    answer = await api.put("/v1/users/bob", json={}, headers=token())
    assert code(answer) == (403, "forbidden")


@pytest.mark.req("R-42")
@pytest.mark.parametrize(
    "claims",
    [{"exp": 1}, {"nbf": 2**31}, {"sub": None}, {"sub": ""}, {"sub": 7},
     {"exp": "soon"}, {"grants": ["x"]}, {"grants": {USER: []}}],
    ids=str,
)  # fmt: skip
async def test_a_token_with_wrong_claims_is_refused(
    api: httpx.AsyncClient, key: rsa.RSAPrivateKey, token: Token, claims: dict[str, Any]
) -> None:
    body = base64.urlsafe_b64encode(json.dumps({"sub": "ann", **claims}).encode()).rstrip(b"=")
    head = base64.urlsafe_b64encode(b'{"alg":"RS256"}').rstrip(b"=")
    signature = jwt.algorithms.RSAAlgorithm(jwt.algorithms.RSAAlgorithm.SHA256).sign(
        head + b"." + body, key
    )
    sent = b".".join((head, body, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()
    answer = await api.get("/v1/users/ann", headers={**PK, "x-knock-user-token": sent})
    assert code(answer) == (401, "invalid_user_token")


@pytest.mark.req("R-42")
async def test_times_may_be_off_by_a_minute(api: httpx.AsyncClient, token: Token) -> None:
    now = int(time.time())
    for claims in ({"exp": now - 30}, {"nbf": now + 30}):
        answer = await api.put("/v1/users/ann", json={}, headers=token(**claims))
        assert answer.status_code == 200
    answer = await api.get("/v1/users/ann", headers=token(exp=now - 90))
    assert code(answer) == (401, "invalid_user_token")


def forged(key: rsa.RSAPrivateKey) -> dict[str, str]:
    other = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    head, body = b'{"alg":"HS256","typ":"JWT"}', b'{"sub":"ann"}'
    signing = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (head, body))
    mac = hmac.new(pem(key).encode(), signing, hashlib.sha256).digest()
    return {
        "none": jwt.encode({"sub": "ann"}, None, "none"),
        "HS256 with the public key": (
            signing + b"." + base64.urlsafe_b64encode(mac).rstrip(b"=")
        ).decode(),
        "another key": jwt.encode({"sub": "ann"}, other, "RS256"),
        "kid": jwt.encode({"sub": "ann"}, other, "RS256", headers={"kid": "../../dev/null"}),
        "jku": jwt.encode({"sub": "ann"}, other, "RS256", headers={"jku": "http://127.0.0.1/k"}),
        "RS512": jwt.encode({"sub": "ann"}, key, "RS512"),
        "text": "not.a.token",
        "dots": "..",
    }


@pytest.mark.req("R-42")
async def test_forged_tokens_are_refused(
    api: httpx.AsyncClient, key: rsa.RSAPrivateKey, token: Token
) -> None:
    token()
    for trick, sent in forged(key).items():
        answer = await api.get("/v1/users/ann", headers={**PK, "x-knock-user-token": sent})
        assert code(answer) == (401, "invalid_user_token"), trick


@pytest.mark.req("R-42")
async def test_the_environment_chooses_the_key_and_two_may_live(
    api: httpx.AsyncClient, database: Database, key: rsa.RSAPrivateKey, token: Token
) -> None:
    foreign = {**token(), "authorization": "Bearer pk_production"}
    assert code(await api.get("/v1/users/ann", headers=foreign)) == (401, "missing_jwt_signing_key")
    newer = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    as_text = base64.b64encode(pem(newer).encode()).decode()
    database.write(lambda tx: api_keys.add_signing_key(tx, "development", as_text, NOW))
    rotated = {**PK, "x-knock-user-token": jwt.encode({"sub": "ann"}, newer, "RS256")}
    for headers in (token(), rotated):
        assert (await api.put("/v1/users/ann", json={}, headers=headers)).status_code == 200


# ------------------------------------------------------------------ grants


@pytest.mark.req("R-42")
@pytest.mark.parametrize(
    ("grants", "read", "write"),
    [
        ({USER: {"user/read": [{}]}}, 404, 403),
        ({USER: {"user/write": []}}, 403, 200),
        ({USER: {"preferences/read": [{}]}}, 403, 403),
        ({USER.replace("ann", "bob"): {"user/read": [{}]}}, 403, 403),
        ({}, 403, 403),
    ],
)
async def test_explicit_grants_open_only_what_they_name(
    api: httpx.AsyncClient, token: Token, grants: dict[str, Any], read: int, write: int
) -> None:
    headers = token(grants=grants, explicit_grants=True)
    assert (await api.get("/v1/users/ann", headers=headers)).status_code == read
    assert (await api.put("/v1/users/ann", json={}, headers=headers)).status_code == write
    lenient = token(grants=grants)
    assert (await api.put("/v1/users/ann", json={}, headers=lenient)).status_code == 200


@pytest.mark.req("R-42")
@pytest.mark.parametrize("spelling", ["tenants/acme", "objects/$tenants/acme"])
async def test_a_tenant_grant_limits_preferences_to_that_tenant(
    api: httpx.AsyncClient, token: Token, spelling: str
) -> None:
    entity = f"https://other.example/v1/{spelling}"
    headers = token(grants={entity: {"preferences/read": [{}], "preferences/write": []}})
    path = "/v1/users/ann/preferences"
    for tenant in ("acme", "other", "default"):
        await api.put(f"{path}/{tenant}", json={"workflows": {"w": False}})
    assert (await api.get(f"{path}/acme", headers=headers)).status_code == 200
    assert (await api.put(f"{path}/acme", json={}, headers=headers)).status_code == 200
    for refused in ("other", "default", "acme?tenant=other"):
        answer = await api.get(f"{path}/{refused}", headers=headers)
        assert code(answer) == (403, "forbidden"), refused
    sneaky = await api.put("/v1/users/ann", json={"preferences": {"other": {}}}, headers=headers)
    assert sneaky.status_code == 403
    assert [s["id"] for s in (await api.get(path, headers=headers)).json()] == ["acme"]
    both = token(grants={entity: {"preferences/read": []}, USER: {"preferences/read": []}})
    assert (await api.get(f"{path}/default", headers=both)).status_code == 200


@pytest.mark.req("R-42")
async def test_object_channel_data_needs_its_grant_even_from_lenient_tokens(
    api: httpx.AsyncClient, token: Token
) -> None:
    path = "/v1/objects/$tenants/acme/channel_data/slack"
    body = {"data": {"connections": [{"channel_id": "C1"}]}}
    assert (await api.put(path, json=body)).status_code == 200
    for headers in (PK, token(), token(grants={USER: {"channel_data/read": []}})):
        assert code(await api.get(path, headers=headers)) == (403, "forbidden")
    for entity in ("tenants/acme", "objects/$tenants/acme"):
        uri = f"https://api.knock.app/v1/{entity}"
        headers = token(grants={uri: {"channel_data/read": []}})
        assert (await api.get(path, headers=headers)).status_code == 200
        assert (await api.put(path, json=body, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("uri", "path"),
    [
        ("https://api.knock.app/v1/users/ann", "users/ann"),
        ("http://127.0.0.1:8000/v1/objects/$tenants/acme", "tenants/acme"),
        ("/v1/objects/docs/1", "objects/docs/1"),
        ("https://api.knock.app/v1/users/a%20b", "users/a b"),
    ],
)
def test_entities_are_matched_by_path_whatever_the_host(uri: str, path: str) -> None:
    assert entity_path(uri) == path
