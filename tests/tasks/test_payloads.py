"""A draft tried with what was really sent: the same figure as brute force, and no send too many or too few."""

import random

import pytest
from flask import Flask
from sqlalchemy import insert, update

from tasks import notify, payloads, templates
from tasks.errors import CarillonError
from tasks.extensions import db
from tasks.models import Broadcast, Notification, Recipient, Template
from tasks.templates import draft
from tests import factories

TEXTS = {"title": "T {{ amount }}", "message": "M"}


def history(count: int, seed: int = 1) -> Template:
    """A template with three versions and `count` sends of them and of another template, some of a broadcast."""
    chance = random.Random(seed)
    template, other = factories.template(), factories.template("other", message="x")
    versions = [template.current_version_id]
    for number in (2, 3):
        versions.append(templates.save_version(template, title=f"{number} {{{{ amount }}}}", message="M", actor="t").id)
    db.session.commit()
    factories.people(20, attributes={"city": "Pokhara"})
    people = list(db.session.scalars(db.select(Recipient.id)))
    campaign = Broadcast(template_version_id=versions[1], audience="all", data={"amount": 7, "shared": 1})
    db.session.add(campaign)
    db.session.commit()
    rows = []
    for number in range(count):
        own = {"amount": chance.choice([1, "x"]), **({"gateway": "g"} if chance.random() < 0.8 else {})}
        of_broadcast = number < len(people)
        rows.append({
            "recipient_id": people[number % len(people)], "broadcast_id": campaign.pk if of_broadcast else None,
            "template_version_id": versions[1] if of_broadcast else chance.choice([*versions, other.current_version_id]),
            "title": "t", "message": "m", "data": None if of_broadcast else own,
            "recipient_fields": {"attributes": {"city": "Kathmandu"}} if chance.random() < 0.5 else None,
            "is_test": not of_broadcast and chance.random() < 0.1,
        })
    with db.engine.begin() as connection:
        connection.execute(insert(Notification), rows)
    db.session.expire_all()
    return template


def brute(template: Template, parts: dict[str, str], most: int) -> tuple[int, int, int]:
    """Tried, failing, failing anyway: one by one, from whole objects."""
    rows = [row for row in reversed(factories.notifications()) if row.template.id == template.id and not row.is_test][:most]
    failing = anyway = 0
    for row in rows:
        fields = {"id": row.user.external_id, "name": row.user.name, "attributes": dict(row.user.attributes)}
        fields["attributes"] |= (row.recipient_fields or {}).get("attributes", {})
        if fails(parts, row.data, fields):
            failing += 1
            anyway += fails(template.current_version, row.data, fields)
    return len(rows), failing, anyway


def fails(source, data, fields) -> bool:
    try:
        templates.preview(source, data, fields)
    except CarillonError:
        return True
    return False


@pytest.mark.parametrize("parts", [
    {"title": "{{ amount + 1 }}", "message": "M"}, {"title": "{{ amuont }}", "message": "M"},
    {"title": "{{ amount }} {{ gateway }}", "message": "{{ recipient.attributes.city }}"},
    {"title": "{{ amount }}", "message": "{{ recipient.name }} {{ recipient.attributes.street }}"}, TEXTS,
], ids=["computes", "renamed", "some", "unknown-of-the-person", "fine"])
def test_it_counts_what_brute_force_counts(any_app: Flask, parts: dict[str, str]) -> None:
    template = history(120)

    report = payloads.tried(template.id, draft(parts), most=70, seconds=60)

    assert (report.tried, report.failing, report.failing_anyway) == brute(template, parts, 70)
    assert report.found == 70
    assert (report.first is None) == (report.failing == 0)


def test_names_that_no_send_gave_and_names_that_nothing_asks_for_are_told(any_app: Flask) -> None:
    report = payloads.tried(history(60).id, draft({"title": "{{ amuont | default(0) }}", "message": "{{ gateway }}"}))

    assert report.never_supplied == ["amuont"]
    assert report.unused == ["amount", "shared"]
    assert report.first is not None
    assert "gateway" in report.first.reason


def test_a_send_that_failed_before_is_not_held_against_the_draft(app: Flask) -> None:
    template = history(60)
    parts = {"title": "{{ missing }}", "message": "M"}
    templates.save_version(template, **parts, actor="t")
    db.session.commit()

    report = payloads.tried(template.id, draft(parts))

    assert report.failing == report.tried > 0
    assert report.broken == 0


def test_only_the_channels_that_a_send_rang_are_tried(any_app: Flask) -> None:
    factories.template()
    factories.rule(channels=["sms"])
    for person, phone in (("1", "+9779841234567"), ("2", "")):
        factories.person(person, phone=phone)
        notify(person, "payment_success", amount=1)
    template = db.session.scalars(db.select(Template)).one()

    report = payloads.tried(template.id, draft({**TEXTS, "sms_text": "x" * 1_600, "email_text": "{{ nobody_gave_it }}"}))

    assert (report.tried, report.failing) == (2, 1)


def test_erased_people_are_left_out_and_a_template_without_sends_has_nothing_to_say(any_app: Flask) -> None:
    template = history(60)
    with db.engine.begin() as connection:
        connection.execute(update(Recipient).values(deleted_at=Recipient.created_at))

    report = payloads.tried(template.id, draft(TEXTS))

    assert (report.tried, report.failing, report.never_supplied) == (0, 0, [])
    assert payloads.tried(factories.template("new").id, draft(TEXTS)).found == 0


def test_when_the_time_is_up_it_says_how_far_it_came(app: Flask) -> None:
    report = payloads.tried(history(60).id, draft(TEXTS), seconds=0)

    assert report.out_of_time
    assert report.tried < report.found
