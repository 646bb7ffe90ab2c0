"""Serve `/login`, `/logout` and `/setup/<token>`: plain pages, no script, outside NiceGUI."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Final
from urllib.parse import parse_qs, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from app.auth import forms
from app.auth.forms import Filled
from app.auth.passwords import hash_password, needs_rehash, problem_with, verify_password
from app.auth.sessions import (
    ABSOLUTE,
    AuthServices,
    SignIn,
    begin_session,
    cookie_name,
    create_setup_link,
    digest,
    form_token,
    is_form_token,
    is_https,
    new_token,
    session_of,
    token_of,
    wall_now,
)
from app.auth.slowdown import Slowdown
from designer.theme import Theme, theme_of
from storage import members
from storage.members import Member, Role, canonical_email
from storage.tx import Tx

__all__ = ["create_login_app", "create_setup_link", "safe_target", "session_of"]

HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; font-src 'self'; form-action 'self';"
        " base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # `no-referrer` would blank the Origin of our own form
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FORM_COOKIE: Final = "tocsin_form"
_BODY_LIMIT: Final = 16 * 1024
_DROP: Final = frozenset("\\\r\n\t\0")
_WRONG: Final = "That email and password do not match. Check both and try again."
_STALE: Final = "This page was open for too long. Please try again."


def safe_target(wanted: str | None) -> str:
    """Return a path on this server to go to after signing in; `/` for anything else."""
    if not wanted or not wanted.startswith("/") or wanted.startswith("//"):
        return "/"
    if any(c in _DROP or not c.isprintable() for c in wanted):
        return "/"
    parts = urlsplit(wanted)
    if parts.scheme or parts.netloc or parts.path.startswith(("/login", "/logout", "/setup")):
        return "/"
    return wanted


def create_login_app(services: AuthServices) -> ASGIApp:
    """Build the ASGI app; route `/login`, `/login/*`, `/logout` and `/setup/*` to it."""
    door = _Door(services)
    return Starlette(
        routes=[
            Route("/login", door.show_login, methods=["GET"]),
            Route("/login", door.post(door.sign_in), methods=["POST"]),
            Route("/login/style.css", _style),
            Route("/login/{name}.svg", _picture),
            Route("/logout", door.post(door.sign_out), methods=["POST"]),
            Route("/setup/{token}", door.show_setup, methods=["GET"]),
            Route("/setup/{token}", door.post(door.set_up), methods=["POST"]),
        ]
    )


def _cached(content: str, media_type: str) -> Response:
    headers = HEADERS | {"Cache-Control": "public, max-age=86400"}
    return Response(content, media_type=media_type, headers=headers)


async def _style(_: Request) -> Response:
    return _cached(forms.style_sheet(), "text/css")


async def _picture(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ("logo", "bell"):
        return PlainTextResponse("There is no such picture.", status_code=404, headers=HEADERS)
    return _cached(forms.picture(f"{name}.svg"), "image/svg+xml")


_Form = Mapping[str, str]
_Handler = Callable[[Request, _Form], Awaitable[Response]]


class _Door:
    """The handlers, with what they share."""

    def __init__(self, services: AuthServices) -> None:
        self._services = services
        self._slowdown = Slowdown()
        # One hash takes 32 MiB and a core: a flood of attempts waits here instead.
        self._hashing = asyncio.Semaphore(2)

    # -------------------------------------------------------------- plumbing

    def post(self, handler: _Handler) -> Callable[[Request], Awaitable[Response]]:
        """Read the form and check that our own page sent it, then call the handler."""

        async def checked(request: Request) -> Response:
            raw = b""
            async for chunk in request.stream():
                raw += chunk
                if len(raw) > _BODY_LIMIT:
                    return self._refuse(request, 413, "Too large", "This form is too large.")
            if not self._is_own_origin(request):
                return self._refuse(
                    request, 403, "Not from here", "Another site sent this form; it was ignored."
                )
            pairs = parse_qs(raw.decode("utf-8", "replace"), keep_blank_values=True)
            return await handler(request, {name: values[-1] for name, values in pairs.items()})

        return checked

    def _is_own_origin(self, request: Request) -> bool:
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return False
        origin = request.headers.get("origin")
        if origin is None:
            return True
        base_url = str(getattr(self._services.settings, "base_url", None) or "")
        hosts = {request.headers.get("host", ""), urlsplit(base_url).netloc} - {""}
        return urlsplit(origin).netloc in hosts

    def _theme(self, request: Request) -> Theme:
        return theme_of(request.cookies)

    def _refuse(self, request: Request, status: int, title: str, sentence: str) -> Response:
        page = forms.refusal_page(title, sentence, self._theme(request))
        return Response(page, status, self._headers(request), "text/html")

    def _headers(self, request: Request) -> dict[str, str]:
        if is_https(request.scope, self._services.settings):
            return HEADERS | {"Strict-Transport-Security": "max-age=31536000"}
        return HEADERS

    def _form_page(
        self, request: Request, draw: Callable[[str], str], status: int = 200
    ) -> Response:
        """Answer with a form that carries a token bound to this browser's form cookie."""
        secret = request.cookies.get(_FORM_COOKIE) or new_token()
        response = Response(draw(form_token(secret)), status, self._headers(request), "text/html")
        response.set_cookie(
            _FORM_COOKIE, secret, httponly=True, samesite="strict", path="/",
            secure=is_https(request.scope, self._services.settings),
        )  # fmt: skip
        return response

    def _is_fresh(self, request: Request, form: _Form) -> bool:
        return is_form_token(form.get("csrf", ""), request.cookies.get(_FORM_COOKIE))

    def _enter(self, request: Request, signed_in: SignIn, target: str) -> Response:
        settings = self._services.settings
        response = RedirectResponse(target, 303, self._headers(request))
        response.set_cookie(
            cookie_name(request.scope, settings), signed_in.token, httponly=True, samesite="lax",
            path="/", max_age=int(ABSOLUTE.total_seconds()),
            secure=is_https(request.scope, settings),
        )  # fmt: skip
        return response

    # -------------------------------------------------------------- signing in

    async def show_login(self, request: Request) -> Response:
        """Show the form, or go on if the browser is signed in already."""
        target = safe_target(request.query_params.get("next"))
        if session_of(request.scope, self._services) is not None:
            return RedirectResponse(target, 303, self._headers(request))
        note = "You are signed out." if "signed_out" in request.query_params else None
        return self._login_form(request, Filled(note=note), target)

    def _login_form(
        self, request: Request, filled: Filled, target: str, status: int = 200
    ) -> Response:
        theme = self._theme(request)
        return self._form_page(
            request,
            lambda csrf: forms.login_page(filled, csrf=csrf, target=target, theme=theme),
            status,
        )

    async def sign_in(self, request: Request, form: _Form) -> Response:
        """Check the password and open a session."""
        email, password = form.get("email", ""), form.get("password", "")
        target = safe_target(form.get("next"))
        if not self._is_fresh(request, form):
            return self._login_form(request, Filled(email=email, error=_STALE), target, 403)
        now = wall_now(self._services.clock)
        keys = self._keys(request, email)
        wait = max(self._slowdown.wait(key, now) for key in keys)
        if wait:
            return self._wait_page(request, email, target, math.ceil(wait.total_seconds()))
        known = members.member_by_email(self._services.database.read(), email)
        self._slowdown.begin(keys[0], now, known.failures if known else 0)
        self._slowdown.begin(keys[1], now)
        async with self._hashing:
            stored = known.password_hash if known else None
            is_right = await asyncio.to_thread(verify_password, stored, password)
        if known is None or not is_right:
            await self._note_failure(known, now)
            filled = Filled(email=email, error=_WRONG, field="password")
            return self._login_form(request, filled, target, 401)
        self._slowdown.forget(keys[0])
        self._slowdown.take_back(keys[1])
        return self._enter(request, await self._open(request, known, password, now), target)

    @staticmethod
    def _keys(request: Request, email: str) -> tuple[str, str]:
        address = request.client.host if request.client else ""
        return f"account {digest(canonical_email(email))}", f"address {address}"

    def _wait_page(self, request: Request, email: str, target: str, seconds: int) -> Response:
        unit = "second" if seconds == 1 else "seconds"
        error = f"Too many attempts. Wait {seconds} {unit}, then try again."
        response = self._login_form(request, Filled(email=email, error=error), target, 429)
        response.headers["Retry-After"] = str(seconds)
        return response

    async def _note_failure(self, member: Member | None, now: datetime) -> None:
        # An unknown address costs the same write, so that time tells nothing apart.
        id_ = member.id if member else ""
        await self._services.writer.run(lambda tx: members.note_failure(tx, id_, now))

    async def _open(self, request: Request, member: Member, password: str, now: datetime) -> SignIn:
        fresh_hash: str | None = None
        if needs_rehash(member.password_hash):
            async with self._hashing:
                fresh_hash = await asyncio.to_thread(hash_password, password)

        def work(tx: Tx) -> SignIn:
            if fresh_hash is not None:
                members.rehash_member(tx, member.id, fresh_hash)
            members.forget_failures(tx, member.id)
            return self._begin(tx, request, member, now)

        return await self._services.writer.run(work)

    def _begin(self, tx: Tx, request: Request, member: Member, now: datetime) -> SignIn:
        address = request.client.host if request.client else None
        members.note_change(
            tx, actor=member.email, action="session.started", now=now, address=address
        )
        return begin_session(
            tx, member, now,
            replaces=token_of(request.scope, self._services.settings),
            address=address, agent=request.headers.get("user-agent"),
        )  # fmt: skip

    async def sign_out(self, request: Request, form: _Form) -> Response:
        """End the session on the server and drop the cookie."""
        settings = self._services.settings
        token = token_of(request.scope, settings)
        if token and not is_form_token(form.get("csrf", ""), token):
            return self._refuse(request, 403, "Not signed out", _STALE)
        if token:
            hash_ = digest(token)
            await self._services.writer.run(lambda tx: members.end_session(tx, hash_))
        response = RedirectResponse("/login?signed_out", 303, self._headers(request))
        response.delete_cookie(
            cookie_name(request.scope, settings), path="/", httponly=True, samesite="lax",
            secure=is_https(request.scope, settings),
        )  # fmt: skip
        return response

    # -------------------------------------------------------------- setting up

    async def show_setup(self, request: Request) -> Response:
        """Show the form of an open set-up link."""
        hash_ = digest(request.path_params["token"])
        if not members.is_setup_link_open(self._services.database.read(), hash_):
            return self._used_up(request)
        return self._setup_form(request, Filled())

    def _setup_form(self, request: Request, filled: Filled, status: int = 200) -> Response:
        token, theme = request.path_params["token"], self._theme(request)
        return self._form_page(
            request,
            lambda csrf: forms.setup_page(filled, csrf=csrf, token=token, theme=theme),
            status,
        )

    def _used_up(self, request: Request) -> Response:
        return self._refuse(
            request, 404, "This link is used up",
            "A set-up link works once, until the first account exists. Sign in instead; the"
            " newest link stands in the server's log.",
        )  # fmt: skip

    async def set_up(self, request: Request, form: _Form) -> Response:
        """Create the owner, spend the link and sign in."""
        hash_ = digest(request.path_params["token"])
        if not members.is_setup_link_open(self._services.database.read(), hash_):
            return self._used_up(request)
        if not self._is_fresh(request, form):
            return self._setup_form(request, Filled(error=_STALE), 403)
        email, name = form.get("email", "").strip(), form.get("name", "").strip()[:200]
        wrong = _wrong_with_owner(email, form.get("password", ""), form.get("again", ""))
        if wrong is not None:
            field, sentence = wrong
            filled = Filled(email=email, name=name, error=sentence, field=field)
            return self._setup_form(request, filled, 422)
        async with self._hashing:
            hashed = await asyncio.to_thread(hash_password, form["password"])
        now = wall_now(self._services.clock)

        def work(tx: Tx) -> SignIn | None:
            if not members.use_setup_link(tx, hash_, now):
                return None
            owner = members.put_member(
                tx, email=email, name=name, role=Role.OWNER, password_hash=hashed, now=now
            )
            return self._begin(tx, request, owner, now)

        signed_in = await self._services.writer.run(work)
        return self._used_up(request) if signed_in is None else self._enter(request, signed_in, "/")


def _wrong_with_owner(email: str, password: str, again: str) -> tuple[str, str] | None:
    """Name the first wrong field of the set-up form and say what to do."""
    name, _, domain = email.partition("@")
    if not name or not domain or any(c.isspace() for c in email) or len(email) > 254:
        return "email", "Give an email address, such as ann@example.com."
    problem = problem_with(password, email)
    if problem is not None:
        return "password", problem
    if password != again:
        return "again", "The two passwords differ. Type the same one twice."
    return None
