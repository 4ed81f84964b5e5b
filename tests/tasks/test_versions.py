"""Versions: what differs, one brought back, and none ever changed under a broadcast."""

import random

import pytest
from flask import Flask

from tasks import broadcasts, expand, templates, versions
from tasks.extensions import db
from tasks.options import SendOptions
from tests import factories

PARTS = dict.fromkeys(("title", "message", "sms_text", "email_subject", "email_html", "email_text"), "")


def texts(lines: list[versions.Line], side: str) -> str:
    return "\n".join("".join(text for _, text in line.pieces) for line in lines if line.kind in (versions.SAME, side))


def test_a_changed_word_is_told_from_its_line() -> None:
    (lines,) = versions.compare({**PARTS, "title": "Hello {{ name }}!"}, {**PARTS, "title": "Hello {{ first_name }}!"}).values()

    assert [line.kind for line in lines] == ["out", "in"]
    assert [text for kind, text in lines[0].pieces if kind == "out"] == ["name"]
    assert [text for kind, text in lines[1].pieces if kind == "in"] == ["first_name"]


def test_parts_that_are_the_same_are_left_out_and_long_stretches_folded() -> None:
    old = {**PARTS, "message": "\n".join(map(str, range(100)))}
    new = {**old, "message": old["message"].replace("50", "fifty")}

    found = versions.compare(old, new)

    assert list(found) == ["message"]
    assert [line.hidden for line in found["message"] if line.hidden] == [47, 46]


@pytest.mark.parametrize("seed", range(5))
def test_both_texts_can_be_read_off_a_comparison(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(versions, "AROUND", 1_000)
    monkeypatch.setattr(versions, "MOST_PAIRS", 4_000_000 if seed else 10)
    chance = random.Random(seed)
    old = [" ".join(chance.choices("abc <>", k=5)) for _ in range(40)]
    new = [line for line in old if chance.random() > 0.2] + ["new"]
    chance.shuffle(new)

    (lines,) = versions.compare({**PARTS, "message": "\n".join(old)}, {**PARTS, "message": "\n".join(new)}).values()

    assert texts(lines, "out") == "\n".join(old)
    assert texts(lines, "in") == "\n".join(new)


def test_a_version_brought_back_is_a_new_one_with_the_old_texts(any_app: Flask) -> None:
    template = factories.template(message="One.", email_html="<mjml><mj-body></mj-body></mjml>", email_format="mjml")
    first = template.current_version
    templates.save_version(template, title="Two", message="Two.", actor="b@example.org")
    db.session.commit()

    again = versions.restore(template, first, "c@example.org")
    db.session.commit()

    assert (again.number, again.created_by, again.email_format) == (3, "c@example.org", "mjml")
    assert templates.written(again) == templates.written(first)
    assert again.email_html == first.email_html != first.written_html
    assert versions.restore(template, first, "d@example.org").number == 3


def test_a_broadcast_ends_with_the_version_it_began_with(any_app: Flask) -> None:
    template = factories.template(title="One {{ recipient.name }}")
    first = template.current_version_id
    factories.people(3)
    pk = broadcasts.create("all", "payment_success", {}, SendOptions())

    templates.save_version(template, title="Two {{ recipient.name }}", message="M", actor="x")
    db.session.commit()

    assert {version: [row.pk for row in rows] for version, rows in versions.in_flight(template).items()} == {first: [pk]}
    expand.expand(pk, lambda: False, lambda channels: None)
    db.session.expire_all()
    assert {row.title for row in factories.notifications()} == {f"One Person {n}" for n in range(3)}
    assert {row.template_version_id for row in factories.notifications()} == {first}
