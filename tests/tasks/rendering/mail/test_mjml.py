"""MJML: compiled once, with Jinja's tags where they belong, and every refusal with its place."""

import pytest

from tasks import templates
from tasks.errors import InvalidTemplate
from tasks.rendering.mail.made import made
from tasks.rendering.mail.mjml import compiled_mjml

MAIL = """<mjml>
<mj-head><mj-title>{{ shop }}</mj-title><mj-style inline="inline">.red { color: red }</mj-style></mj-head>
<mj-body>
{% for line in lines %}<mj-section><mj-column>
{% if line.count < 2 %}<mj-text>{{ line["name"] }} <b class="red">x</b> &lt;i&gt;
{% if a and b < 2 %}few{% endif %}</mj-text>{% endif %}
<mj-button href="{{ links["shop"] }}">Go</mj-button></mj-column></mj-section>{% endfor %}
</mj-body></mjml>"""


def test_tags_come_out_where_they_belong_and_the_mail_is_written() -> None:
    lines = [{"name": "<One>", "count": 1}, {"name": "Two", "count": 5}]
    parts = {"title": "T", "message": "M", "email_html": MAIL, "email_format": "mjml"}
    assert templates.validate(parts, "mjml") == []

    data = {"shop": "S & Co", "lines": lines, "links": {"shop": "https://s.example/"}, "a": 1, "b": 1}
    html = templates.preview(parts, data, {}).email_html

    assert "<title>S &amp; Co</title>" in html
    assert '&lt;One&gt; <b class="red" style="color: red;">x</b> &lt;i&gt;' in html
    assert html.count("few") == 1
    assert html.count('href="https://s.example/"') == 2
    assert "Two" not in html
    assert "{%" not in html
    assert "cj0k" not in html


def test_no_font_is_fetched_from_strangers() -> None:
    text = "<mj-section><mj-column><mj-text>a</mj-text></mj-column></mj-section>"

    assert "googleapis" not in compiled_mjml(f"<mjml><mj-body>{text}</mj-body></mjml>")


@pytest.mark.parametrize(("source", "line", "column", "words"), [
    ("<p>a</p>", 1, 1, "no <mjml> element"),
    ("<mjml><mj-body>\n <mj-txt>a</mj-txt></mj-body></mjml>", 2, 2, "Did you mean <mj-text>?"),
    ("<mjml><mj-body>\n <mj-text>a</mj-body></mjml>", 2, 12, "<mj-text> is still open"),
    ("<mjml><mj-body>", 1, 7, "<mj-body> is not closed"),
    ("<mjml><mj-body><mj-include path='/etc/passwd'/></mj-body></mjml>", 1, 16, "no element <mj-include>"),
    ("<mjml><mj-body>\n<mj-section nope='{{ x }}'><mj-column/></mj-section></mj-body></mjml>", 2, 19, "no place for {{ x }}"),
    ("<mjml><mj-body><mj-section a=></mj-section></mj-body></mjml>", 1, 1, "cannot be read"),
])
def test_a_mistake_is_refused_with_its_place(source: str, line: int, column: int, words: str) -> None:
    with pytest.raises(InvalidTemplate) as refused:
        compiled_mjml(source)

    assert words in str(refused.value)
    assert (refused.value.extra["line"], refused.value.extra["column"]) == (line, column)
    assert refused.value.field == "email_html"


def test_jinja_is_checked_in_the_source_as_it_was_written() -> None:
    wrong = MAIL.replace("if line.count", "if line.count|nope")

    (problem,) = templates.validate({"title": "T", "message": "M", "email_html": wrong}, "mjml")

    assert (problem.part, problem.line) == ("email_html", 5)
    assert "nope" in problem.message


def test_there_is_no_other_format() -> None:
    with pytest.raises(InvalidTemplate, match="not a format"):
        made("<p>", "markdown")


@pytest.mark.parametrize(("hostile", "said"), [
    ("<mjml><mj-body>" + "<mj-wrapper>" * 3_000 + "</mj-wrapper>" * 3_000 + "</mj-body></mjml>", "too deep"),  # ended the process
    ("<mjml><mj-body>" + "<a " * 60_000, "not closed"),
    ("<mjml><mj-body>" + "<mj-style></mj-style>" * 9_000 + "</mj-body></mjml>", "more than"),
], ids=["depth", "unended", "many"])
def test_what_would_take_the_process_down_is_refused_at_once(hostile: str, said: str) -> None:
    with pytest.raises(InvalidTemplate, match=said):
        compiled_mjml(hostile)
