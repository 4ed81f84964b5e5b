"""The conditions of templates: found, forced, and watched."""

from typing import Any

from tasks.rendering.branches import Watched, conditions, forced
from tasks.rendering.limits import PARTS
from tasks.rendering.version import CompiledVersion

SOURCE = (
    "{% for x in items if x %}{{ x }},{% else %}none{% endfor %}\n"
    "{% if recipient.country == 'NP' %}Namaste{% if vip %}!{% endif %}\n"
    "{% elif recipient.country == 'DE' %}Hallo{% else %}Hello{% endif %} {{ a }}"
    "{{ 'gold' if recipient.attributes.plan == 'gold' }}"
)
DATA: dict[str, Any] = {"items": [1, 0], "vip": True, "a": "A"}


def person(country: str, plan: str = "") -> dict[str, Any]:
    return {"country": country, "attributes": {"plan": plan}}


def sources(message: str, **more: str) -> dict[str, str]:
    return {**dict.fromkeys(PARTS, ""), "title": "T", "message": message, **more}


def test_conditions_are_told_in_the_words_of_their_tags() -> None:
    found = conditions(sources(SOURCE))

    assert [(one.line, one.sides, one.is_personal) for one in found] == [
        (2, ("if recipient.country == 'NP'", "elif recipient.country == 'DE'", "else"), True),
        (2, ("if vip", "else"), False),
        (3, ("'gold' if recipient.attributes.plan == 'gold'", "else"), True),
    ]
    assert [one.number for one in found] == [0, 1, 2]


def test_a_loop_with_a_filter_and_an_else_is_no_condition() -> None:
    assert conditions(sources("{% for x in y if x %}a{% else %}b{% endfor %}")) == []
    assert conditions(sources("{{ (a if b else c)|upper }}")) == []


def test_each_side_can_be_forced() -> None:
    found = conditions(sources(SOURCE))

    def said(number: int, side: int, of: dict[str, Any]) -> str:
        return forced(sources(SOURCE), found[number], side).render(DATA, of, ["message"]).message.splitlines()[-1]

    assert [said(0, side, person("NP")) for side in range(3)] == [" A", "Hallo A", "Hello A"]
    assert [said(2, side, person("DE")) for side in range(2)] == ["Hallo Agold", "Hallo A"]
    assert CompiledVersion(sources(SOURCE)).render(DATA, person("DE"), ["message"]).message.endswith("Hallo A")


def test_a_watched_template_says_which_sides_it_took_and_nothing_else_changes() -> None:
    watched = Watched(sources(SOURCE))
    assert watched.parts == ("message",)
    for someone, sides in ((person("NP", "gold"), {0: {0}, 1: {0}, 2: {0}}), (person("US"), {0: {2}, 2: {1}})):
        text = watched.version.render(DATA, someone, ["message"]).message
        assert watched.taken("message", text) == {("message", number): taken for number, taken in sides.items()}
        assert watched.clean(text) == CompiledVersion(sources(SOURCE)).render(DATA, someone, ["message"]).message


def test_both_sides_of_a_condition_inside_a_loop() -> None:
    watched = Watched(sources("{% for x in items %}{% if x %}1{% endif %}{% endfor %}"))
    text = watched.version.render(DATA, {}, ["message"]).message
    assert watched.taken("message", text) == {("message", 0): {0, 1}}


def test_html_is_marked_without_being_escaped() -> None:
    html = "<p>{% if recipient.name %}{{ recipient.name }}{% endif %}</p>"
    watched = Watched(sources("m", email_html=html))
    text = watched.version.render({}, {"name": "<b>"}, ["email_html"]).email_html
    assert watched.taken("email_html", text) == {("email_html", 0): {0}}
    assert watched.clean(text) == "<p>&lt;b&gt;</p>"
