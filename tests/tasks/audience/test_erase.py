"""Erasing: no trace of the person, and every total as it was."""

import pytest
from sqlalchemy import text

from tasks.audience.erase import erase
from tasks.audience.recipients import find, save
from tasks.errors import UnknownRecipient
from tasks.extensions import db
from tasks.send import notify
from tests import factories

SECRETS = ("asha-id", "Asha Planted", "asha@planted.test", "+9779841234567", "planted-token", "planted-city", "planted-order")


def dump():
    """Every text in every table."""
    found = []
    with db.engine.connect() as connection:
        for table in db.metadata.sorted_tables:
            found += [str(row) for row in connection.execute(text(f"SELECT * FROM {table.name}"))]
    return "\n".join(found)


@pytest.fixture
def asha(any_app):
    factories.template(title="Hi {{ recipient.name }}", message="{{ recipient.attributes.city }} {{ order }}")
    factories.rule(channels=["email", "sms", "push"])
    person = {"id": "asha-id", "name": "Asha Planted", "email": "asha@planted.test", "phone": "+9779841234567"}
    person |= {"tokens": ["planted-token"], "attributes": {"city": "planted-city"}}
    notify(person, "payment_success", order="planted-order")
    notify("asha-id", "payment_success", async_send=True, order="planted-order")
    return find("asha-id")


def test_nothing_says_who_it_was_and_the_rows_still_add_up(asha):
    assert all(word in dump() for word in SECRETS if word != "+9779841234567")
    count = len(factories.deliveries())
    db.session.rollback()
    erase(asha.id)
    left = dump()
    assert [word for word in SECRETS if word in left] == []
    assert len(factories.deliveries()) == count
    assert {row.state for row in factories.deliveries()} == {"sent", "cancelled"}
    assert len(factories.notifications()) == 2


def test_the_id_is_free_for_somebody_new(asha):
    pk = asha.id
    db.session.rollback()
    erase(pk)
    assert find("asha-id") is None
    assert save({"id": "asha-id"}).id != pk


def test_an_erased_person_cannot_be_erased_again(asha):
    pk = asha.id
    db.session.rollback()
    erase(pk)
    with pytest.raises(UnknownRecipient):
        erase(pk)
