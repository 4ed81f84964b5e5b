"""Style blocks put into elements: only style attributes are added, and Jinja's tags stay where they were."""

import re
import time

import pytest

from tasks import templates
from tasks.rendering.mail.inlining import inlined

SHEET = (
    "<style>.btn { color: red } td { padding: 4px } .x > p { margin: 0 } "
    "@media (max-width: 9px) { .btn { width: 1px } }</style>"
)


def without_styles(html: str) -> str:
    return re.sub(r' style="[^"]*"', "", html)


def test_a_rule_goes_into_its_elements_and_nothing_else_changes() -> None:
    source = f'<html>{SHEET}<body>\n<a class=btn href="{{{{ url }}}}">A &amp; b</a><div class="x"><p>1<p>2</div></body></html>'

    done = inlined(source)

    assert '<a style="color: red" class=btn href="{{ url }}">A &amp; b</a>' in done.html
    assert done.html.count('<p style="margin: 0">') == 2
    assert without_styles(done.html) == source
    assert done.notes == ()


def test_tags_between_elements_stay_even_where_html_would_move_them() -> None:
    source = SHEET + '<table><tr>{% for row in rows if row.a < 3 %}<td>{{ row["a"] > 1 }}</td>{% endfor %}</tr></table>'

    assert without_styles(inlined(source).html) == source
    assert '<td style="padding: 4px">{{ row["a"] > 1 }}</td>' in inlined(source).html


def test_an_elements_own_style_comes_last_and_so_wins() -> None:
    source = SHEET + "<i class='btn' style='color: {{ colour }}'>a</i><b class=btn style=color:blue>b</b>"

    html = inlined(source).html

    assert "style='color: red; color: {{ colour }}'" in html
    assert 'style="color: red; color:blue"' in html


def test_what_depends_on_the_data_is_left_to_the_block_and_said() -> None:
    source = SHEET + '<a class="{{ kind }} btn">a</a><a {% if big %}class="btn"{% endif %}>b</a>'

    done = inlined(source)

    assert done.html == source
    assert done.notes == ("2 elements with a computed class or attribute: the block alone styles them.",)


@pytest.mark.parametrize("source", ["<p>plain</p>", "<style>.a { color: {{ colour }} }</style><p class=a>", "", "{{ a }}"])
def test_without_a_block_or_with_a_variable_in_it_nothing_is_done(source: str) -> None:
    assert inlined(source).html == source


def test_no_stylesheet_is_loaded_from_anywhere() -> None:
    link = '<link rel="stylesheet" href="http://127.0.0.1:9/x.css">'
    source = f"{link}<style>@import url(http://127.0.0.1:9/y.css); p {{ margin: 0 }}</style><p>a</p>"

    assert '<p style="margin: 0">a</p>' in inlined(source).html


def test_too_many_rules_are_left_in_the_block() -> None:
    source = f"<style>{'p { margin: 0 } ' * 1500}</style>" + "<p>" * 1500

    done = inlined(source)

    assert done.html == source
    assert "too many" in done.notes[0]


def test_a_mail_is_sent_with_its_rules_in_its_elements() -> None:
    parts = {"title": "T", "message": "M", "email_html": SHEET + "<p class=btn>{{ a }}</p>"}

    rendered = templates.preview(parts, {"a": "<b>"}, {})

    assert '<p style="color: red" class=btn>&lt;b&gt;</p>' in rendered.email_html


@pytest.mark.parametrize("hostile", [
    "<style></style>{% raw %}" + "{{" * 900 + " " * 240_000 + "{% endraw %}",
    "<style></style>{% raw %}" + "{#" * 120_000 + "{% endraw %}",
    "<style>" * 37_000,
    "<style></style>" + "<a " * 80_000,
    "<style></style>" + "<!--" * 60_000,
    "<style>b { color: red }</style>" + "<b>" * 80_000,  # overflows the inliner's stack: the whole process was gone
    "<style>" + "b," * 60_000 + "b { color: red }</style>" + "<b></b>" * 15_000,
], ids=["tags", "comments", "blocks", "elements", "html comments", "depth", "selectors"])
def test_a_hostile_source_costs_no_more_than_its_length(hostile: str) -> None:
    began = time.process_time()

    done = inlined(hostile)

    assert time.process_time() - began < 10  # it was minutes; it is a fraction of one second
    assert done.html == hostile


def test_unended_table_cells_and_paragraphs_are_not_inside_each_other() -> None:
    source = "<style>td { color: red }</style><table><tr>" + "<td>a<br>" * 300 + "</table>"

    assert inlined(source).html.count('<td style="color: red">') == 300


def test_a_declaration_that_nobody_knows_is_passed_over() -> None:
    source = "<style>b { color: red }</style><![if !mso]><![x y]><![endif]><b>a</b>"

    assert '<b style="color: red">a</b>' in inlined(source).html
