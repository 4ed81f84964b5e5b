"""The guard before every view: nobody gets where nothing says they may."""

from collections.abc import Callable
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask import Flask, g, session
from flask.testing import FlaskClient
from flask_admin import Admin, AdminIndexView, expose
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

from dashboard import auth, keys, operators
from tasks.extensions import db
from tasks.models import Operator
from tasks.models.words import ROLES, SCOPES

PASSWORD = "correct horse battery"
PAGE = {"Accept": "text/html"}


@pytest.fixture(autouse=True)
def cheap_hashes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(operators, "hasher", PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    """A client of an app with one view of every kind of access."""

    def add(path: str, access: Callable[[Any], Any] | None, **options: Any) -> None:
        def view() -> str:
            return "yes"

        app.add_url_rule(path, f"test{path}", access(view) if access else view, **options)

    add("/undeclared/", None, methods=["GET", "POST"])
    add("/open/", auth.public, methods=["GET", "POST"])
    for role in ROLES:
        add(f"/for/{role}/", auth.operator(role), methods=["GET", "POST"])
    for scope in SCOPES:
        add(f"/with/{scope}/", auth.api_key(scope), methods=["GET", "POST"])

    @app.route("/enter/<email>")
    @auth.public
    def enter(email: str) -> str:
        session["left over"] = "from before"
        row = operators.verify(email, PASSWORD)
        assert row
        auth.sign_in(row)
        return str("left over" in session)

    @app.route("/token/")
    @auth.public
    def token() -> str:
        return str(generate_csrf())

    @app.route("/leave/")
    @auth.public
    def leave() -> str:
        auth.sign_out()
        return "gone"

    @app.route("/who/")
    @auth.operator("viewer")
    def who() -> str:
        return f"{current_user.email} {current_user.role}"

    for role in ROLES:
        operators.add_operator(f"{role}@example.org", PASSWORD, role)
    return app.test_client()


def key(*scopes: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {keys.create_key('test', scopes, 'test')[1]}"}


def enter(client: FlaskClient, role: str) -> FlaskClient:
    assert client.get(f"/enter/{role}@example.org").text == "False", "the old session was kept"
    return client


def test_a_view_that_declares_nothing_is_closed_to_everyone(client: FlaskClient) -> None:
    assert client.get("/undeclared/").status_code == 403
    assert client.get("/undeclared/", headers=key(*SCOPES)).status_code == 403
    assert enter(client, "admin").get("/undeclared/").status_code == 403
    assert client.post("/undeclared/").status_code == 403


def test_an_open_view_is_open(client: FlaskClient) -> None:
    assert client.get("/open/").text == "yes"


@pytest.mark.parametrize("role", ROLES)
def test_an_operator_gets_as_far_as_their_role(client: FlaskClient, role: str) -> None:
    enter(client, role)

    found = {other: client.get(f"/for/{other}/").status_code for other in ROLES}

    assert found == {other: 200 if ROLES.index(role) >= ROLES.index(other) else 403 for other in ROLES}


def test_a_stranger_is_sent_to_the_login_and_a_script_is_told(client: FlaskClient) -> None:
    page = client.get("/for/viewer/?page=2", headers=PAGE)
    script = client.get("/for/viewer/")

    assert (page.status_code, page.headers["Location"]) == (302, "/login/?next=%2Ffor%2Fviewer%2F%3Fpage%3D2")
    assert (script.status_code, script.json["code"]) == (401, "unauthenticated")
    assert client.post("/for/viewer/", headers=PAGE).headers["Location"] == "/login/"
    assert client.get("/for/viewer/", headers=key(*SCOPES)).status_code == 401, "a key opened an operator's page"


@pytest.mark.parametrize("scope", SCOPES)
def test_a_key_opens_what_its_scopes_name(client: FlaskClient, scope: str) -> None:
    headers = key(scope)

    found = {other: client.get(f"/with/{other}/", headers=headers).status_code for other in SCOPES}

    assert found == {other: 200 if other == scope else 403 for other in SCOPES}


@pytest.mark.parametrize("headers", [
    {}, {"Authorization": ""}, {"Authorization": "Bearer"}, {"Authorization": "Bearer "}, {"Authorization": "Basic YTpi"},
    {"Authorization": "Bearer crl_abcdefgh_" + "0" * 49}, {"Authorization": "Bearer \xff\xfe"}, {"Authorization": "crl_x"},
    {"Cookie": "key=crl_abcdefgh_" + "0" * 49},
])
def test_without_a_real_key_the_answer_is_401_and_says_what_is_wanted(client: FlaskClient, headers: dict[str, str]) -> None:
    answer = client.post("/with/send/", headers=headers)

    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.content_type == "application/problem+json"
    assert answer.json["field"] == "Authorization"
    assert answer.json["remedy"]


def test_a_session_does_not_open_the_api(client: FlaskClient) -> None:
    assert enter(client, "admin").post("/with/send/").status_code == 401


def test_the_key_of_a_request_is_at_hand(client: FlaskClient, app: Flask) -> None:
    headers = key("send")
    seen = []
    app.after_request(lambda answer: seen.append(g.api_key.name) or answer)

    client.get("/with/send/", headers=headers)

    assert seen == ["test"]


def test_what_a_cookie_authorises_needs_the_token_of_the_page(client: FlaskClient) -> None:
    enter(client, "admin")
    token = client.get("/token/").text

    assert client.post("/for/admin/").status_code == 400
    assert client.post("/for/admin/", data={"csrf_token": "x" + token}).status_code == 400
    assert client.post("/for/admin/", data={"csrf_token": token}).text == "yes"
    assert client.post("/for/admin/", headers={"X-CSRFToken": token}).text == "yes"
    assert client.post("/open/").status_code == 400, "a form that anyone may send wants a token too"


def test_another_persons_token_does_not_count(client: FlaskClient, app: Flask) -> None:
    foreign = enter(app.test_client(), "viewer").get("/token/").text

    assert enter(client, "admin").post("/for/admin/", data={"csrf_token": foreign}).status_code == 400


def test_the_api_wants_a_key_and_no_token(client: FlaskClient) -> None:
    assert client.post("/with/send/", headers=key("send")).text == "yes"


def test_a_copied_cookie_is_worth_nothing_after_signing_out(client: FlaskClient, app: Flask) -> None:
    enter(client, "admin")
    copy = app.test_client()
    copy.set_cookie("carillon", client.get_cookie("carillon").value)
    assert copy.get("/who/").text == "admin@example.org admin"

    client.get("/leave/")

    assert copy.get("/who/").status_code == 401
    assert client.get("/who/").status_code == 401


@pytest.mark.parametrize("change", [
    {"session_epoch": 2}, {"is_active": False},
])
def test_a_change_of_the_account_ends_its_sessions(client: FlaskClient, change: dict[str, object]) -> None:
    enter(client, "admin")
    row = db.session.query(Operator).filter_by(email="admin@example.org").one()
    for name, value in change.items():
        setattr(row, name, value)
    db.session.commit()

    assert client.get("/who/").status_code == 401


def test_a_role_that_is_taken_away_is_gone_at_once(client: FlaskClient) -> None:
    enter(client, "admin")
    db.session.query(Operator).filter_by(email="admin@example.org").one().role = "viewer"
    db.session.commit()

    assert client.get("/for/admin/").status_code == 403
    assert client.get("/for/viewer/").status_code == 200


def test_a_session_ends_when_idle_and_after_its_day(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [1_000_000.0]
    monkeypatch.setattr(auth.time, "time", lambda: clock[0])
    enter(client, "admin")
    clock[0] += auth.IDLE - 5
    assert client.get("/who/").status_code == 200
    clock[0] += auth.IDLE - 5
    assert client.get("/who/").status_code == 200, "a request did not keep the session alive"
    clock[0] += auth.IDLE + 5
    assert client.get("/who/").status_code == 401

    enter(client, "admin")
    started = clock[0]
    while clock[0] - started < auth.ABSOLUTE - auth.IDLE:
        clock[0] += auth.IDLE - 5
        assert client.get("/who/").status_code == 200
    clock[0] = started + auth.ABSOLUTE + 5
    assert client.get("/who/").status_code == 401


def test_a_forged_or_odd_session_signs_nobody_in(client: FlaskClient) -> None:
    for identity in ("1:1", "x:1", "", "1", "99999999999999999999:1", "-1:1", None, 7):
        with client.session_transaction() as kept:
            kept["_user_id"] = identity
            kept.pop("seen", None)
        assert client.get("/who/").status_code == 401, identity


@pytest.mark.parametrize("identity", ["x:1", "", "1", "99999999999999999999:1", "9:9"])
def test_a_session_that_names_nobody_is_nobodys(client: FlaskClient, identity: str) -> None:
    enter(client, "admin")
    with client.session_transaction() as kept:
        kept["_user_id"] = identity

    assert client.get("/who/").status_code == 401


@pytest.mark.parametrize(("target", "expected"), [
    ("/admin/", "/admin/"), ("/a?b=c", "/a?b=c"), (None, "/"), ("", "/"), ("https://evil.example", "/"), ("//evil.example", "/"),
    ("/\\evil.example", "/"), ("javascript:alert(1)", "/"), ("evil.example", "/"), ("/\t/evil.example", "/"),
    ("/\nSet-Cookie: a", "/"),
])
def test_after_signing_in_nobody_is_led_off_the_site(target: str | None, expected: str) -> None:
    assert auth.safe_next(target) == expected


def test_a_word_that_is_no_role_or_scope_is_a_mistake_in_the_code() -> None:
    with pytest.raises(ValueError, match="boss"):
        auth.operator("boss")
    with pytest.raises(ValueError, match="everything"):
        auth.api_key("everything")


def test_an_admin_view_is_checked_by_its_class_or_closed(app: Flask) -> None:
    class Checked(AdminIndexView):
        __carillon_access__ = auth.CHECKED_BY_VIEW

        @expose("/")
        def index(self) -> str:
            return "checked"

        def is_accessible(self) -> bool:
            return auth.allowed("viewer")

    class Forgotten(AdminIndexView):
        @expose("/")
        def index(self) -> str:
            return "forgotten"

    Admin(app, index_view=Checked(endpoint="checked", url="/checked"), endpoint="checked")
    Admin(app, index_view=Forgotten(endpoint="forgotten", url="/forgotten"), endpoint="forgotten")
    client = app.test_client()

    with app.test_request_context():
        assert auth.access_of("checked.index") is auth.CHECKED_BY_VIEW
        assert auth.access_of("forgotten.index") is None
    assert client.get("/forgotten/").status_code == 403
    assert client.get("/checked/").status_code == 401, "whoever is not signed in does not get as far as the class"
