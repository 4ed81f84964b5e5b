"""People in bulk, on both databases: right rows, right people back, in a fixed number of statements."""

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import pytest
from sqlalchemy import func, select, update

from tasks.audience.description import Description, describe
from tasks.audience.recipients import find, page, resolve, save
from tasks.config import settings
from tasks.database import reading, writing
from tasks.errors import CarillonError, InvalidRecipient, UnknownRecipient
from tasks.extensions import db
from tasks.models import Device, OptOut, Recipient
from tests.tasks.audience.counting import statements


def put(*users, with_reach=None):
    """Describe and resolve `users`; returns the results and the statements it took."""
    with writing() as connection, statements() as seen:
        return resolve(connection, [describe(user, settings()) for user in users], with_reach=with_reach), seen


def verbs(seen):
    return [statement.split()[0] for statement in seen]


def test_a_thousand_new_people_with_tokens_take_three_statements_and_the_same_again_takes_one(any_app):
    people = [
        {"id": n, "name": f"P {n}", "email": f"p{n}@example.test", "tokens": [f"token-{n}"], "attributes": {"n": n}}
        for n in range(1000)
    ]
    found, seen = put(*people, with_reach="offer")
    assert verbs(seen) == ["SELECT", "INSERT", "INSERT"]
    assert [person.external_id for person in found] == [str(n) for n in range(1000)]
    assert [person.devices[0][1] for person in found] == [f"token-{n}" for n in range(1000)]

    again, seen = put(*people, with_reach="offer")
    assert verbs(seen) == ["SELECT"]
    assert again == found
    assert db.session.scalar(select(func.count()).select_from(Device)) == 1000


def test_known_bare_ids_take_one_statement_with_and_without_reach(any_app):
    put(*({"id": n} for n in range(5)))
    for reach in (None, "offer"):
        found, seen = put(*range(5), with_reach=reach)
        assert verbs(seen) == ["SELECT"]
        assert [person.external_id for person in found] == ["0", "1", "2", "3", "4"]


def test_only_what_is_given_and_differs_is_written(any_app):
    (person,), _ = put({"id": 42, "name": "Ann", "email": "ann@example.test", "attributes": {"plan": "pro", "age": 3}})
    created_at = find("42").created_at

    (person,), seen = put({"id": "42", "phone": "9841234567", "attributes": {"age": None, "vip": True}})
    assert verbs(seen) == ["SELECT", "INSERT"]
    assert (person.name, person.email, person.phone) == ("Ann", "ann@example.test", "+9779841234567")
    assert person.attributes == {"plan": "pro", "vip": True}
    db.session.expire_all()
    stored = find("42")
    assert (stored.id, stored.phone, stored.attributes) == (person.pk, person.phone, person.attributes)
    assert stored.created_at == created_at < stored.updated_at

    _, seen = put({"id": "42", "phone": "+977 984-1234567", "attributes": {"vip": True}})
    assert verbs(seen) == ["SELECT"]
    (person,), seen = put({"id": "42", "attributes": {"vip": 1}})  # equal to True in Python, not in JSON
    assert verbs(seen) == ["SELECT", "INSERT"]
    assert person.attributes["vip"] is not True


def test_null_and_empty_text_clear_a_column_and_leave_the_others(any_app):
    put({"id": "42", "name": "Ann", "email": "ann@example.test", "phone": "9841234567"})
    (person,), _ = put({"id": "42", "email": None, "phone": ""})
    assert (person.name, person.email, person.phone) == ("Ann", "", "")


def test_a_switched_off_person_stays_off_when_the_request_names_them(any_app):
    put({"id": "42"})
    with writing() as connection:
        connection.execute(update(Recipient).values(is_active=False))
    (person,), _ = put({"id": "42", "name": "Ann"})
    assert person.is_active is False
    assert find("42").is_active is False


def test_an_unknown_bare_id_fails_alone(any_app):
    put({"id": "1"})
    (known, missing, created), _ = put("1", "2", {"id": "3"})
    assert known.external_id == "1"
    assert created.external_id == "3"
    assert isinstance(missing, UnknownRecipient)
    assert "'2'" in missing.detail
    assert missing.remedy
    assert find("2") is None


def test_errors_go_through_in_their_place_and_alone_cost_no_statement(any_app):
    error = InvalidRecipient("bad", field="recipient.email")
    with writing() as connection, statements() as seen:
        assert resolve(connection, [error]) == [error]
        assert seen == []
        first, second = resolve(connection, [error, Description("1")])
    assert first is error
    assert second.external_id == "1"


def test_of_two_descriptions_of_one_person_the_last_wins_field_by_field(any_app):
    found, seen = put(
        {"id": "1", "name": "A", "email": "a@example.test", "attributes": {"x": 1, "y": 1}, "tokens": ["t1"]}, "1",
        {"id": 1, "name": "B", "attributes": {"y": 2}, "tokens": ["t2"]},
    )
    assert len(seen) == 3
    assert found[0] == found[1] == found[2]
    assert (found[0].name, found[0].email, found[0].attributes) == ("B", "a@example.test", {"x": 1, "y": 2})
    assert [token for _pk, token, _kind in found[0].devices] == ["t1", "t2"]


