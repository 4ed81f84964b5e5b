"""The outside user source against a real server on loopback: its pages, its faults, and the ways out it may try to show us."""

import gzip
import json
import socket
import threading
from contextlib import contextmanager

import pytest
import trustme

from tasks.audience import download
from tasks.audience.description import Description, describe
from tasks.audience.source import SourcePage, fetch
from tasks.errors import CarillonError, InvalidRecipient, SourceFailed
from tests.conftest import make_settings
from tests.peers.user_source import UserSource, send


@contextmanager
def serving(*answers, **headers):
    """A source whose pages are `answers` in order (bytes or JSON); yields it and its settings."""
    pages = iter(answers)

    def answer(handler):
        page = next(pages)
        send(handler, page if isinstance(page, bytes) else json.dumps(page).encode(), **headers)

    with UserSource(answer) as server:
        yield server, make_settings(user_source_url=server.url, user_source_token="s3cret")


@contextmanager
def answering(answer):
    with UserSource(answer) as server:
        yield server, make_settings(user_source_url=server.url)


def test_pages_are_followed_by_cursor_and_by_link_with_the_token():
    pages = [
        {"recipients": [{"id": 1}], "next": "a/b+c="}, {"users": [], "next": 7}, {"items": [], "next": "/users?page=4&size=2"},
        {"results": [], "next": "?last=1"}, {"results": [], "next": None},
    ]
    with serving(*pages) as (server, config):
        seen, cursor = [], None
        while True:
            page = fetch(config, cursor)
            seen.append(page)
            cursor = page.next
            if cursor is None:
                break
    assert seen[0] == SourcePage(({"id": 1},), "a/b+c=")
    paths = ["/users", "/users?page=a%2Fb%2Bc%3D", "/users?page=7", "/users?page=4&size=2", "/users?last=1"]
    assert [path for path, _headers in server.asked] == paths
    for _path, headers in server.asked:
        assert headers["Authorization"] == "Bearer s3cret"
        assert headers["Accept-Encoding"] == "identity"
        assert headers["Host"] == f"127.0.0.1:{server.server_address[1]}"


def test_a_cursor_replaces_the_configured_page_and_keeps_the_rest():
    with serving({"users": []}) as (server, _config):
        fetch(make_settings(user_source_url=f"{server.url}?size=50&page=1"), "x")
        assert server.asked[0][0] == "/users?size=50&page=x"


def test_bad_entries_are_the_descriptions_business():
    good = {"id": 1, "email": "a@example.test", "is_staff": True}
    rows = [good, {"email": "b@example.test"}, None, {"id": 2, "email": "nope"}, [], "3", 4.5]
    with serving({"users": rows}) as (_server, config):
        people = fetch(config, None).people

    def read(entry):
        try:
            return describe(entry, config, strict=False)
        except CarillonError as error:
            return error

    found = [read(entry) for entry in people]
    assert found[0] == Description("1", {"email": "a@example.test"})
    assert found[5] == Description("3", creates=False)
    assert [type(entry) for entry in found[1:5]] == [InvalidRecipient] * 4
    assert isinstance(found[6], InvalidRecipient)


NEXT = [
    "http://evil.example/users", "https://127.0.0.1/users", "//evil.example/users?x", "http://127.0.0.1/users", "http://localhost:{port}/",
    "http://127.0.0.1:{port}@evil.example/", "http://user@127.0.0.1:{port}/", "http://127.0.0.1:{port}\\@evil.example/",
    "http://127.0.0.1:{port}.evil.example/", "http://127.0.0.1:{port}#@evil.example/", "http://evil.example\\@127.0.0.1:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/", "http://2130706433:{port}/", "http://0x7f000001:{port}/", "http://127.1:{port}/",
    "http://127.0.0.1:{port}/\r\nX-Evil: 1", "/\\evil.example?x",
    "http://127.0.0.1:0{port}0/", "http://169.254.169.254/latest/meta-data/", "https://127.0.0.1:{port}/users",
    "?x=\r\nX-Evil: 1", "http://127.0.0.1:{port}.", "http://evil.example:{port}/",
    "http://127.0.0.1:{port}/?x=a b", "http://127.0.0.1:{port}%00/", "http://127.0.0.1%3a{port}/", "http://①27.0.0.1:{port}/",
]


@pytest.mark.parametrize("link", NEXT)
def test_a_next_link_never_leaves_the_configured_origin(link):
    with serving({"users": []}) as (server, config), pytest.raises(SourceFailed) as caught:
        fetch(config, link.replace("{port}", str(server.server_address[1])))
    assert server.asked == []
    assert caught.value.extra["temporary"] is False


HARMLESS = [
    "javascript:alert(1)", "file:///etc/passwd", "gopher://127.0.0.1:6379/_FLUSHALL", "evil.example/users", "/etc/passwd",
    "a\r\nX-Evil: 1", "../../x", "http:\\\\evil.example", "HTTP://evil.example/",
]


@pytest.mark.parametrize("cursor", HARMLESS)
def test_anything_else_is_a_cursor_however_it_looks(cursor):
    with serving({"users": []}) as (server, config):
        fetch(config, cursor)
    path, headers = server.asked[0]
    assert path.startswith("/users?page=")
    assert "X-Evil" not in headers


