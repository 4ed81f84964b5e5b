"""What a template asks for: which variables may be left out, and as what each is asked."""

import pytest

from tasks.extensions import db
from tasks.forecast.asked import Variable, asked, read
from tasks.forecast.optional import shape
from tasks.models import Broadcast, Notification
from tasks.render import CompiledVersion
from tests import factories


@pytest.mark.parametrize(("source", "needed", "nested"), [
    ("{{ a }} {{ b | default('x') }}", {"a"}, set()),
    ("{{ a | default('x') }} {{ a }}", {"a"}, set()),
    ("{% if a is defined %}{{ a }}{% else %}{{ b }}{% endif %}", {"b"}, set()),
    ("{% if a is defined and c %}{{ a }}{% endif %}", {"c"}, set()),
    ("{{ a if a is defined else b }}", {"b"}, set()),
    ("{% for one in rows %}{{ one.price }}{% endfor %}{{ order.total }}", {"rows", "order", "one"}, {"rows", "order", "one"}),
    ("{% set x = 1 %}{{ x }}{{ recipient.name }}", {"x", "recipient"}, {"recipient"}),
])
def test_what_may_be_left_out_is_read_from_the_template(source, needed, nested):
    assert shape((("message", source),)) == (needed, nested)


def test_a_template_s_own_names_are_not_asked_for():
    version = CompiledVersion({"title": "{% set x = 1 %}{{ x }}", "message": "{% for one in rows %}{{ one }}{% endfor %}{{ z }}"})
    assert asked(version, None) == [Variable("rows", "json"), Variable("z", "auto")]


@pytest.mark.parametrize(("values", "kind"), [
    ([1, 2.5], "number"), ([True, False], "boolean"), (["2026-01-31"], "date"), (["a", "b"], "text"), (["x" * 81], "long"),
    (["a\nb"], "long"), ([[1]], "json"), ([{"a": 1}, 5], "json"), ([1, "a"], "auto"), ([True, 1], "auto"), ([None], "auto"),
])
def test_the_kind_is_what_it_was_before(app, values, kind):
    made = factories.template("kinds", title="{{ a }}", message="m")
    db.session.add_all(
        Broadcast(template_version_id=made.current_version_id, data={"a": value}, audience="all") for value in values
    )
    db.session.commit()

    (found,) = asked(CompiledVersion({"title": "{{ a }}", "message": "m"}), made.id)

    assert found.kind == kind
    assert found.seen == sum(value is not None for value in values)


def test_what_single_people_were_sent_gives_the_kind_and_no_example(any_app):
    made = factories.template("code", title="{{ code }}", message="m")
    person = factories.person("1")
    notification = Notification(
        recipient_id=person.id, template_version_id=made.current_version_id, own_data={"code": "123456"}, own_title="t",
        own_message="m",
    )
    db.session.add(notification)
    db.session.commit()

    (found,) = asked(CompiledVersion({"title": "{{ code }}", "message": "m"}), made.id)

    assert (found.kind, found.seen, found.examples) == ("text", 1, ())


@pytest.mark.parametrize(("text", "kind", "value"), [
    ("007", "number", 7), ("-1.50", "number", -1.5), ("true", "boolean", True), ("2026-02-28", "date", "2026-02-28"),
    ("5", "text", "5"), ("[1, 2]", "json", [1, 2]), ("5", "auto", 5), ("007", "auto", "007"),
])
def test_a_text_is_read_as_what_it_was_asked_as(text, kind, value):
    assert read(text, kind) == value


@pytest.mark.parametrize(("text", "kind"), [
    ("1,000", "number"), ("1e5", "number"), ("NaN", "number"), ("", "number"), ("9" * 16, "number"), ("yes", "boolean"),
    ("2026-02-30", "date"), ("{", "json"), ("[" * 100_000, "json"),
])
def test_what_it_cannot_be_says_how_it_is_written(text, kind):
    with pytest.raises(ValueError, match=r"Write|Choose"):
        read(text, kind)
