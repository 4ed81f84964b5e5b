"""The list of templates, for services."""

from flask import Flask
from flask.testing import FlaskClient

from dashboard import keys
from dashboard.keys import Limits
from tasks import templates
from tasks.extensions import db
from tasks.models import Template
from tests.dashboard.api.conftest import client_with, seed


def test_each_template_names_the_variables_that_a_send_must_give(any_service: FlaskClient) -> None:
    answer = any_service.get("/templates/").json

    assert [one["template_name"] for one in answer["templates"]] == ["maintenance_notice", "old", "payment_success"]
    assert answer["templates"][2] == {
        "template_name": "payment_success", "name": "Payment", "notification_type": "payment_success", "is_active": True,
        "version": 1, "variables": ["amount", "gateway"],
    }
    assert answer["next"] is None


def test_a_long_list_comes_in_pages(service: FlaskClient) -> None:
    first = service.get("/templates/?limit=2").json

    assert first["next"] == "old"
    assert [one["template_name"] for one in service.get("/templates/?after=old").json["templates"]] == ["payment_success"]
    assert service.get("/templates/?limit=0").status_code == 422
    assert service.get("/templates/?after=%00").status_code == 422


def test_one_template_tells_its_versions(service: FlaskClient) -> None:
    row = db.session.query(Template).filter_by(slug="payment_success").one()
    templates.save_version(row, title="T", message="{{ total }}", actor="asha@example.org")
    db.session.commit()

    answer = service.get("/templates/payment_success/").json

    assert (answer["version"], answer["variables"]) == (2, ["total"])
    assert [(one["number"], one["created_by"]) for one in answer["versions"]] == [(2, "asha@example.org"), (1, "")]
    assert service.get("/templates/nobody/").json["code"] == "unknown_template"
    assert service.get("/templates/%00/").status_code == 422


def test_a_key_sees_what_it_may_send_and_needs_the_scope(app: Flask) -> None:
    seed()
    _, held = keys.create_key("held", ["read"], "test", limits=Limits(templates=("old",)))
    client = app.test_client()

    found = client.get("/templates/", headers={"Authorization": f"Bearer {held}"}).json

    assert [one["template_name"] for one in found["templates"]] == ["old"]
    assert client.get("/templates/payment_success/", headers={"Authorization": f"Bearer {held}"}).status_code == 404
    assert client_with(app, "send").get("/templates/").status_code == 403
