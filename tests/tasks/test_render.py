"""Rendering versions for people: fallbacks, limits, errors that say where, the same for one and for many, and from a snapshot."""

import json
import threading
from types import SimpleNamespace
from typing import Any

import pytest

from tasks.errors import InvalidData, InvalidTemplate, MissingVariable, RenderFailed
from tasks.render import PARTS, CompiledVersion, Rendered, compiled, snapshot
from tasks.rendering import version as version_module
from tasks.rendering.limits import MAX_OUTPUT, MAX_SOURCE, MAX_TAGS
from tests.tasks.rendering.draft import draft, shown

ANN = {
    "id": "42", "name": "Ann <Å>", "email": "ann@example.com", "phone": "+9779800000000", "locale": "ne",
    "timezone": "Asia/Kathmandu", "country": "NP", "attributes": {"city": "Pātan", "vip": True, "orders": [1, 2]},
}


def test_the_rule_of_the_contract() -> None:
    version = draft(title="Payment Successful - ₹{{ amount }}", message="By {{ gateway }}")
    assert version.render({"amount": 1000, "gateway": "eSewa"}, {}) == Rendered("Payment Successful - ₹1000", "By eSewa")


def test_only_the_parts_asked_for_are_written() -> None:
    version = draft(title="{{ a }}", message="{{ b }}", sms_text="{{ c }}")
    assert version.render({"c": "C"}, {}, ["sms_text"]) == Rendered(sms_text="C")
    with pytest.raises(MissingVariable):
        version.render({"c": "C"}, {})


def test_empty_parts_fall_back() -> None:
    rendered = draft(title="T {{ x }}", message="M <{{ x }}>\nsecond").render({"x": "&"}, {}, PARTS)
    assert (rendered.sms_text, rendered.email_text, rendered.email_subject) == ("M <&>\nsecond",) * 2 + ("T &",)
    assert "<h1" in rendered.email_html
    assert ">T &amp;</h1>" in rendered.email_html
    assert ">M &lt;&amp;&gt;<br>\nsecond</p>" in rendered.email_html
    assert "<title>T &amp;</title>" in rendered.email_html


def test_the_frame_shows_the_email_text_where_there_is_one() -> None:
    rendered = draft(message="short", email_text="long", email_subject="S").render({}, {}, ["email_html"])
    assert ">long</p>" in rendered.email_html
    assert ">S</h1>" in rendered.email_html


def test_the_operators_own_html_is_used_as_it_is() -> None:
    html = "<!doctype html>\n<p style='color:red'>{{ name }}</p>\n"
    assert draft(email_html=html).render({"name": "<b>"}, {}, ["email_html"]).email_html == (
        "<!doctype html>\n<p style='color:red'>&lt;b&gt;</p>"
    )


@pytest.mark.parametrize(("source", "written"), [
    ("a\nb", "a b"), ("a\r\n\t b", "a b"), ("{{ x }}", "one Bcc: two three"), ("  a  ", "a"), ("a\u2028b", "a b"),
    ("👩‍🚀 ok", "👩‍🚀 ok"),
])
def test_a_title_has_one_line(source: str, written: str) -> None:
    rendered = draft(title=source, email_subject=source).render({"x": "one\r\nBcc: two\x07three"}, {}, PARTS)
    assert (rendered.title, rendered.email_subject) == (written, written)


@pytest.mark.parametrize("part", PARTS)
def test_a_part_that_gets_too_long_fails_by_name_and_line(part: str) -> None:
    version = draft(**{part: "line\n{{ x }}"})
    with pytest.raises(RenderFailed, match=f"^{part} cannot be written, line .: it is longer than {MAX_OUTPUT[part]} characters"):
        version.render({"x": "x" * (MAX_OUTPUT[part] + 1)}, {}, [part])
    fitting = "x" * (MAX_OUTPUT[part] - len("line\n"))
    assert len(getattr(version.render({"x": fitting}, {}, [part]), part)) == MAX_OUTPUT[part]


def test_a_message_too_long_for_an_sms_fails_as_sms_only() -> None:
    version = draft(message="{{ x }}")
    assert len(version.render({"x": "x" * 2_000}, {}).message) == 2_000
    with pytest.raises(RenderFailed, match=r"^sms_text cannot .* 1530 characters"):
        version.render({"x": "x" * 2_000}, {}, ["sms_text"])


@pytest.mark.parametrize("part", PARTS)
def test_a_source_that_is_too_long_is_refused(part: str) -> None:
    with pytest.raises(InvalidTemplate, match=f"longer than {MAX_SOURCE[part]} characters"):
        draft(**{part: "x" * (MAX_SOURCE[part] + 1)})