def test_the_name_is_resolved_once_so_it_cannot_be_rebound(monkeypatch):
    real, asked = socket.getaddrinfo, []

    def rebinding(host, port, *args, **kwargs):
        asked.append(host)
        answer = "127.0.0.1" if asked.count("localhost") < 2 else "169.254.169.254"
        return real(answer if host == "localhost" else host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with serving({"users": []}) as (server, _config):
        assert fetch(make_settings(user_source_url=server.url.replace("127.0.0.1", "localhost")), None).people == ()
    assert asked.count("localhost") == 1
    assert len(server.asked) == 1


def test_redirects_are_not_followed():
    def redirect(handler):
        send(handler, b"", 302, Location=f"http://127.0.0.1:{canary.server_address[1]}/")

    with serving({"users": []}) as (canary, _), answering(redirect) as (server, config):
        with pytest.raises(SourceFailed, match="redirects") as caught:
            fetch(config, None)
        assert len(server.asked) == 1
        assert canary.asked == []
    assert caught.value.extra["temporary"] is False


@pytest.mark.parametrize(
    ("status", "temporary"), [(204, False), (401, False), (404, False), (408, True), (429, True), (500, True), (503, True)]
)
def test_other_statuses_fail_and_say_whether_to_try_again(status, temporary):
    with (
        answering(lambda handler: send(handler, b"", status, Retry_After="7")) as (_server, config),
        pytest.raises(SourceFailed, match=str(status)) as caught,
    ):
        fetch(config, None)
    assert caught.value.extra == {"temporary": temporary, "retry_after": 7.0}


@pytest.mark.parametrize(
    "body",
    [
        b"", b"<html>", b"[]", b"5", b"null", b'{"users": {}}', b'{"people": []}', b'{"users": [], "next": {}}',
        b'{"users": [], "next": true}',
        b'{"users": [NaN]}', b"[" * 200_000, b'{"users": [' + b"9" * 5000 + b"]}", b'\xff{"users": []}',
    ],
)
def test_answers_that_are_no_page_are_refused(body):
    with serving(body) as (_server, config), pytest.raises(SourceFailed) as caught:
        fetch(config, None)
    assert caught.value.remedy


def test_a_page_that_leads_to_itself_is_refused():
    with serving({"users": [], "next": "x"}) as (_server, config), pytest.raises(SourceFailed, match="itself"):
        fetch(config, "x")


def test_a_page_too_large_is_cut_off_whatever_length_it_claims():
    sent = []

    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while len(sent) < 2000:
                handler.wfile.write(b" " * 65_536)
                sent.append(1)
        except OSError:
            pass

    with answering(flood) as (_server, config), pytest.raises(SourceFailed, match="larger"):
        fetch(config, None)
    assert len(sent) < 2000


def test_compressed_bombs_are_refused_unread():
    bomb = gzip.compress(b" " * 10_000_000)
    with serving(bomb, Content_Encoding="gzip") as (_server, config), pytest.raises(SourceFailed, match="compresses"):
        fetch(config, None)


def test_a_dripping_source_ends_at_the_deadline(monkeypatch):
    monkeypatch.setattr(download, "TOTAL", 0.3)
    done = threading.Event()

    def drip(handler):
        handler.send_response(200)
        handler.end_headers()
        try:
            while not done.wait(0.02):
                handler.wfile.write(b" ")
        except OSError:
            pass

    with answering(drip) as (_server, config):
        try:
            with pytest.raises(SourceFailed, match="too long") as caught:
                fetch(config, None)
        finally:
            done.set()
    assert caught.value.extra["temporary"] is True


@pytest.mark.parametrize("how", ["silent", "cut", "refused"])
def test_a_source_that_is_down_fails_for_now(monkeypatch, how):
    monkeypatch.setattr(download, "READ", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        if how == "refused":
            listener.close()
        elif how == "cut":
            threading.Thread(target=lambda: listener.accept()[0].close(), daemon=True).start()
        with pytest.raises(SourceFailed, match="cannot be read") as caught:
            fetch(make_settings(user_source_url=f"http://127.0.0.1:{port}/"), None)
    assert caught.value.extra["temporary"] is True
    assert caught.value.field == "CARILLON_USER_SOURCE_URL"


def test_no_source_and_an_unsafe_one_are_configuration():
    for url in ("", "http://169.254.169.254/", "ftp://x"):
        with pytest.raises(SourceFailed) as caught:
            fetch(make_settings(user_source_url=url), None)
        assert caught.value.extra["temporary"] is False


@pytest.mark.parametrize(("name", "trusted"), [("localhost", True), ("shop.example.com", False)])
def test_the_certificate_is_checked_against_the_name_though_we_connect_to_the_address(name, trusted, tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
    with UserSource(lambda handler: send(handler, b'{"users": [{"id": "1"}]}')) as server:
        context = trustme.ssl.SSLContext(trustme.ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(name).configure_cert(context)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        config = make_settings(user_source_url=f"https://localhost:{server.server_address[1]}/users")
        if trusted:
            assert fetch(config, None).people == ({"id": "1"},)
            assert server.asked[0][1]["Host"] == f"localhost:{server.server_address[1]}"
        else:
            with pytest.raises(SourceFailed, match=r"certificate|hostname"):
                fetch(config, None)
            assert server.asked == []


def test_the_environments_proxy_and_netrc_are_left_alone(monkeypatch, tmp_path):
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login evil password evil\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    with serving({"users": []}) as (canary, _), serving({"users": []}) as (server, config):
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{canary.server_address[1]}")
        fetch(config, None)
        assert canary.asked == []
        assert server.asked[0][1]["Authorization"] == "Bearer s3cret"
