"""The demo data: real, the same every time, and never in the way of what is there already."""

import unicodedata

import pytest
from flask import Flask
from sqlalchemy import func, select

from dashboard import keys
from dashboard.demo.load import SEGMENTS, load
from dashboard.demo.people import people
from dashboard.demo.texts import RULES, TEMPLATES
from tasks import templates
from tasks.audience import recipients, segments
from tasks.channels.simulator import DELIVERED, MAGIC, magic
from tasks.extensions import db
from tasks.models import ApiKey, AuditEntry, Device, OptOut, Recipient, Rule, Segment, Template
from tasks.models.words import SCOPES

VARIABLES = {
    "payment_success": ["amount", "gateway"],
    "rental_started": ["powerbank_id", "rental_time", "station_name"],
    "special_offer": ["expiry_date", "offer_code", "offer_title"],
    "otp_sms": ["otp"],
    "maintenance_notice": ["date"],
}
CHANNELS = {
    "rental_started": ["push"], "payment_success": ["push", "sms", "email"], "special_offer": ["push"],
    "otp_verification": ["sms"],
}


def counts() -> dict[str, int]:
    models = (Template, Rule, Recipient, Device, OptOut, Segment, ApiKey, AuditEntry)
    return {model.__name__: db.session.scalar(select(func.count()).select_from(model)) or 0 for model in models}


def test_it_loads_what_the_contract_names(any_app: Flask) -> None:
    made = load()

    assert (made.templates, made.rules, made.people, made.segments) == (5, 4, 300, 3)
    found = {template.slug: template for template in db.session.scalars(select(Template))}
    assert {slug: templates.variables(template.current_version) for slug, template in found.items()} == VARIABLES
    assert found["otp_sms"].notification_type == "otp_verification"
    assert {rule.notification_type: rule.channels for rule in db.session.scalars(select(Rule))} == CHANNELS
    codes = db.session.scalars(select(Rule).where(Rule.notification_type == "otp_verification")).one()
    assert (codes.priority, codes.expires_after, codes.on_unknown, codes.mandatory) == (0, 600, "retry", True)
    assert made.key is not None
    key = keys.find_key(made.key)
    assert key is not None
    assert key.scopes == list(SCOPES)


def test_a_second_time_changes_nothing(any_app: Flask) -> None:
    load()
    before = counts()

    again = load()

    assert not again
    assert again.key is None
    assert counts() == before


def test_what_is_there_already_stays_as_it_is(app: Flask) -> None:
    templates.create("payment_success", "Ours", "payment_success", title="Ours", message="Ours")
    db.session.add(Rule(notification_type="payment_success", channels=[]))
    db.session.commit()
    recipients.save({"id": "demo-1", "name": "Ours", "email": "ours@example.org"})

    made = load()

    assert (made.templates, made.rules, made.people) == (4, 3, 299)
    ours = db.session.scalars(select(Template).where(Template.slug == "payment_success")).one()
    assert ours.current_version is not None
    assert (ours.name, ours.current_version.title) == ("Ours", "Ours")
    person = recipients.find("demo-1")
    assert person is not None
    assert (person.name, person.email, person.devices) == ("Ours", "ours@example.org", [])


def test_what_was_changed_since_stays_changed(app: Flask) -> None:
    load()
    person = recipients.find("demo-7")
    assert person is not None
    person.email = "changed@example.org"
    db.session.commit()

    load()

    assert db.session.scalar(select(Recipient.email).where(Recipient.external_id == "demo-7")) == "changed@example.org"


def test_the_segments_mean_somebody(any_app: Flask) -> None:
    load()

    sizes = {segment["slug"]: segments.count(segment["slug"]) for segment in SEGMENTS}

    assert sizes["nepal"] > 100
    assert 10 < sizes["vip"] < 40
    assert 30 < sizes["dormant"] < 150


def test_the_people_are_the_same_every_time() -> None:
    assert people() == people()


def test_the_people_are_of_many_kinds() -> None:
    everybody = people()

    letters = {letter for person in everybody for letter in person.described["name"] if letter.isalpha()}
    assert {"LATIN", "DEVANAGARI", "ARABIC", "CJK"} <= {unicodedata.name(letter).split()[0] for letter in letters}
    assert {"NP", "IN", "DE", "BR", "JP", "GB"} <= {person.described["country"] for person in everybody}
    assert len({person.described["timezone"] for person in everybody}) >= 9
    for missing in ("email", "phone"):
        assert 10 < sum(not person.described[missing] for person in everybody) < 60
    assert 30 < sum(not person.devices for person in everybody) < 120
    assert sum(bool(person.opt_outs) for person in everybody) > 20
    assert {magic(person.described["email"]) for person in everybody} == set(MAGIC)
    assert {magic(person.described["phone"]) for person in everybody if person.described["phone"]} == set(MAGIC)
    assert {magic(token) for person in everybody for token, _platform in person.devices} == set(MAGIC)


def test_nobody_ordinary_acts_magic() -> None:
    for person in people()[:-len(MAGIC)]:
        addresses = [person.described["email"], person.described["phone"], *(token for token, _platform in person.devices)]
        assert {magic(address) for address in addresses if address} <= {DELIVERED}, person.id


def test_no_address_can_belong_to_anybody() -> None:
    assert {person.described["email"].rpartition(".")[2] for person in people() if person.described["email"]} == {"example"}


@pytest.mark.parametrize("text", TEMPLATES, ids=lambda text: text["slug"])
def test_every_text_reads_well_for_everybody(app: Flask, text: dict[str, str]) -> None:
    load()
    version = db.session.scalars(select(Template).where(Template.slug == text["slug"])).one().current_version
    assert version is not None
    context = {name: f"<{name}>" for name in VARIABLES[text["slug"]]}

    for name in ("", "माया <b>"):
        shown = templates.preview(version, context, {"id": "1", "name": name, "attributes": {}})
        assert "{{" not in shown.title + shown.message + shown.sms_text + shown.email_html + shown.email_text
        assert "<b>" not in shown.email_html
        assert ", !" not in shown.email_text
        assert "&lt;b&gt;" in shown.email_html or not name or "recipient" not in text.get("email_html", "")


def test_every_rule_is_about_a_text() -> None:
    assert {rule["notification_type"] for rule in RULES} <= {text["notification_type"] for text in TEMPLATES}
