"""Audiences by every name they have: whom they mean, what is frozen, and what is refused."""

import json

import pytest
from sqlalchemy import insert, select, update

from tasks.audience import recipients, segments, source
from tasks.audience.description import Description
from tasks.audience.recipients import resolve
from tasks.database import reading, writing
from tasks.errors import InvalidAudience, UnknownAudience
from tasks.models import Broadcast, BroadcastMember, OptOut, Recipient, Segment, SegmentMember, Template, TemplateVersion
from tests.tasks.audience.counting import statements

NEPAL = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "NP"}]}


@pytest.fixture
def people(any_app):
    """Six people, of whom `off` is switched off, `no` opted out of offers and `sms` of offers by SMS. By name to pk."""
    with writing() as connection:
        found = resolve(
            connection,
            [
                Description(name, {"country": country})
                for name, country in zip(("a", "b", "c", "no", "off", "sms"), ("NP", "IN", "IN", "NP", "NP", "IN"), strict=True)
            ],
        )
        pks = {person.external_id: person.pk for person in found}
        connection.execute(update(Recipient).where(Recipient.external_id == "off").values(is_active=False))
        rows = [("no", "*"), ("sms", "sms")]
        connection.execute(
            OptOut.__table__.insert(),
            [{"recipient_id": pks[name], "notification_type": "offer", "channel": channel} for name, channel in rows],
        )
        connection.execute(
            Segment.__table__.insert(),
            [{"slug": "nepal", "name": "Nepal", "definition": NEPAL}, {"slug": "staff", "name": "Staff", "definition": None}],
        )
        staff = connection.execute(select(Segment.id).where(Segment.slug == "staff")).scalar_one()
        connection.execute(
            SegmentMember.__table__.insert(), [{"segment_id": staff, "recipient_id": pks[name]} for name in ("b", "off")]
        )
    return pks


def names(definition, **more):
    frozen = json.loads(json.dumps(definition))  # as it comes back from broadcasts.audience_definition
    with reading() as connection:
        found = recipients.page(connection, segments.condition(frozen, "offer", **more), 0, 100, "offer")
    return [person.external_id for person in found]


@pytest.mark.parametrize(
    ("audience", "label", "expected"),
    [
        ("all", "Everybody", ["a", "b", "c", "no", "sms"]),
        ("subscribed", "Subscribers", ["a", "b", "c", "sms"]),
        ("nepal", "Nepal", ["a", "no"]),
        ("staff", "Staff", ["b"]),
        (NEPAL, "Own rules", ["a", "no"]),
        ({"ids": ["c", "a", "a", "nobody", "off"]}, "4 listed people", ["a", "c"]),
        ({"ids": [1, 2]}, "2 listed people", []),
    ],
)
def test_an_audience_means_the_same_people_when_it_is_resolved_counted_and_read_back(people, audience, label, expected):
    found = segments.resolve_audience(audience, "offer")
    assert found.label == label
    assert names(found.definition) == expected
    assert segments.count(audience, "offer") == len(expected)


def test_a_segment_is_frozen_by_what_it_said(people):
    frozen = segments.resolve_audience("nepal", "offer").definition
    india = {"combinator": "and", "rules": [{"field": "country", "operator": "=", "value": "IN"}]}
    with writing() as connection:
        connection.execute(update(Segment).where(Segment.slug == "nepal").values(definition=india))
    assert names(frozen) == ["a", "no"]
    assert names(segments.resolve_audience("nepal", "offer").definition) == ["b", "c", "sms"]


def test_ages_are_frozen_as_instants(people):
    recent = {"combinator": "and", "rules": [{"field": "created_at", "operator": ">", "value": "-1d"}]}
    found = segments.resolve_audience(recent, "offer")
    assert found.definition["rules"][0]["value"].endswith("+00:00")
    assert names(found.definition) == ["a", "b", "c", "no", "sms"]


def test_the_outside_sources_people_are_those_copied_for_the_broadcast(people):
    found = segments.resolve_audience({"source": "http"}, "offer")
    assert source.is_source(found.definition)
    assert not source.is_source(segments.resolve_audience("all", "offer").definition)
    with writing() as connection:
        template = {"slug": "t", "name": "T", "notification_type": "offer"}
        template_id = connection.execute(insert(Template).values(template).returning(Template.id)).scalar_one()
        text = {"template_id": template_id, "number": 1, "notification_type": "offer", "title": "T", "message": "M"}
        version = connection.execute(insert(TemplateVersion).values(text).returning(TemplateVersion.id)).scalar_one()
        one, two = connection.execute(
            insert(Broadcast).returning(Broadcast.pk),
            [{"template_version_id": version, "audience": "all"} for _ in range(2)],
        ).scalars()
        connection.execute(
            BroadcastMember.__table__.insert(),
            [{"broadcast_id": one, "recipient_id": people["a"]}, {"broadcast_id": one, "recipient_id": people["off"]},
             {"broadcast_id": two, "recipient_id": people["b"]}],
        )
    assert names(found.definition, broadcast_pk=one) == ["a"]
    assert names(found.definition, broadcast_pk=two) == ["b"]
    assert segments.count({"source": "http"}, "offer") == 0


def test_an_unknown_slug_names_close_ones(people):
    with pytest.raises(UnknownAudience, match="nepall") as caught:
        segments.resolve_audience("nepall", "offer")
    assert "Did you mean nepal" in caught.value.remedy
    with pytest.raises(UnknownAudience, match="subscribed"):
        segments.resolve_audience("subscribers", "offer")
    for slug in ("", "x" * 5000, "a\x00b", "'; --"):
        with pytest.raises(UnknownAudience):
            segments.resolve_audience(slug, "offer")


@pytest.mark.parametrize(
    ("audience", "field"),
    [
        (None, "audience"), (5, "audience"), (["a"], "audience"), ({}, "/audience"), ({"ids": []}, "audience"),
        ({"ids": "abc"}, "audience"), ({"ids": [None]}, "audience"), ({"ids": [True]}, "audience"),
        ({"ids": ["\x00"]}, "audience"),
        ({"ids": list(range(10_001))}, "audience"), ({"ids": ["a"], "not": True}, "audience"), ({"source": "ftp"}, "audience"),
        ({"source": "http", "url": "http://x"}, "audience"),
        ({"combinator": "and", "rules": [{"field": "x", "operator": "=", "value": 1}]}, "/audience/rules/0/field"),
    ],
)
def test_what_is_no_audience_is_refused(app, audience, field):
    with pytest.raises(InvalidAudience) as caught:
        segments.resolve_audience(audience, "offer")
    assert caught.value.field == field
    assert caught.value.remedy


def test_a_long_list_is_one_parameter_and_one_statement(any_app):
    ids = [f"p{n}" for n in range(10_000)]
    with writing() as connection:
        resolve(connection, [Description(name) for name in ids[::10]])
    with statements() as seen:
        assert segments.count({"ids": ids}, "offer") == 1000
    assert len(seen) == 1


def test_members_and_validate(people):
    with reading() as connection:
        found = connection.execute(segments.members_query(NEPAL)).scalars().all()
    assert sorted(found) == sorted([people["a"], people["no"]])
    assert segments.validate(NEPAL) is None
    with pytest.raises(InvalidAudience) as caught:
        segments.validate({"combinator": "and", "rules": [{"field": "x", "operator": "="}]})
    assert caught.value.field == "/rules/0/value"
