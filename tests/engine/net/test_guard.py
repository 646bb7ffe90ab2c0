from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest

from engine.net.addresses import read_networks
from engine.net.guard import RefusedUrl, Target, UnresolvedHost, check_url, read_url

PUBLIC = "93.184.216.34"

NAMES = {
    "public.test": [PUBLIC, "2606:2800:220:1::1"],
    "loop.test": ["127.0.0.1"],
    "half.test": [PUBLIC, "10.0.0.1"],
    "lan.test": ["192.168.1.7"],
    "meta.test": ["169.254.169.254"],
    "mapped.test": ["::ffff:127.0.0.1"],
    "zone.test": ["fe80::1%eth0"],
    "nat64.test": ["64:ff9b::5db8:d822"],
    "nat64-lan.test": ["64:ff9b::a00:1"],
    "localhost": ["127.0.0.1", "::1"],
    "none.test": [],
    "junk.test": ["not an address"],
    # "bücher.test" and the ideographic full stop both end here.
    "xn--bcher-kva.test": [PUBLIC],
}


async def resolve(host: str, port: int) -> Sequence[str]:
    if host not in NAMES:
        raise socket.gaierror(socket.EAI_NONAME, "unknown")
    return NAMES[host]


async def check(url: str, **options: object) -> Target:
    return await check_url(url, resolve=resolve, **options)  # type: ignore[arg-type]


REFUSED = """
http://127.0.0.1/
http://127.0.0.1:8000/
http://127.1/
http://127.0.1/
http://0/
http://0.0.0.0/
http://2130706433/
http://0x7f000001/
http://0x7f.0.0.1/
http://0x7f.1/
http://0177.0.0.1/
http://017700000001/
http://127.0.0.01/
http://127.0.0.1./
http://127.0.0.1.:80/
http://127.000.000.001/
http://256.256.256.256/
http://1.2.3/
http://1.2.3.4.5/
http://\uff11\uff12\uff17.\uff10.\uff10.\uff11/
http://①②⑦.⓪.⓪.①/
http://127。0。0。1/
http://\u0661\u0662\u0667.\u0660.\u0660.\u0661/
http://127%2e0%2e0%2e1/
http://%31%32%37.0.0.1/
http://localhost/
http://LOCALHOST/
http://localhost./
http://[::1]/
http://[::]/
http://[0:0:0:0:0:0:0:1]/
http://[::ffff:127.0.0.1]/
http://[::ffff:7f00:1]/
http://[::ffff:8.8.8.8]/
http://[::127.0.0.1]/
http://[::ffff:0:127.0.0.1]/
http://[64:ff9b::127.0.0.1]/
http://[64:ff9b::a00:1]/
http://[64:ff9b:1::1]/
http://[2002:7f00:1::]/
http://[2001:0:7f00:1::]/
http://[2606:4700::5efe:7f00:1]/
http://[fe80::1]/
http://[fe80::1%25eth0]/
http://[fe80::1%eth0]/
http://[fec0::1]/
http://[fc00::1]/
http://[fd00:ec2::254]/
http://[ff02::1]/
http://[2001:db8::1]/
http://[::1
http://10.0.0.1/
http://172.16.0.1/
http://172.31.255.255/
http://192.168.0.1/
http://100.64.0.1/
http://100.100.100.200/
http://169.254.169.254/latest/meta-data/
http://168.63.129.16/
http://192.0.0.192/
http://198.18.0.1/
http://203.0.113.9/
http://224.0.0.1/
http://255.255.255.255/
http://240.0.0.1/
http://loop.test/
http://half.test/
http://lan.test/
http://meta.test/
http://mapped.test/
http://zone.test/
http://nat64-lan.test/
http://user@public.test/
http://user:pass@public.test/
http://@public.test/
http://public.test@127.0.0.1/
http://public.test:80@127.0.0.1/
http://127.0.0.1\\@public.test/
http://public.test\\.evil.test/
http://public.test:0/
http://public.test:65536/
http://public.test:port/
http://public..test/
http://.public.test/
http://-public.test/
http:///path
http:public.test
http:/public.test
//public.test/
/relative
public.test
ftp://public.test/
file:///etc/passwd
gopher://public.test/
javascript:alert(1)
data:text/plain,hello
"""