def test_a_long_message_may_stand_in_for_a_short_part() -> None:
    """The SMS takes less source than the message: the message that stands in for it is measured as a message."""
    source = "{% if big %}" + "x" * 20_000 + "{% endif %}ok"
    assert draft(message=source).render({"big": False}, {}, ["sms_text"]).sms_text == "ok"


def test_a_source_with_too_many_tags_is_refused() -> None:
    with pytest.raises(InvalidTemplate, match=f"more than {MAX_TAGS} tags"):
        draft(message="{{ a }}" * (MAX_TAGS + 1))


@pytest.mark.parametrize(("source", "field", "line"), [
    ("{{ amount }}", "data.amount", 1),
    ("\n\n{{ order.total }}", "data.order.total", 3),
    ("{{ order['total'] }}", "data.order.total", 1),
    ("{{ order.lines.first.name }}", "data.order.lines.first", 1),
    ("{% for line in items %}\n{{ line.price }}{% endfor %}", "data.line.price", 2),
    ("{{ recipient.name }}", "recipient.name", 1),
    ("{{ recipient.attributes.city }}", "recipient.attributes.city", 1),
    ("{% if amount %}{% endif %}", "data.amount", 1),
    ("{{ 1 + amount }}", "data.amount", 1),
    ("{{ amount|upper }}", "data.amount", 1),
    ("{{ 'a' ~ amount }}", "data.amount", 1),
    ("{{ 'a'|replace('a', amount) }}", "data.amount", 1),
    ("{% for x in amount %}{% endfor %}", "data.amount", 1),
    ("{{ amount == 1 }}", "data.amount", 1),
    ("{{ order[amount] }}", "data.amount", 1),
    ("{{ amount.more.still }}", "data.amount", 1),
    ("{{ items[amount:] }}", "data.amount", 1),
    ("{{ [amount]|join }}", "data.amount", 1),
])
def test_a_missing_variable_names_itself(source: str, field: str, line: int) -> None:
    data = {"order": {"lines": {}}, "items": [{"name": "tea"}]}
    with pytest.raises(MissingVariable) as caught:
        draft(message=source).render(data, {"attributes": {}})
    error = caught.value
    assert (error.field, error.extra["line"], error.extra["part"]) == (field, line, "message")
    assert repr(field.removeprefix("data.")) in error.detail
    assert field in error.remedy


def test_other_failures_name_part_and_line() -> None:
    with pytest.raises(RenderFailed) as caught:
        draft(email_subject="ok\n\n{{ a / 0 }}").render({"a": 1}, {}, ["email_subject"])
    assert (caught.value.field, caught.value.extra["part"], caught.value.extra["line"]) == ("email_subject", "email_subject", 3)
    assert "divided by zero" in caught.value.detail


def test_null_prints_nothing_and_is_not_missing() -> None:
    assert shown("[{{ x }}]", {"x": None}) == "[]"
    assert shown("[{{ recipient.attributes.x }}]", {}, {"attributes": {"x": None}}) == "[]"


def test_data_that_is_not_plain_is_refused_by_name() -> None:
    with pytest.raises(InvalidData) as caught:
        draft(message="{{ order.id }}").render({"order": SimpleNamespace(id=1)}, {})
    assert caught.value.field == "data.order"
    with pytest.raises(InvalidData) as caught:
        draft(message="{{ recipient.attributes.x }}").render({}, {"attributes": {"x": object()}})
    assert caught.value.field == "recipient.attributes.x"


def test_the_recipient_is_not_to_be_forged_by_data() -> None:
    assert shown("{{ recipient.name }}", {"recipient": {"name": "Eve"}}, {"name": "Ann"}) == "Ann"


def test_many_are_as_one_and_one_that_fails_fails_alone() -> None:
    version = draft(title="{{ shop }}", message="{% set n = recipient.attributes.n %}{{ 10 // n }} {{ recipient.name }}")
    people: list[dict[str, Any]] = [{"name": f"P{n}", "attributes": {"n": n}} for n in range(1, 6)]
    people[1]["attributes"] = {"n": 0}
    people[3]["attributes"] = {}
    found = version.render_many({"shop": "tea"}, people)
    for person, result in zip(people, found, strict=True):
        if isinstance(result, Rendered):
            assert result == version.render({"shop": "tea"}, person)
    assert [type(result) for result in found] == [Rendered, RenderFailed, Rendered, MissingVariable, Rendered]


def test_nothing_of_one_person_reaches_the_next() -> None:
    source = "{% if recipient.attributes.code %}{% set code = recipient.attributes.code %}{% endif %}{{ code|default('none') }}"
    people = [{"attributes": {"code": "secret"}}, {"attributes": {"code": ""}}]
    assert draft(message=source).render_many({}, people) == [Rendered("t", "secret"), Rendered("t", "none")]


