"""The inbox and its tokens over HTTP."""

import uuid

import jwt
import pytest

from dashboard import keys, tokens
from tasks import public_id
from tests.peers.inbox_rows import messages, person


@pytest.fixture
def bearer(any_app):
    """Headers of an API key with these scopes."""

    def make(*scopes):
        return {"Authorization": f"Bearer {keys.create_key('shop', scopes or ['inbox'], 'test')[1]}"}

    return make


@pytest.fixture
def own(any_app):
    """Headers of a person's own token."""

    def make(external_id="42"):
        key, _ = keys.create_key("shop", ["inbox"], "test")
        return {"Authorization": f"Bearer {tokens.issue(key, external_id)[0]}"}

    return make


@pytest.fixture
def client(any_app):
    return any_app.test_client()


def ids(pks):
    return [str(public_id.encode(public_id.NOTIFICATION, pk)) for pk in pks]


def both(client, path, headers):
    """The answers of reading an inbox and of marking it as read."""
    return client.get(path, headers=headers), client.post(f"{path}read/", json={"all": True}, headers=headers)


def test_pages_newest_first(client, bearer):
    pks = messages([person()] * 5)
    headers = bearer()
    first = client.get("/inbox/42/?limit=3", headers=headers).json
    assert [item["id"] for item in first["items"]] == ids(pks[::-1][:3])
    assert (first["unread"], first["next"]) == (5, ids(pks)[2])
    rest = client.get(f"/inbox/42/?limit=3&before={first['next']}", headers=headers).json
    assert [item["id"] for item in rest["items"]] == ids(pks[::-1][3:])
    assert rest["next"] is None
    assert set(rest["items"][0]) == {"id", "title", "message", "notification_type", "data", "is_read", "created_at"}


def test_an_empty_inbox(client, bearer):
    person()
    assert client.get("/inbox/42/", headers=bearer()).json == {"items": [], "unread": 0, "next": None}


def test_reading_some_and_all(client, bearer):
    pks = messages([person()] * 3)
    headers = bearer()
    some = client.post("/inbox/42/read/", json={"ids": [*ids(pks[:1]), str(uuid.uuid4())]}, headers=headers)
    assert (some.status_code, some.json) == (200, {"unread": 2, "unknown": 1})
    assert [item["is_read"] for item in client.get("/inbox/42/", headers=headers).json["items"]] == [False, False, True]
    for _ in range(2):
        assert client.post("/inbox/42/read/", json={"all": True}, headers=headers).json == {"unread": 0, "unknown": 0}


def test_archiving_unarchiving_deleting(client, bearer):
    pks = messages([person()] * 3)
    headers = bearer()

    def post(action, **body):
        answer = client.post(f"/inbox/42/{action}/", json=body, headers=headers)
        assert answer.status_code == 200
        return answer.json

    def shown(query=""):
        return [item["id"] for item in client.get(f"/inbox/42/{query}", headers=headers).json["items"]]

    assert post("archive", ids=ids(pks[:1])) == {"unread": 2, "unknown": 0}
    assert (shown(), shown("?archived=true")) == (ids(pks[:0:-1]), ids(pks[:1]))
    assert post("unarchive", all=True) == {"unread": 3, "unknown": 0}
    assert post("read", all=True)["unread"] == 0
    assert post("unread", ids=ids(pks[:2]))["unread"] == 2
    for _ in range(2):
        assert post("delete", ids=ids(pks[:2]))["unread"] == 0
    assert shown() == ids(pks[2:])


