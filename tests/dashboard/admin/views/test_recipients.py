"""Recipients: found fast, shown with care, written as the API writes them."""

from collections.abc import Callable

import pytest

from tasks.extensions import db
from tasks.models import AuditEntry, Device, Recipient
from tests import factories
from tests.dashboard.admin.browsing import Browser, error_of, value_of, words

NEW = {"external_id": "42", "name": "Asha", "email": "Asha@Example.org", "phone": "9841234567", "country": "NP", "is_active": "y"}


@pytest.fixture
def editor(browse: Callable[[str], Browser]) -> Browser:
    return browse("editor")


def test_values_are_brought_into_the_form_that_is_stored(editor: Browser) -> None:
    assert editor.post("/admin/recipients/new/", {**NEW, "attributes": '{"plan": "gold"}'}).status_code == 302

    made = db.session.query(Recipient).one()
    assert (made.external_id, made.phone, made.attributes) == ("42", "+9779841234567", {"plan": "gold"})
    assert made.email.lower() == "asha@example.org"


@pytest.mark.parametrize(("field", "value"), [
    ("email", "not an address"), ("phone", "12"), ("timezone", "Mars/Base"), ("country", "Nepal"), ("locale", "??"),
    ("external_id", ""), ("attributes", "[1]"),
])
def test_what_cannot_be_is_refused_beside_its_field_and_kept(editor: Browser, field: str, value: str) -> None:
    answer = editor.post("/admin/recipients/new/", {**NEW, field: value})

    assert answer.status_code == 422
    assert error_of(answer.text, field)
    assert value_of(answer.text, field) == value
    assert db.session.query(Recipient).count() == 0


def test_attributes_are_replaced_whole_and_the_audit_keeps_no_personal_value(editor: Browser) -> None:
    person = factories.person("42", name="Asha", email="asha@example.org", attributes={"plan": "gold", "old": 1})

    editor.post(f"/admin/recipients/edit/?id={person.id}", {**NEW, "email": "new@example.org", "attributes": '{"plan": "free"}'})

    db.session.expire_all()
    assert person.attributes == {"plan": "free"}
    changes = db.session.query(AuditEntry).one().changes
    assert {"email", "attributes", "phone"} <= set(changes)
    assert "example.org" not in str(changes)


def test_an_id_is_given_once(editor: Browser) -> None:
    factories.person("42")

    assert "known already" in error_of(editor.post("/admin/recipients/new/", NEW).text, "external_id")


@pytest.mark.parametrize("query", [{"find": "7"}, {"find": "U7@example.test"}, {"find": "+9779800000007"}, {"name": "son 7"}])
def test_a_person_is_found_by_whatever_is_known_of_them(editor: Browser, query: dict[str, str]) -> None:
    factories.people(5)
    factories.person("7", name="Person 7", email="u7@example.test", phone="+9779800000007")

    page = words(editor.get("/admin/recipients/", **query).text)

    assert "Person 7" in page
    assert "Person 3" not in page


def test_lists_and_viewers_see_addresses_masked(browse: Callable[[str], Browser]) -> None:
    person = factories.person("42", name="Asha", email="asha.gurung@example.org", phone="+9779841234567")

    own = f"/admin/recipients/details/?id={person.id}"
    for browser, path in ((browse("admin"), "/admin/recipients/"), (browse("viewer"), own)):
        page = browser.get(path).text
        assert "asha.gurung@" not in page
        assert "as…@example.org" in page
    assert "asha.gurung@example.org" in browse("editor").get(f"/admin/recipients/details/?id={person.id}").text


def test_a_device_is_switched_off_and_on(editor: Browser) -> None:
    factories.person(tokens=["a-token-that-is-long"])
    device = db.session.query(Device).one()

    editor.post(f"/admin/devices/edit/?id={device.id}", {})
    db.session.expire_all()
    assert (device.is_active, bool(device.off_reason)) == (False, True)
    page = editor.get("/admin/devices/?active=0").text
    assert "a-token-that-is-long" not in page
    assert "…-is-long" in page

    editor.post(f"/admin/devices/edit/?id={device.id}", {"is_active": "y"})
    db.session.expire_all()
    assert (device.is_active, device.off_reason) == (True, "")
