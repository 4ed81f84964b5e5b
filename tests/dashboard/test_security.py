"""What holds for every answer: headers, cookies, sizes, proxies."""

import re
from typing import Any

import pytest
from flask import Flask, render_template_string, request, session
from flask.testing import FlaskClient

from dashboard import auth, create_app, security

PAGE = {"Accept": "text/html"}


def add(app: Flask, path: str, view: Any, **options: Any) -> None:
    app.add_url_rule(path, f"test{path}", auth.public(view), **options)


def test_every_answer_carries_the_headers(app: Flask) -> None:
    client = app.test_client()

    for path, headers in [("/healthz", {}), ("/docs/", {}), ("/openapi.json", {}), ("/nowhere", PAGE), ("/notify/", {}),
                          ("/notify/00000000-0000-0000-0000-000000000000/", {}), ("/docs/static/css/swagger-ui.css", {})]:
        with client.get(path, headers=headers) as answer:
            for name, value in security.HEADERS.items():
                assert answer.headers[name] == value, (path, name)
            assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
            assert len(answer.headers.getlist("Content-Security-Policy")) == 1


def test_a_page_runs_only_scripts_that_carry_its_nonce(app: Flask) -> None:
    add(app, "/page/", lambda: render_template_string("<script nonce='{{ csp_nonce() }}'></script>{{ csp_nonce() }}"))
    client = app.test_client()

    first, second = client.get("/page/"), client.get("/page/")

    assert "unsafe-inline" not in first.headers["Content-Security-Policy"]
    policy = first.headers["Content-Security-Policy"]
    (nonce,) = set(re.findall(r"'nonce-([^']+)'", policy))
    assert first.text.count(nonce) == 2
    assert nonce not in second.text
    directives = dict(part.strip().split(" ", 1) for part in policy.split(";"))
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == f"'self' 'nonce-{nonce}'"
    assert directives["base-uri"] == "'none'"
    assert directives["form-action"] == "'self'"
    assert "ws://localhost" in directives["connect-src"]


def test_what_is_no_page_runs_nothing(app: Flask) -> None:
    assert app.test_client().get("/healthz").headers["Content-Security-Policy"] == security.OTHER_POLICY


def test_a_view_may_be_stricter_by_itself(app: Flask) -> None:
    add(app, "/strict/", lambda: ("<p>preview</p>", 200, {"Content-Security-Policy": "sandbox", "Cache-Control": "private"}))

    answer = app.test_client().get("/strict/")

    assert answer.headers["Content-Security-Policy"] == "sandbox"
    assert answer.headers["Cache-Control"] == "private"


def test_answers_are_not_kept_and_files_are(app: Flask) -> None:
    client = app.test_client()

    assert client.get("/healthz").headers["Cache-Control"] == "no-store"
    assert client.post("/notify/").headers["Cache-Control"] == "no-store"
    with client.get("/docs/static/css/swagger-ui.css") as file:
        assert "no-store" not in file.headers.get("Cache-Control", "")


def cookie_of(app: Flask) -> str:
    add(app, "/remember/", lambda: session.update(a=1) or "kept")
    return str(app.test_client().get("/remember/", base_url=app.config["PREFERRED_URL_SCHEME"] + "://localhost").headers["Set-Cookie"])


def test_the_session_cookie_over_http(app: Flask) -> None:
    cookie = cookie_of(app)

    assert cookie.startswith("carillon=")
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie


def test_the_session_cookie_over_https(sqlite_settings: dict[str, object]) -> None:
    app = create_app(**sqlite_settings, base_url="https://bell.example.org")
    cookie = cookie_of(app)

    assert cookie.startswith("__Host-carillon=")
    assert "Secure" in cookie
    assert "Path=/" in cookie
    assert "Domain" not in cookie
    assert app.test_client().get("/healthz").headers["Strict-Transport-Security"].startswith("max-age=")


def test_the_api_sets_no_cookie(app: Flask) -> None:
    for path in ("/notify/", "/healthz", "/openapi.json"):
        assert "Set-Cookie" not in app.test_client().get(path).headers


def test_trace_is_off_everywhere(app: Flask) -> None:
    client = app.test_client()

    for rule in app.url_map.iter_rules():
        path = re.sub(r"<uuid:\w+>", "00000000-0000-0000-0000-000000000000", rule.rule)
        answer = client.open(re.sub(r"<[^>]+>", "1", path), method="TRACE")
        assert answer.status_code == 405, rule.rule


def test_large_bodies_and_forms_are_refused(app: Flask) -> None:
    add(app, "/form/", lambda: str(len(request.form.get("a", ""))), methods=["POST"])
    app.config["WTF_CSRF_ENABLED"] = False
    client: FlaskClient = app.test_client()

    assert client.post("/form/", data={"a": "x" * (security.LARGEST_BODY + 1)}).status_code == 413
    assert client.post("/notify/", data=b"x" * (security.LARGEST_BODY + 1)).status_code in {401, 413}


@pytest.mark.parametrize(("hops", "expected"), [
    (0, ("127.0.0.1", "http", "localhost")), (1, ("203.0.113.9", "https", "bell.example.org")),
])
def test_a_proxy_is_believed_where_there_is_one(sqlite_settings: dict[str, object], hops: int, expected: tuple[str, ...]) -> None:
    app = create_app(**sqlite_settings, trust_proxy=hops)
    add(app, "/seen/", lambda: f"{request.remote_addr} {request.scheme} {request.host}")

    answer = app.test_client().get("/seen/", headers={
        "X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "bell.example.org",
    })

    assert tuple(answer.text.split()) == expected


def test_a_secret_key_of_the_settings_signs_the_sessions(app: Flask, sqlite_settings: dict[str, object]) -> None:
    assert app.config["SECRET_KEY"] == sqlite_settings["secret_key"]
