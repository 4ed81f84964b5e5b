"""A template tried on a real audience."""

import pytest
from flask import Flask
from sqlalchemy import true

from tasks.audience import segments
from tasks.errors import InvalidTemplate
from tasks.models import Recipient
from tasks.preview import survey as surveying
from tasks.preview.survey import Survey, survey
from tests import factories

PARTS = ("title", "message", "sms_text")
SOURCES = {
    "title": "Hi {{ recipient.name }}", "message": "{{ recipient.attributes.plan }}",
    "sms_text": "{% if recipient.country == 'NP' %}Namaste{% else %}Hello{% endif %} {{ recipient.name }}",
}


def last(where: object = None, data: object = None, **limits: float) -> Survey:
    found = list(survey(SOURCES, data or {}, true() if where is None else where, PARTS, **limits))  # type: ignore[arg-type]
    return found[-1]


def some_people() -> None:
    factories.person("a", name="Jo", country="NP", attributes={"plan": "gold"})
    factories.person("b", name="Maximiliane Schneider", country="DE", attributes={"plan": "x"})
    factories.person("c", name="\u0905\u0936\u093e" * 12, country="NP", attributes={"plan": ""})
    factories.person("d", name="Nameless", country="DE")


def test_longest_shortest_failing_and_sides_are_those_of_the_people(any_app: Flask) -> None:
    some_people()
    found = last()

    assert (found.seen, found.ended, found.failed) == (4, True, 1)
    assert (found.shortest["title"].person.id, found.shortest["title"].text) == ("a", "Hi Jo")
    assert found.longest["title"].person.id == "c"
    assert found.longest["message"].text == "gold"
    assert found.longest["sms_text"].size is not None
    assert (found.longest["sms_text"].person.id, found.longest["sms_text"].size.encoding) == ("c", "UCS-2")
    assert found.segments == {1: 3}
    (fault, some), = found.failing.values()
    assert ("plan" in fault.message, some.count, [one.id for one in some.examples]) == (True, 1, ["d"])
    sides = {side: [one.id for one in some.examples] for side, some in found.sides[("sms_text", 0)].items()}
    assert sides == {0: ["a", "c"], 1: ["b", "d"]}


def test_only_the_audience_is_looked_at(any_app: Flask) -> None:
    some_people()
    found = last(segments.resolve_audience({"ids": ["b", "d"]}, "t").where())
    assert (found.seen, found.failed) == (2, 1)
    assert last(Recipient.external_id == "nobody").seen == 0


def test_it_is_cut_off_and_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "FIRST", 10)
    monkeypatch.setattr(surveying, "BATCH", 25)
    factories.people(70)

    seen = [(found.seen, found.ended) for found in survey(SOURCES, {}, true(), PARTS, cap=50)]
    assert seen == [(10, False), (35, False), (50, False)]
    assert last(cap=1000).ended
    assert list(survey(SOURCES, {}, true(), PARTS, seconds=-1)) == []


def test_many_reasons_are_summed_up(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(surveying, "REASONS", 2)
    for number in range(4):
        factories.person(str(number), attributes={"n": f"x{number}"})
    sources = {"title": "t", "message": "{{ recipient.attributes.n|round }}{{ recipient.attributes.n|date }}"}
    found = list(survey(sources, {}, true(), ("title", "message")))[-1]
    assert found.failed == 4
    assert len(found.failing) <= 3


def test_a_broken_template_is_refused_before_anybody_is_read(app: Flask) -> None:
    with pytest.raises(InvalidTemplate):
        next(survey({"title": "{{", "message": ""}, {}, true(), PARTS))
