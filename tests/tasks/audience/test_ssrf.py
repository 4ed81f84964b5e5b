"""Where a URL may lead. No name here is ever looked up outside: the resolver is a table."""

import ipaddress
import socket

import pytest

from tasks.audience.ssrf import UnsafeUrl, destination, split_url, zone

NAMES = {
    "shop.example.com": ["93.184.216.34"], "six.example.com": ["2606:2800:220:1::1", "93.184.216.34"],
    "rebound.example.com": ["127.0.0.1"], "mixed.example.com": ["93.184.216.34", "10.0.0.5"], "corp.example.com": ["10.1.2.3"],
    "shop": ["172.18.0.4"], "shop.internal": ["10.0.0.9"], "localhost": ["::1", "127.0.0.1"],
    "metadata.internal": ["169.254.169.254"], "evil.local": ["127.0.0.1"],
}


@pytest.fixture(autouse=True)
def _resolver(monkeypatch):
    real = socket.getaddrinfo

    def look_up(host, port, *args, **kwargs):
        if host in NAMES:
            return [entry for address in NAMES[host] for entry in real(address, port, *args, **kwargs)]
        assert not host.endswith((".com", ".org")), "no test asks a real name server"
        return real(host, port, *args, **kwargs)  # addresses in odd spellings: the system reads them itself

    monkeypatch.setattr(socket, "getaddrinfo", look_up)


REFUSED = [
    "http://shop.example.com/users",  # a token over plain http
    "https://rebound.example.com/users", "https://mixed.example.com/users", "https://corp.example.com/users",
    "https://evil.local/", "http://metadata.internal/latest/meta-data/",
    "http://2130706433/", "http://0x7f000001/", "http://0x7f.1/", "http://017700000001/", "http://127.1/", "http://0177.0.0.1/",
    "http://0/", "http://0.0.0.0/", "http://0xa000001/", "http://167772161/",
    "http://169.254.169.254/latest/meta-data/", "http://[fe80::1]/", "http://[fd00:ec2::254]/", "http://100.100.100.200/",
    "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:0:0:0:0:80ff:fffe]/", "http://[::]/", "http://224.0.0.1/", "http://255.255.255.255/",
    "http://240.0.0.1/", "http://[ff02::1]/", "http://[100::1]/", "http://192.0.0.192/",
]
MALFORMED = [
    "", "shop.example.com", "//shop.example.com/", "ftp://shop.example.com/", "file:///etc/passwd", "gopher://127.0.0.1:6379/_x",
    "javascript:alert(1)", "https://", "https:///users", "https://user:pw@shop.example.com/", "https://shop.example.com@127.0.0.1/",
    "https://127.0.0.1\\@shop.example.com/", "https://shop.example.com\\.evil.example/", "https://shop.example.com /",
    " https://shop.example.com/", "https://shop.example.com/\r\nX-Evil: 1", "https://shop.example.com/\tx",
    "https://shop.example.com/#x",
    "https://shop.example.com:0/", "https://shop.example.com:99999/", "https://shop.example.com:x/", "https://sh%6fp.example.com/",
    "https://shop.example.com./", "https://\u017fhop.example.com/", "https://\uff11\uff12\uff17.0.0.1/", "https://[::1", "https://[fe80::1%25eth0]/",
    "https://[v1.x]/", "https://-x.example.com/", "https://a,b/", "https://shop.example.com/" + "x" * 2000, "https://a\x00b/",
    "https://a..b/", "https://.a/", f"https://{'a' * 64}.example.com/", f"https://{'a.' * 127}com/",
]


@pytest.mark.parametrize("url", REFUSED)
def test_addresses_that_are_refused(url):
    with pytest.raises(UnsafeUrl):
        destination(url)


@pytest.mark.parametrize("url", [url for url in REFUSED if "corp" not in url and "mixed" not in url])
def test_the_private_setting_opens_private_networks_and_nothing_else(url):
    if url in ("http://0xa000001/", "http://167772161/"):
        assert destination(url, private=True).addresses == ("10.0.0.1",)
    else:
        with pytest.raises(UnsafeUrl):
            destination(url, private=True)


@pytest.mark.parametrize("url", MALFORMED)
def test_urls_that_two_parsers_could_read_two_ways_are_refused(url):
    with pytest.raises(UnsafeUrl):
        split_url(url)


@pytest.mark.parametrize(
    ("url", "addresses", "header"),
    [
        ("https://shop.example.com/users?x=1", ("93.184.216.34",), "shop.example.com"),
        ("https://SHOP.example.com:8443", ("93.184.216.34",), "shop.example.com:8443"),
        ("https://six.example.com/", ("2606:2800:220:1::1", "93.184.216.34"), "six.example.com"),
        ("http://localhost:8000/", ("::1", "127.0.0.1"), "localhost:8000"),
        ("http://127.0.0.1:8000/", ("127.0.0.1",), "127.0.0.1:8000"),
        ("http://[::1]:8000/", ("::1",), "[::1]:8000"),
        ("http://10.0.0.5/users", ("10.0.0.5",), "10.0.0.5"),
        ("http://[fd12::5]/", ("fd12::5",), "[fd12::5]"),
        ("http://shop:8000/", ("172.18.0.4",), "shop:8000"),
        ("http://shop.internal/", ("10.0.0.9",), "shop.internal"),
    ],
)
def test_what_an_operator_may_configure(url, addresses, header):
    found = destination(url)
    assert found.addresses == addresses
    assert found.host_header == header
    assert all(str(address) in joined for address, joined in zip(addresses, found.urls, strict=True))


def test_a_private_address_behind_a_public_name_wants_the_setting():
    assert destination("https://corp.example.com/", private=True).addresses == ("10.1.2.3",)
    assert destination("http://corp.example.com/", private=True).addresses == ("10.1.2.3",)


def test_the_path_and_query_are_kept():
    assert destination("https://shop.example.com/a%20b?page=%2F&x=1").urls == ["https://93.184.216.34:443/a%20b?page=%2F&x=1"]
    assert destination("https://shop.example.com").target == "/"


def test_every_zone():
    zones = {
        "8.8.8.8": "public", "2606:4700::1": "public", "192.168.1.1": "private", "100.64.0.1": "private", "127.9.9.9": "loopback",
        "fc00::1": "private", "169.254.0.1": "never", "4000::1": "never", "198.18.0.1": "never", "203.0.113.5": "never",
    }
    assert {text: zone(ipaddress.ip_address(text)) for text in zones} == zones
