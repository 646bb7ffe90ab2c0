"""Decide whether a URL that somebody typed may be called, and at which addresses.

The host is resolved once. Whoever connects uses the addresses of the `Target`
and never asks a resolver again, so that a name cannot point elsewhere between
the check and the call.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

import httpx

from engine.errors import RequestError
from engine.net.addresses import Address, Network, is_within, judge, read_address

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]

MAX_URL: Final = 8000
PORTS: Final = {"http": 80, "https": 443}

_UNSAFE: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ufeff]")
_NAME: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")
_CREDENTIALS: Final = re.compile(r"[^/?#]*//[^/?#]*@")
_NUMBER: Final = re.compile(r"([0-9]+|0x[0-9a-f]*)")


class RefusedUrl(RequestError):
    """The URL is malformed, or leads where this server does not call."""

    code = "url_refused"
    http_status = 422


class UnresolvedHost(RequestError):
    """The host has no address; `is_temporary` if the resolver itself was at a loss."""

    code = "host_unresolved"
    http_status = 422

    def __init__(self, host: str, *, is_temporary: bool) -> None:
        """Name the host."""
        super().__init__(f"the host {host} cannot be resolved: check its name")
        self.is_temporary = is_temporary


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A checked URL in its normal form, and the addresses to connect to."""

    url: str
    scheme: str
    host: str
    port: int
    addresses: tuple[str, ...]


async def check_url(
    url: str,
    *,
    allow_private: bool = False,
    allowed_networks: Sequence[Network] = (),
    https_only: bool = False,
    resolve: Resolve | None = None,
) -> Target:
    """Read the URL, resolve its host once and give the addresses that may be called.

    `allow_private` opens loopback and the private ranges; everything else that
    is not public (cloud metadata, link-local, multicast, reserved …) opens
    only by name in `allowed_networks`. Under `https_only` plain http is left
    to addresses that the operator opened.

    Raises:
        RefusedUrl: the URL may not be called, or one of its addresses may not.
        UnresolvedHost: there is no address to call.
    """
    parsed = read_url(url)
    host, scheme = parsed.raw_host.decode("ascii"), parsed.scheme
    port = parsed.port or PORTS[scheme]
    literal = _literal(host)
    found = [literal] if literal else await _addresses(host, port, resolve or system_resolve)
    is_opened = True
    for address in found:
        is_opened &= _admit(host, address, allow_private, allowed_networks)
    if https_only and scheme != "https" and not is_opened:
        raise RefusedUrl(f"the URL of {host} must start with https://")
    addresses = tuple(dict.fromkeys(str(address) for address in found))
    return Target(url=str(parsed), scheme=scheme, host=host, port=port, addresses=addresses)


def read_url(url: str) -> httpx.URL:
    """Read a URL strictly and give its normal form, without its fragment.

    Raises:
        RefusedUrl: it is malformed, holds credentials, is neither http nor
            https, or spells an address in a way that readers disagree about.
    """
    if len(url) > MAX_URL:
        raise RefusedUrl(f"the URL is longer than {MAX_URL} characters")
    if _UNSAFE.search(url):
        raise RefusedUrl("the URL holds spaces, control characters or backslashes: encode them")
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, ValueError):
        raise RefusedUrl("the URL is malformed: expected https://host/path") from None
    if parsed.scheme not in PORTS:
        raise RefusedUrl("the URL must start with https:// or http://")
    if _CREDENTIALS.match(url):
        raise RefusedUrl("the URL holds credentials: send them in a header")
    if parsed.port is not None and not 0 < parsed.port < 65536:
        raise RefusedUrl(f"the URL names port {parsed.port}: expected 1 to 65535")
    host = parsed.raw_host.decode("ascii")
    if host.endswith(".") and not host.endswith(".."):
        host = host[:-1]
        parsed = parsed.copy_with(host=host)
    _check_host(host)
    return parsed.copy_with(fragment=None)


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Ask the machine's resolver, on threads of its own.

    A dead name server must not occupy the threads that everything else shares.
    """
    loop = asyncio.get_running_loop()
    found = await loop.run_in_executor(
        _RESOLVERS, lambda: socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    )
    return [str(entry[4][0]) for entry in found]


def _check_host(host: str) -> None:
    """Refuse hosts that are no plain name and no plainly written address."""
    if not host:
        raise RefusedUrl("the URL names no host")
    if _literal(host) is not None:
        return
    if len(host) > 253 or not _NAME.fullmatch(host):
        raise RefusedUrl("the URL's host is malformed")
    if _NUMBER.fullmatch(host.rpartition(".")[2]):
        # 127.1, 0177.0.0.1, 2130706433, 0x7f.1: some readers make addresses of these.
        raise RefusedUrl("the URL's host is a number: write the address as four decimal parts")


def _literal(host: str) -> Address | None:
    """Read the host as an address in its only accepted spelling."""
    try:
        return IPv6Address(host) if ":" in host else IPv4Address(host)
    except AddressValueError:
        return None


async def _addresses(host: str, port: int, resolve: Resolve) -> list[Address]:
    """Resolve the host; all that comes back is to be checked."""
    try:
        found = [read_address(text) for text in await resolve(host, port)]
    except socket.gaierror as error:
        raise UnresolvedHost(host, is_temporary=error.errno == socket.EAI_AGAIN) from None
    except (OSError, ValueError):
        raise UnresolvedHost(host, is_temporary=True) from None
    if not found:
        raise UnresolvedHost(host, is_temporary=False)
    return found


def _admit(
    host: str, address: Address, allow_private: bool, allowed_networks: Sequence[Network]
) -> bool:
    """Refuse an address that may not be called; tell whether the operator opened it."""
    if is_within(address, allowed_networks):
        return True
    verdict, kind = judge(address)
    if verdict == "public":
        return False
    if verdict == "private" and allow_private:
        return True
    # The address is left out: the answer must not map the operator's network.
    raise RefusedUrl(f"{host} leads to a {kind} address, which this server may not call")


_RESOLVERS: Final = ThreadPoolExecutor(max_workers=8, thread_name_prefix="resolve")
