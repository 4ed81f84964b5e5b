"""Which pages may open a socket."""

import pytest

from tasks.live.origins import origin_check
from tests.conftest import make_settings

HERE = {"wsgi.url_scheme": "https", "HTTP_HOST": "bell.example.org"}


@pytest.mark.parametrize(("origin", "allowed"), [
    ("https://bell.example.org", True), ("https://shop.example.org", True), ("https://public.example.org", True),
    ("http://bell.example.org", False), ("https://bell.example.org:8443", False), ("https://evil.example", False),
    ("https://shop.example.org.evil.example", False), ("https://a@bell.example.org", False), ("null", False), ("*", False),
    ("https://sub.shop.example.org", False), ("", False),
])
def test_only_this_site_and_the_listed_ones(origin, allowed):
    config = make_settings(base_url="https://public.example.org/", allowed_origins="https://shop.example.org")
    assert origin_check(config)(origin, HERE) is allowed


@pytest.mark.parametrize("origins", ["*", "null", "https://*", ""])
def test_a_star_or_nothing_opens_nothing(origins):
    config = make_settings(base_url="https://public.example.org", allowed_origins=origins)
    check = origin_check(config)
    assert not check("https://evil.example", HERE)
    assert not check("null", HERE)


def test_a_request_without_a_host_is_not_its_own_origin():
    assert not origin_check(make_settings())("http://", {"wsgi.url_scheme": "http"})
