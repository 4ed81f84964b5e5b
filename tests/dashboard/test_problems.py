"""Errors as answers: problem+json for programs, a page for people, and our insides for nobody."""

import json
from collections.abc import Callable

import pytest
from flask import Flask, abort
from flask.testing import FlaskClient
from gunicorn.http.errors import ChunkMissingTerminator, InvalidChunkSize, NoMoreData
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm.exc import StaleDataError

from dashboard import auth, keys, problems
from tasks import errors
from tasks.errors import CarillonError

PAGE = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def raising(app: Flask, error: Exception, access: Callable[..., object] = auth.public) -> FlaskClient:
    def view() -> str:
        raise error

    app.add_url_rule("/trouble/", "trouble", access(view), methods=["GET", "POST"])
    app.config["PROPAGATE_EXCEPTIONS"] = False
    return app.test_client()


def all_errors() -> list[type[CarillonError]]:
    found, rest = [], [CarillonError]
    while rest:
        kind = rest.pop()
        found.append(kind)
        rest.extend(kind.__subclasses__())
    return found


def test_every_named_error_has_a_code_of_its_own_and_an_honest_status() -> None:
    named = [kind for kind in all_errors() if kind.__module__.startswith(("tasks.", "dashboard."))]
    codes = [kind.code for kind in named]

    assert len(set(codes)) == len(codes)
    assert all(400 <= kind.status < 600 for kind in named)
    assert all(kind.__doc__ for kind in named)


def test_a_named_error_is_a_problem_with_all_it_knows(app: Flask) -> None:
    error = errors.InvalidTemplate("It does not parse.", field="message", remedy="Close the brace.", line=3, status="fake")

    answer = raising(app, error).get("/trouble/")

    assert answer.content_type == "application/problem+json"
    assert answer.status_code == 422
    assert answer.json == {
        "type": "urn:carillon:problem:invalid_template", "title": "Invalid template", "status": 422, "code": "invalid_template",
        "detail": "It does not parse.", "field": "message", "remedy": "Close the brace.", "line": 3,
        "request_id": answer.headers["X-Request-Id"],
    }


@pytest.mark.parametrize(("field", "expected"), [
    ("recipient.email", "/recipient/email"), ("template_name", "/template_name"), ("/already/there", "/already/there"),
    ("Idempotency-Key", "Idempotency-Key"), ("id", "id"), ("message", "message"), ("", ""),
])
def test_services_get_a_pointer_into_their_body(app: Flask, field: str, expected: str) -> None:
    _, plaintext = keys.create_key("shop", ["send"], "test")
    client = raising(app, errors.InvalidOption("No.", field=field), auth.api_key("send"))

    answer = client.post("/trouble/", headers={"Authorization": f"Bearer {plaintext}", **PAGE})

    assert answer.json["field"] == expected
    assert answer.content_type == "application/problem+json", "a service's address answers JSON whatever Accept says"


def test_people_get_a_page_that_shows_what_was_said_and_nothing_more(app: Flask) -> None:
    error = errors.InvalidOption("Nobody is <b>Maya</b>.", remedy="Look again.")

    answer = raising(app, error).get("/trouble/", headers=PAGE)

    assert (answer.status_code, answer.mimetype) == (422, "text/html")
    assert "Nobody is &lt;b&gt;Maya&lt;/b&gt;." in answer.text
    assert "Look again." in answer.text


@pytest.mark.parametrize("headers", [PAGE, {}])
def test_an_error_nobody_foresaw_tells_nothing(app: Flask, headers: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    answer = raising(app, RuntimeError("the password is hunter2")).get("/trouble/", headers=headers)

    assert answer.status_code == 500
    assert "hunter2" not in answer.text
    assert "Traceback" not in answer.text
    assert "hunter2" in caplog.text, "but the log says it"


@pytest.mark.parametrize("error", [
    OperationalError("insert into secrets", {"card": "4111"}, Exception("database is locked")), PoolTimeout("pool is empty"),
])
def test_a_database_that_does_not_answer_is_503(app: Flask, error: Exception) -> None:
    answer = raising(app, error).get("/trouble/")

    assert (answer.status_code, answer.json["code"], answer.headers["Retry-After"]) == (503, "unavailable", "5")
    assert "4111" not in answer.text
    assert "secrets" not in answer.text


def test_a_row_that_somebody_else_deleted_is_a_conflict(app: Flask) -> None:
    answer = raising(app, StaleDataError("UPDATE expected to update 1 row(s); 0 were matched.")).get("/trouble/")

    assert (answer.status_code, answer.json["code"]) == (409, "changed_meanwhile")


@pytest.mark.parametrize("error", [NoMoreData(), InvalidChunkSize(b"ZZ"), ChunkMissingTerminator(b"x")])
def test_a_body_that_breaks_off_is_the_callers_doing(app: Flask, error: Exception) -> None:
    answer = raising(app, error).post("/trouble/")

    assert (answer.status_code, answer.json["code"]) == (400, "bad_request")
    assert answer.json["remedy"]


def test_text_that_no_database_takes_is_no_error_of_ours(app: Flask) -> None:
    answer = raising(app, UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates not allowed")).get("/trouble/")

    assert (answer.status_code, answer.json["code"]) == (400, "unfit")


def test_a_call_that_still_runs_says_when_to_come_back(app: Flask) -> None:
    answer = raising(app, errors.IdempotencyRunning("Running.")).get("/trouble/")

    assert (answer.status_code, answer.headers["Retry-After"]) == (409, "1")


def test_an_address_or_method_that_is_none(app: Flask) -> None:
    client = app.test_client()

    missing, wrong = client.get("/nowhere/"), client.delete("/healthz")

    assert (missing.status_code, missing.json["code"]) == (404, "not_found")
    assert (wrong.status_code, wrong.json["code"]) == (405, "method_not_allowed")
    assert "GET" in wrong.headers["Allow"]
    assert client.get("/nowhere/", headers=PAGE).mimetype == "text/html"


def test_a_redirect_stays_one(app: Flask) -> None:
    answer = app.test_client().get("/docs")

    assert (answer.status_code, answer.headers["Location"]) == (308, "http://localhost/docs/")


def test_an_answer_that_was_made_already_is_sent(app: Flask) -> None:
    def view() -> None:
        abort(app.response_class("mine", 418))

    app.add_url_rule("/teapot/", "teapot", auth.public(view))

    answer = app.test_client().get("/teapot/")

    assert (answer.status_code, answer.text) == (418, "mine")


def test_a_page_that_cannot_be_drawn_is_a_bare_one(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> str:
        raise OperationalError("select", {}, Exception("gone"))

    monkeypatch.setattr(problems, "render_template", broken)

    answer = raising(app, errors.UnknownRecipient("Nobody is <b>Maya</b>.")).get("/trouble/", headers=PAGE)

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "Nobody is &lt;b&gt;Maya&lt;/b&gt;." in answer.text


def test_what_cannot_be_json_is_said_in_words(app: Flask) -> None:
    answer = raising(app, errors.InvalidOption("No.", when=object())).get("/trouble/")

    assert json.loads(answer.data)["code"] == "invalid_option"