ACCEPTED = [
    ("http://public.test/", "public.test", 80),
    ("https://public.test", "public.test", 443),
    ("HTTPS://PUBLIC.test/Path?q=1#part", "public.test", 443),
    ("https://public.test./x", "public.test", 443),
    ("https://public.test:8443/x", "public.test", 8443),
    ("http://93.184.216.34/", "93.184.216.34", 80),
    ("http://[2606:2800:220:1::1]:81/", "2606:2800:220:1::1", 81),
    ("http://[64:ff9b::5db8:d822]/", "64:ff9b::5db8:d822", 80),
    ("http://nat64.test/", "nat64.test", 80),
    ("https://bücher.test/", "xn--bcher-kva.test", 443),
]


@pytest.mark.req("R-38")
@pytest.mark.parametrize("url", REFUSED.strip().splitlines())
async def test_no_spelling_of_a_closed_address_passes(url: str) -> None:
    with pytest.raises(RefusedUrl):
        await check(url)


@pytest.mark.parametrize("space", [" ", "\t", "\n", "\r\n", "\x00", "\x7f", "\u2028", "\ufeff"])
async def test_no_white_space_or_control_character_passes(space: str) -> None:
    for url in (f"http://public.test/{space}x", f"{space}http://public.test", f"http://pu{space}b"):
        with pytest.raises(RefusedUrl):
            await check(url)


async def test_an_endless_url_is_refused() -> None:
    with pytest.raises(RefusedUrl, match="longer"):
        await check("http://public.test/" + "x" * 8000)


@pytest.mark.parametrize(("url", "host", "port"), ACCEPTED)
async def test_a_public_url_passes_in_its_normal_form(url: str, host: str, port: int) -> None:
    target = await check(url)
    assert (target.host, target.port) == (host, port)
    assert target.url.startswith(f"{target.scheme}://")
    assert "#" not in target.url
    assert target.addresses


async def test_the_path_and_query_survive_the_check() -> None:
    target = await check("https://public.test/a%2Fb/c?x=%20y&z=1#no")
    assert target.url == "https://public.test/a%2Fb/c?x=%20y&z=1"


@pytest.mark.parametrize("host", ["nobody.test", "none.test", "junk.test"])
async def test_a_host_without_an_address_is_unresolved(host: str) -> None:
    with pytest.raises(UnresolvedHost) as caught:
        await check(f"https://{host}/")
    assert caught.value.is_temporary is (host == "junk.test")


async def test_a_resolver_at_a_loss_is_a_temporary_fault() -> None:
    async def lost(host: str, port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_AGAIN, "try again")

    with pytest.raises(UnresolvedHost) as caught:
        await check_url("https://public.test/", resolve=lost)
    assert caught.value.is_temporary


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9/",
        "http://[::1]/",
        "http://localhost/",
        "http://lan.test/",
        "http://100.64.0.1/",
        "http://[fd12::1]/",
    ],
)
async def test_an_operator_may_open_private_addresses(url: str) -> None:
    assert (await check(url, allow_private=True)).addresses


@pytest.mark.parametrize(
    "url",
    [
        "http://meta.test/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://169.254.1.1/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::127.0.0.1]/",
        "http://127.1/",
        "http://224.0.0.1/",
    ],
)
async def test_opening_private_addresses_opens_nothing_else(url: str) -> None:
    with pytest.raises(RefusedUrl):
        await check(url, allow_private=True)


async def test_a_named_range_opens_just_that_range() -> None:
    networks = read_networks(["192.168.1.0/24", "169.254.169.254/32"])
    assert (await check("http://lan.test/", allowed_networks=networks)).addresses
    assert (await check("http://meta.test/", allowed_networks=networks)).addresses
    with pytest.raises(RefusedUrl):
        await check("http://192.168.2.1/", allowed_networks=networks)


async def test_plain_http_is_left_to_addresses_that_the_operator_opened() -> None:
    with pytest.raises(RefusedUrl, match="https"):
        await check("http://public.test/", https_only=True, allow_private=True)
    assert (await check("https://public.test/", https_only=True)).port == 443
    assert (await check("http://lan.test/", https_only=True, allow_private=True)).port == 80
    networks = read_networks(["192.168.0.0/16"])
    assert (await check("http://lan.test/", https_only=True, allowed_networks=networks)).port == 80


async def test_a_refusal_does_not_tell_the_address() -> None:
    with pytest.raises(RefusedUrl) as caught:
        await check("http://lan.test/")
    assert "192.168" not in caught.value.message


async def test_a_host_is_resolved_exactly_once() -> None:
    asked: list[str] = []

    async def counting(host: str, port: int) -> Sequence[str]:
        asked.append(host)
        return [PUBLIC]

    await check_url("https://public.test/", resolve=counting)
    assert asked == ["public.test"]


def test_reading_a_url_needs_no_network() -> None:
    assert str(read_url("https://Example.com:443/x")) == "https://example.com/x"
