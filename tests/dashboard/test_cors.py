"""Pages of other origins: listed ones may read an inbox with the person's token, nobody else may anything."""

import pytest

from dashboard import keys, tokens
from dashboard.cors import WIDGET
from tests.peers.inbox_rows import messages, person

SHOP = "https://shop.example.org"


@pytest.fixture
def settings():
    return {"allowed_origins": SHOP}


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def own(app):
    key, _ = keys.create_key("shop", ["inbox"], "test")
    return {"Authorization": f"Bearer {tokens.issue(key, '42')[0]}"}


def test_a_listed_page_may_ask_and_read(client, own):
    messages([person()])
    asked = {"Origin": SHOP, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization"}
    preflight = client.options("/inbox/42/read/", headers=asked)
    assert preflight.status_code == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    answer = client.get("/inbox/42/", headers={**own, "Origin": SHOP})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
    assert "Access-Control-Allow-Credentials" not in answer.headers
    assert "Origin" in answer.vary


def test_a_refusal_too_can_be_read_by_the_page(client):
    answer = client.get("/inbox/42/", headers={"Origin": SHOP})
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (401, SHOP)


@pytest.mark.parametrize("origin", ["https://evil.example", "null", f"{SHOP}.evil.example", "http://shop.example.org", "*", ""])
def test_other_pages_get_nothing(client, own, origin):
    person()
    for method in ("OPTIONS", "GET"):
        answer = client.open("/inbox/42/", method=method, headers={**own, "Origin": origin})
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Origin" in answer.vary


@pytest.mark.parametrize("path", ["/notify/", "/recipients/42/token/", "/admin/", "/login/", "/healthz"])
def test_nothing_but_the_inbox_is_open(client, path):
    for method in ("OPTIONS", "GET", "POST"):
        assert "Access-Control-Allow-Origin" not in client.open(path, method=method, headers={"Origin": SHOP}).headers


def test_the_widgets_files_may_be_loaded_by_listed_pages(client):
    for path in sorted(WIDGET):
        with client.get(path, headers={"Origin": SHOP}) as answer:
            assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (200, SHOP)
            assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
            assert "javascript" in answer.headers["Content-Type"]
    with client.get("/static/favicon.svg", headers={"Origin": SHOP}) as answer:
        assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"