def test_what_is_the_same_for_all_is_written_once(monkeypatch: pytest.MonkeyPatch) -> None:
    version = draft(title="{{ recipient.name }}", message="{{ shop }}")
    written: list[str] = []
    part = type(version.behind("message")[0])
    real = part.render
    monkeypatch.setattr(part, "render", lambda self, context: written.append(self.name) or real(self, context))
    version.render_many({"shop": "tea"}, [{"name": "a"}, {"name": "b"}, {"name": "c"}])
    assert written == ["title", "message", "title", "title"]


def test_a_template_that_costs_too_much_is_not_tried_for_thousands() -> None:
    version = draft(message="{{ recipient.name }}{% for i in range(999) %}{% for j in range(999) %}{% endfor %}{% endfor %}")
    found = version.render_many({}, [{"name": "a"}] * 50)
    assert len(found) == 50
    assert all(isinstance(result, RenderFailed) for result in found)
    assert len({id(result) for result in found}) == version_module.EXHAUSTED


def test_a_snapshot_holds_what_is_read_and_gives_the_same_bytes() -> None:
    version = draft(
        title="{{ recipient.name }}",
        message="{{ recipient.attributes.city|default('?') }} {{ recipient.attributes.none|default('?') }}",
        email_html="{{ when|date('%H:%M', recipient.timezone) }} {{ recipient.id }}",
    )
    kept = snapshot(version, ANN)
    assert kept == {"name": "Ann <Å>", "timezone": "Asia/Kathmandu", "id": "42", "attributes": {"city": "Pātan"}}
    data = {"when": "2026-01-01T12:00:00Z"}
    later = json.loads(json.dumps({"data": data, "recipient": kept}))
    assert version.render(later["data"], later["recipient"], PARTS) == version.render(data, ANN, PARTS)


def test_a_snapshot_of_all_attributes() -> None:
    version = draft(message="{{ recipient.attributes.city }}{% for k, v in recipient.attributes|items %}{{ k }}{% endfor %}")
    assert snapshot(version, ANN) == {"attributes": ANN["attributes"]}


def test_no_snapshot_where_nothing_is_read() -> None:
    assert snapshot(draft(), ANN) is None
    assert snapshot(draft(message="{{ recipient.name }}"), {}) == {}


def test_a_rehearsal_finds_what_everybody_misses() -> None:
    version = draft(title="{{ shop }}", message="{{ recipient.name }} {{ amount }}")
    assert version.rehearse({"shop": "tea", "amount": 1}) == Rendered(title="tea")
    with pytest.raises(MissingVariable, match="'amount'"):
        version.rehearse({"shop": "tea"})
    with pytest.raises(MissingVariable, match="'shop'"):
        version.rehearse({"amount": 1})


def test_a_rehearsal_does_not_blame_the_stand_in() -> None:
    title = "{{ recipient.attributes.born|date }} {{ 1 // recipient.attributes.n }}"
    version = draft(title=title, message="{{ recipient.attributes.a.b }}")
    assert version.rehearse({}) == Rendered()
    assert version.rehearse({}, ["email_html"]) == Rendered()


def test_a_rehearsal_goes_on_behind_a_part_that_the_stand_in_spoils() -> None:
    version = draft(title="{{ recipient.attributes.born|date }}", message="{{ recipient.name }} {{ amount }}")
    with pytest.raises(MissingVariable, match="'amount'"):
        version.rehearse({})


def test_versions_are_compiled_once_and_told_apart_by_their_text() -> None:
    version = SimpleNamespace(id=7, title="a", message="m", sms_text=None, email_subject="", email_html="", email_text="")
    first = compiled(version)
    assert compiled(version) is first
    version.title = "b"  # another database, the same id
    assert compiled(version).render({}, {}).title == "b"
    unsaved = SimpleNamespace(**{**vars(version), "id": None})
    assert compiled(unsaved) is not compiled(unsaved)


def test_threads_share_a_version() -> None:
    version = draft(message="{% for i in range(20) %}{% set x = recipient.name ~ i %}{{ x }}{% endfor %}{{ n }}")
    wrong: list[str] = []

    def work(name: str) -> None:
        expected = "".join(f"{name}{i}" for i in range(20)) + name
        for _ in range(100):
            text = version.render({"n": name}, {"name": name}).message
            if text != expected:
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_a_version_needs_no_more_than_its_sources() -> None:
    assert CompiledVersion({"title": "{{ a }}", "message": "m"}).render({"a": 1}, {}).title == "1"
