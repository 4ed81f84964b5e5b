"""Pages of an inbox, and that they stay on their indexes."""

import json

import pytest
from sqlalchemy import event, text, update

from tasks import inbox, public_id
from tasks.database import reading, writing
from tasks.extensions import db
from tasks.inbox import Cursor, Opening
from tasks.models import Notification, Recipient
from tasks.models.types import utcnow
from tests.peers.inbox_rows import broadcast, messages, person


def test_newest_first_page_by_page(any_app):
    maya, other = person("maya"), person("other")
    pks = messages([maya] * 5)
    messages([other])
    with reading() as connection:
        first = inbox.newest(connection, maya, limit=3)
        second = inbox.newest(connection, maya, before=first[-1].pk, limit=3)
    assert [row.pk for row in first] == pks[::-1][:3]
    assert [row.pk for row in second] == pks[::-1][3:]


def test_an_item_says_what_the_message_says(any_app):
    maya = person()
    (pk,) = messages([maya], "Paid", data={"amount": 1000})
    with reading() as connection:
        (row,) = inbox.newest(connection, maya, limit=1)
    item = inbox.item(row)
    assert item.pop("created_at").endswith("+00:00")
    assert item == {
        "id": str(public_id.encode(public_id.NOTIFICATION, pk)), "title": "Paid", "message": "Paid!", "data": {"amount": 1000},
        "notification_type": "test", "is_read": False,
    }
    json.dumps(item)


def test_a_broadcasts_text_is_kept_once_and_shown_to_all(any_app):
    maya = person()
    shared = broadcast(title="Offer", message="Half price", data={"code": "X", "until": "today"})
    messages([maya], broadcast_id=shared, title=None, message=None, data=None)
    own = broadcast(title=None, message=None, data={"code": "Y"})
    messages([maya], "For Maya", broadcast_id=own, data={"name": "Maya"})
    with reading() as connection:
        second, first = (inbox.item(row) for row in inbox.newest(connection, maya, limit=5))
    assert (first["title"], first["message"], first["data"]) == ("Offer", "Half price", {"code": "X", "until": "today"})
    assert (second["title"], second["data"]) == ("For Maya", {"code": "Y", "name": "Maya"})


def test_a_deleted_message_is_nowhere(any_app):
    maya = person()
    kept, gone = messages([maya, maya])
    with writing() as connection:
        connection.execute(update(Notification).where(Notification.pk == gone).values(deleted_at=utcnow()))
    with reading() as connection:
        assert [row.pk for row in inbox.newest(connection, maya, limit=5)] == [kept]
        assert [row.pk for row in inbox.since(connection, maya, Cursor(), limit=5)] == [kept]
        assert [row.pk for row in inbox.arrived(connection, [maya], 0, limit=5)] == [kept]
        assert inbox.unread(connection, maya) == 1


def test_since_knows_what_was_given_and_stays_within_what_is_due(any_app):
    maya = person()
    one, two, three, four, five = messages([maya] * 5)
    with reading() as connection:
        def pks(*args, **kwargs):
            return [row.pk for row in inbox.since(connection, maya, *args, limit=10, **kwargs)]

        assert pks(Cursor(one, frozenset({three}))) == [two, four, five]
        assert pks(Cursor(one), within=Cursor(three)) == [two, three]
        assert pks(Cursor(one), within=Cursor(two, frozenset({five}))) == [two, five]


def test_arrivals_of_several_people_come_in_one_order(any_app):
    maya, ben, other = person("maya"), person("ben"), person("other")
    pks = messages([maya, ben, other, maya])
    with reading() as connection:
        rows = inbox.arrived(connection, [maya, ben], pks[0] - 1, limit=10)
        assert [row.pk for row in rows] == [pks[0], pks[1], pks[3]]
        assert [row.pk for row in inbox.arrived(connection, [maya, ben], pks[0], limit=1)] == [pks[1]]


def test_unread_counts(any_app):
    maya, ben, nobody = person("maya"), person("ben"), person("nobody")
    pks = messages([maya, maya, ben])
    inbox.mark(maya, "read", [str(public_id.encode(public_id.NOTIFICATION, pks[0]))])
    with reading() as connection:
        assert inbox.unread(connection, maya) == 1
        assert inbox.unread_many(connection, [maya, ben, nobody]) == {maya: 1, ben: 1, nobody: 0}


def test_owner_is_somebody_who_is_there(any_app):
    maya, off, gone = person("maya"), person("off"), person("gone")
    with writing() as connection:
        connection.execute(update(Recipient).where(Recipient.id == off).values(is_active=False))
        connection.execute(update(Recipient).where(Recipient.id == gone).values(deleted_at=utcnow()))
    with reading() as connection:
        assert inbox.owners(connection, ["maya", "off", "gone", "nobody"]) == {"maya": maya}


@pytest.fixture
def crowded(any_app):
    """30,000 messages of 300 people, and what the database needs to know about them."""
    people = [person(str(n)) for n in range(300)]
    messages(people[:1])
    with writing() as connection:
        connection.execute(text(
            "INSERT INTO notifications (recipient_id, template_version_id, title, message, created_at) SELECT one.id,"
            " template_version_id, title, message, notifications.created_at FROM notifications, recipients one, recipients two"
            " WHERE two.id <= (SELECT min(id) + 99 FROM recipients)"
        ))
        connection.execute(text("UPDATE notifications SET read_at = created_at WHERE id % 20 > 0"))
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE notifications" if db.engine.dialect.name == "postgresql" else "ANALYZE"))
    return people


def test_every_query_stays_on_an_index(crowded):
    statements = {}

    def explain(connection, _cursor, statement, parameters, *_):
        statements[statement] = parameters


    maya = crowded[7]
    with reading() as connection:
        event.listen(connection, "before_cursor_execute", explain)
        inbox.newest(connection, maya, limit=50)
        inbox.newest(connection, maya, before=20_000, limit=50)
        inbox.newest(connection, maya, limit=50, archived=True)
        inbox.changes(connection, 60.0, 0.5)
        inbox.since(connection, maya, Cursor(29_000, frozenset({29_900})), limit=101)
        inbox.arrived(connection, crowded[:50], 29_990, limit=1000)
        inbox.unread(connection, maya)
        inbox.unread_many(connection, crowded[:50])
        inbox.opened(connection, [Opening(maya, None), *(Opening(one, Cursor(29_000)) for one in crowded[:50])], limit=101)
        event.remove(connection, "before_cursor_execute", explain)
        explained = "EXPLAIN " if db.engine.dialect.name == "postgresql" else "EXPLAIN QUERY PLAN "
        plans = [str(connection.exec_driver_sql(explained + each, given).all()) for each, given in statements.items()]
    assert len(plans) == (10 if db.engine.dialect.name == "postgresql" else 9)
    for plan in plans:
        assert "Seq Scan on notifications" not in plan, plan
        assert "SCAN notifications" not in plan, plan
        assert "SCAN inbox_changes" not in plan, plan
