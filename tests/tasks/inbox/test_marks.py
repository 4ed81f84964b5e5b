"""Marking as read: idempotent, and only ever one's own."""

import uuid

import pytest
from sqlalchemy import func, select

from tasks import inbox, public_id
from tasks.database import reading
from tasks.errors import InvalidOption
from tasks.models import Notification
from tests.peers.inbox_rows import messages, person


def ids(pks):
    return [str(public_id.encode(public_id.NOTIFICATION, pk)) for pk in pks]


def read(person_pk, chosen):
    marked = inbox.mark(person_pk, "read", chosen)
    return marked.unread, marked.unknown


def read_at(pk):
    with reading() as connection:
        return connection.scalar(select(Notification.read_at).where(Notification.pk == pk))


def test_some_then_all(any_app):
    maya = person()
    pks = messages([maya] * 4)
    assert read(maya, ids(pks[:1])) == (3, 0)
    first = read_at(pks[0])
    assert first is not None
    assert first.tzinfo is not None
    assert read_at(pks[1]) is None
    assert read(maya, None) == (0, 0)
    assert read(maya, ids(pks)) == (0, 0)
    assert read_at(pks[0]) == first  # reading again does not move the moment


def test_other_peoples_messages_and_unknown_ids_change_nothing_and_are_counted(any_app):
    maya, other = person("maya"), person("other")
    mine, theirs = messages([maya, other])
    strange = [str(uuid.uuid4()), str(public_id.encode(public_id.DELIVERY, mine)), *ids([theirs, 999_999])]
    assert read(maya, [*strange, *ids([mine])]) == (0, 4)
    assert read_at(theirs) is None
    assert read(maya, []) == (0, 0)


@pytest.mark.parametrize(("bad", "field"), [
    (["nonsense"], "/ids/0"), ([str(uuid.uuid4()), 7], "/ids/1"), ([None], "/ids/0"), ([{"id": 1}], "/ids/0"),
    ("nonsense", "/ids"), (["x"] * 1001, "/ids"),
])
def test_what_is_no_id_is_named_and_nothing_is_read(any_app, bad, field):
    maya = person()
    (pk,) = messages([maya])
    with pytest.raises(InvalidOption) as caught:
        read(maya, bad)
    assert caught.value.field == field
    assert read_at(pk) is None


def test_a_full_inbox_is_read_in_several_transactions(any_app, monkeypatch):
    monkeypatch.setattr("tasks.inbox.marks.BATCH", 7)
    maya = person()
    messages([maya] * 30)
    assert read(maya, None) == (0, 0)


def flags(pk):
    with reading() as connection:
        row = connection.execute(
            select(Notification.read_at, Notification.archived_at, Notification.deleted_at).where(Notification.pk == pk)
        ).one()
    return tuple(value is not None for value in row)


def listed(person_pk, archived=False):
    return [item["id"] for item in inbox.page(person_pk, limit=50, archived=archived)["items"]]


def test_an_archived_message_leaves_the_list_and_the_badge_and_comes_back_as_it_was(any_app):
    maya = person()
    pks = messages([maya] * 3)
    read(maya, ids(pks[:1]))
    done = inbox.mark(maya, "archive", ids(pks[:2]))
    assert (done.unread, done.change.action, done.change.pks) == (1, "archive", tuple(pks[:2]))
    assert listed(maya) == ids(pks[2:])
    assert listed(maya, archived=True) == ids([pks[1], pks[0]])
    assert inbox.mark(maya, "archive", ids(pks[:2])).change.pks == ()
    assert inbox.mark(maya, "unarchive", None).unread == 2
    assert listed(maya) == ids(pks[::-1])
    assert [flags(pk) for pk in pks] == [(True, False, False), (False, False, False), (False, False, False)]


def test_unread_again(any_app):
    maya = person()
    pks = messages([maya] * 2)
    read(maya, None)
    assert inbox.mark(maya, "unread", ids(pks[:1])).unread == 1
    assert inbox.mark(maya, "unread", None).unread == 2
    assert inbox.mark(maya, "unread", None).change.pks == ()


def test_deleted_is_gone_for_the_person_and_kept_for_the_log(any_app):
    maya = person()
    pks = messages([maya] * 3)
    inbox.mark(maya, "archive", ids(pks[:1]))
    assert inbox.mark(maya, "delete", None).unread == 0
    assert flags(pks[0]) == (False, True, False)  # all means all of the list
    assert (listed(maya), listed(maya, archived=True)) == ([], ids(pks[:1]))
    assert inbox.mark(maya, "delete", ids(pks)).unknown == 2
    assert flags(pks[0]) == (False, True, True)
    with reading() as connection:
        assert connection.scalar(select(func.count()).select_from(Notification)) == 3


def test_each_change_has_the_next_number(any_app):
    maya, ben = person("maya"), person("ben")
    messages([maya, ben])
    numbers = [inbox.mark(maya, action, None).change.number for action in ("read", "unread", "archive", "unarchive")]
    assert numbers == [1, 2, 3, 4]
    assert inbox.mark(ben, "read", None).change.number == 1
    with reading() as connection:
        assert inbox.changes(connection, 60.0) == {maya: 4, ben: 1}
        assert inbox.changes(connection, 60.0, 30.0) == {}


def test_a_change_of_very_many_names_none(any_app, monkeypatch):
    monkeypatch.setattr("tasks.inbox.marks.NAMED", 2)
    maya = person()
    messages([maya] * 3)
    assert inbox.mark(maya, "read", None).change.pks is None


@pytest.mark.parametrize("before", ["x", 7, "c40e74a0-6a5f-4f25-b49d-86a7076c5e01"])
def test_a_wrong_page_is_named(app, before):
    with pytest.raises(InvalidOption) as caught:
        inbox.page(person(), before=before, limit=5)
    assert caught.value.field == "before"