def test_a_token_lives_with_the_last_person_it_came_with(any_app):
    put({"id": "a", "tokens": ["shared", "own"]})
    (a, b), seen = put("a", {"id": "b", "tokens": [{"token": "shared", "kind": "fid"}]}, with_reach="offer")
    assert verbs(seen) == ["SELECT", "INSERT", "INSERT"]
    assert [device[1:] for device in a.devices] == [("own", "token")]
    assert [device[1:] for device in b.devices] == [("shared", "fid")]
    (first, last), _ = put({"id": "a", "tokens": ["both"]}, {"id": "b", "tokens": ["both"]})
    assert "both" not in {device[1] for device in first.devices}
    assert "both" in {device[1] for device in last.devices}
    assert db.session.scalar(select(func.count()).select_from(Device)) == 3


def test_a_switched_off_token_comes_back_on_when_it_is_sent_again(any_app):
    (before,), _ = put({"id": "a", "tokens": ["t"]})
    with writing() as connection:
        connection.execute(update(Device).values(is_active=False, off_reason="UNREGISTERED"))
    assert put("a", with_reach="offer")[0][0].devices == ()
    (person,), seen = put({"id": "a", "tokens": ["t"]})
    assert verbs(seen) == ["SELECT", "INSERT"]
    assert person.devices == before.devices
    assert db.session.scalars(select(Device.off_reason)).all() == [""]


def test_the_reach_has_the_opt_outs_of_the_asked_type_only(any_app):
    (person, _), _ = put({"id": "a", "tokens": ["t1", "t2"]}, {"id": "b"})
    with writing() as connection:
        rows = [("offer", "sms"), ("offer", "push"), ("news", "*")]
        connection.execute(
            OptOut.__table__.insert(),
            [{"recipient_id": person.pk, "notification_type": kind, "channel": channel} for kind, channel in rows],
        )
    (a, b), seen = put("a", "b", with_reach="offer")
    assert len(seen) == 1
    assert a.opted_out == {"sms", "push"}
    assert [token for _pk, token, _kind in a.devices] == ["t1", "t2"]
    assert (b.devices, b.opted_out) == ((), frozenset())
    assert put("a", with_reach="news")[0][0].opted_out == {"*"}


def test_many_at_once_on_the_same_new_people_all_get_the_same_rows(any_app):
    start = threading.Barrier(8)

    def work(number):
        with any_app.app_context():
            start.wait(timeout=20)
            users = [{"id": n, "name": f"by {number}", "tokens": [f"t{n}"]} for n in range(50)]
            return [person.pk for person in put(*(users if number % 2 else reversed(users)))[0]]

    with ThreadPoolExecutor(8) as pool:
        results = [sorted(pks) for pks in pool.map(work, range(8))]
    assert all(one == other for one, other in pairwise(results))
    assert db.session.scalar(select(func.count()).select_from(Recipient)) == 50
    assert db.session.scalar(select(func.count()).select_from(Device)) == 50


def test_save_creates_then_updates_and_returns_the_fresh_row(any_app):
    first = save({"id": 7, "email": "ann@Example.TEST", "tokens": ["t"]})
    assert (first.external_id, first.email) == ("7", "ann@example.test")
    second = save({"id": "7", "name": "Ann"})
    assert second is first
    assert first.name == "Ann"
    with pytest.raises(InvalidRecipient, match="object"):
        save("7")  # type: ignore[arg-type]


def test_find_knows_the_callers_own_id(any_app):
    save({"id": "x/1"})
    assert find("x/1").external_id == "x/1"
    assert find("X/1") is None


def test_pages_cover_every_active_match_once_in_order_one_statement_each(any_app):
    put(*({"id": n, "country": "NP" if n % 3 else "IN", "tokens": [f"a{n}", f"b{n}"]} for n in range(100)))
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.external_id == "4").values(is_active=False))
    seen, last = [], 0
    with reading() as connection:
        while True:
            with statements() as asked:
                people = page(connection, Recipient.country == "NP", last, 7, "offer")
            assert len(asked) == 1
            if not people:
                break
            assert len(people) <= 7
            assert all(len(person.devices) == 2 for person in people)
            seen += people
            last = people[-1].pk
        chosen = select(Recipient.id).where(Recipient.country == "IN")
        assert len(page(connection, chosen, 0, 1000, None)) == 34
    assert [person.pk for person in seen] == sorted(person.pk for person in seen)
    assert sorted(int(person.external_id) for person in seen) == [n for n in range(100) if n % 3 and n != 4]


def test_the_result_is_never_a_raised_error(any_app):
    results, _ = put("nobody")
    assert isinstance(results[0], CarillonError)