@pytest.mark.parametrize("action", ["read", "unread", "archive", "unarchive", "delete"])
def test_what_to_mark_must_be_said(client, bearer, own, action):
    person()
    person("43")
    for body in ({}, {"all": True, "ids": []}, {"all": False}):
        answer = client.post(f"/inbox/42/{action}/", json=body, headers=bearer())
        assert (answer.status_code, answer.json["field"]) == (422, "/ids")
        assert action in answer.json["detail"]
    assert client.post(f"/inbox/43/{action}/", json={"all": True}, headers=own("42")).status_code == 403


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "/ids"),
        ({"ids": ["x"]}, "/ids/0"),
        ({"ids": ["0f0e0d0c-0b0a-4908-8706-050403020100", 7]}, "/ids/1"),
        ({"ids": "x"}, "/ids"),
        ({"all": True, "ids": []}, "/ids"),
        ({"all": "yes"}, "/all"),
        ({"everything": True}, "/everything"),
        ({"ids": ["0f0e0d0c-0b0a-4908-8706-050403020100"] * 1001}, "/ids"),
    ],
)
def test_a_wrong_read_names_its_field(client, bearer, body, field):
    person()
    answer = client.post("/inbox/42/read/", json=body, headers=bearer())
    assert (answer.status_code, answer.json["field"]) == (422, field)
    assert answer.json["remedy"]


@pytest.mark.parametrize("query", [
    "before=x", "limit=0", "limit=201", "limit=x", "archived=x", "before=0f0e0d0c-0b0a-4908-8706-050403020100",
])
def test_a_wrong_page_names_its_parameter(client, bearer, query):
    person()
    answer = client.get(f"/inbox/42/?{query}", headers=bearer())
    assert (answer.status_code, answer.json["field"]) == (422, query.split("=")[0])


def test_a_misspelt_parameter_is_no_page_one(client, bearer):
    messages([person()])

    answer = client.get("/inbox/42/?cursor=abc", headers=bearer())

    assert (answer.status_code, answer.json["code"], answer.json["field"]) == (422, "unknown_field", "cursor")
    assert "before" in answer.json["remedy"]


def test_a_person_reads_their_own_inbox_and_no_other(client, own):
    messages([person("42")])
    person("43")
    headers = own("42")
    assert len(client.get("/inbox/42/", headers=headers).json["items"]) == 1
    assert client.post("/inbox/42/read/", json={"all": True}, headers=headers).json["unread"] == 0
    for answer in both(client, "/inbox/43/", headers):
        assert (answer.status_code, answer.json["code"]) == (403, "not_allowed")


def test_a_persons_token_opens_nothing_else(client, own):
    person()
    assert client.post("/recipients/42/token/", headers=own()).status_code == 401
    assert client.get("/recipients/42/", headers=own()).status_code == 401


def test_who_may_not_come_in(client, bearer):
    person()
    for headers, status, code in (
        ({}, 401, "unauthenticated"),
        ({"Authorization": "Bearer nonsense"}, 401, "invalid_token"),
        ({"Authorization": "Bearer crl_x"}, 401, "unauthenticated"),
        ({"Authorization": "Basic x"}, 401, "unauthenticated"),
        (bearer("send"), 403, "not_allowed"),
    ):
        for answer in both(client, "/inbox/42/", headers):
            found = (answer.status_code, answer.json["code"], answer.json["field"])
            assert found == (status, code, "Authorization")


def test_nobodys_inbox(client, bearer, own):
    headers = bearer()
    token = client.post("/recipients/nobody/token/", headers=headers)
    for answer in (*both(client, "/inbox/nobody/", headers), *both(client, "/inbox/nobody/", own("nobody")), token):
        assert (answer.status_code, answer.json["code"]) == (404, "unknown_recipient")


def test_a_token_for_the_app(client, bearer, any_app):
    person()
    answer = client.post("/recipients/42/token/", headers=bearer())
    assert (answer.status_code, set(answer.json)) == (200, {"token", "expires_at"})
    assert tokens.verify(answer.json["token"]).subject == "42"
    claims = jwt.decode(answer.json["token"], options={"verify_signature": False})
    assert claims["aud"] == "carillon-inbox"
    assert client.get("/inbox/42/", headers={"Authorization": f"Bearer {answer.json['token']}"}).status_code == 200
    assert client.post("/recipients/42/token/", headers=bearer("read")).status_code == 403


def test_an_id_with_odd_characters(client, bearer):
    person("ü ?")
    token = client.post("/recipients/%C3%BC%20%3F/token/", headers=bearer()).json["token"]
    assert client.get("/inbox/%C3%BC%20%3F/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
