"""Every filter: what it makes of honest values, and what it says of others."""

import re
from typing import Any

import pytest

from tasks.errors import RenderFailed
from tasks.rendering.filters import FILTERS, INNER, TESTS
from tests.tasks.rendering.draft import shown

ITEMS = [{"name": "tea", "price": 3, "maker": {"city": "Ilam"}}, {"name": "Apple", "price": 1.5, "maker": {"city": "Jumla"}}]
DATA: dict[str, Any] = {
    "name": "ann  o'neil", "amount": 1234.5, "text_amount": "1234.50", "items": ITEMS, "words": ["b", "C", "a"], "empty": [],
    "null": None, "when": "2026-08-31T18:05:00+00:00", "day": "2026-03-04", "yes": True, "mapping": {"a": 1, "b": None},
}

RIGHT = [
    ("{{ name|upper }}", "ANN  O'NEIL"),
    ("{{ 'ÅSA ŞEN'|lower }}", "åsa şen"),
    ("{{ name|title }}", "Ann  O'neil"),
    ("{{ 'hELLO you'|capitalize }}", "Hello you"),
    ("{{ '  x '|trim }}|{{ '../x./'|trim('./') }}", "x|x"),
    ("{{ 'one two three'|truncate(10) }} {{ 'one two three'|truncate(9) }}", "one two... one..."),
    ("{{ 'one two three'|truncate(10, true) }}", "one two..."),
    ("{{ 'one two'|truncate(7) }}", "one two"),
    ("{{ 'one two three'|truncate(length=8, end='…') }}", "one two…"),
    ("{{ 'a-b-c'|replace('-', '+') }}", "a+b+c"),
    ("{{ 'a b&c/ü'|urlencode }}", "a%20b%26c%2F%C3%BC"),
    ("{{ 5|upper }}{{ null|upper }}", "5"),
    ("{{ text_amount|int }} {{ amount|int }} {{ '-7.9'|int }} {{ 'x'|int(0) }}", "1234 1234 -7 0"),
    ("{{ text_amount|float * 2 }} {{ 'x'|float(none) }}", "2469.0 "),
    ("{{ 2.675|round(2) }} {{ 2.5|round }} {{ 2.5|round|int }} {{ 10|round(1) }}", "2.68 3.0 3 10.0"),
    ("{{ amount|money('₹') }} {{ text_amount|money }}", "₹1,234.50 1,234.50"),
    ("{{ -5|money('$') }} {{ 1234.5|money('¥', 0) }}", "-$5.00 ¥1,235"),
    ("{{ 0.1 + 0.2 }} {{ (0.1 + 0.2)|money }} {{ -3|abs }}", "0.30000000000000004 0.30 3"),
    ("{{ when|date }}", "31 Aug 2026"),
    ("{{ when|date('%-d.%-m.%Y %H:%M') }}", "31.8.2026 18:05"),
    ("{{ when|date('%a %d %B, %I:%M %p', 'Asia/Kathmandu') }}", "Mon 31 August, 11:50 PM"),
    ("{{ when|date(zone='America/New_York', pattern='%d %H:%M %Z') }}", "31 14:05 EDT"),
    ("{{ day|date('%A %d.%m.%y 100%%') }} {{ day|date('%d', none) }}", "Wednesday 04.03.26 100% 04"),
    ("{{ '2026-08-31T18:05:00Z'|date('%H') }}{{ '2026-08-31 18:05'|date('%H', 'Asia/Kathmandu') }}", "1823"),
    ("{{ missing|default('friend') }} {{ null|default('friend') }}", "friend friend"),
    ("{{ ''|default('a') }}{{ ''|default('b', true) }}", "b"),
    ("{{ missing|d(name) }} {{ name|d(missing) }}", "ann  o'neil ann  o'neil"),
    ("{{ items|length }} {{ 'abc'|count }} {{ mapping|length }} {{ range(4)|length }}", "2 3 2 4"),
    ("{{ words|first }}{{ words|last }}{{ 'xyz'|last }} {{ (items|first).name }}", "baz tea"),
    ("{{ words|join }} {{ words|join(', ') }}", "bCa b, C, a"),
    ("{{ [1, none, true]|join('-') }} {{ mapping|join('/') }}", "1--True a/b"),
    ("{{ items|join(' & ', attribute='name') }} {{ items|join(',', attribute='maker.city') }}", "tea & Apple Ilam,Jumla"),
    ("{{ items|sum(attribute='price') }} {{ [1, 2]|sum }} {{ []|sum }}", "4.5 3 0"),
    ("{{ words|sort|join }} {{ words|sort(true)|join }} {{ [3, 'b', 1]|sort|join }}", "abC Cba 13b"),
    ("{{ items|sort(attribute='price')|join(',', attribute='name') }}", "Apple,tea"),
    ("{% for key, value in mapping|items %}{{ key }}={{ value }};{% endfor %}", "a=1;b=;"),
]


@pytest.mark.parametrize(("source", "text"), RIGHT)
def test_what_filters_make(source: str, text: str) -> None:
    assert shown(source, DATA) == text


WRONG = [
    ("{{ words }}", "a list cannot be written as text"),
    ("{{ mapping|upper }}", "a mapping cannot be written"),
    ("{{ 'x'|int }}", "'x' is not a number"),
    ("{{ null|int }}", "a number is needed here, not a null"),
    ("{{ yes|money }}", "a number is needed here, not a true or false"),
    ("{{ 'nan'|float }}", "not a number of a usual size"),
    ("{{ 1|round(13) }}", "between 0 and 12"),
    ("{{ 1|round('x') }}", "must be a whole number, not a text"),
    ("{{ '9' * 2 }}", "* needs numbers, not a text"),
    ("{{ text_amount + 1 }}", "use |float"),
    ("{{ 1 + null }}", "not a null"),
    ("{{ 'a%sb' % 1 }}", "% needs numbers"),
    ("{{ 1 / 0 }}", "divided by zero"),
    ("{{ '31 August'|date }}", "is not a date; give ISO 8601"),
    ("{{ 5|date }}", "not a number"),
    ("{{ day|date('%d', 'Kathmandu') }}", "'Kathmandu' is not a time zone"),
    ("{% set f = '%Q' %}{{ day|date(f) }}", "does not know %Q"),
    ("{{ empty|first }}", "the list is empty"),
    ("{{ 5|length }}", "a number has no length"),
    ("{{ 'abc'|join(',') }}", "a list is needed here, not a text"),
    ("{{ items|join }}", "a mapping cannot be written"),
    ("{{ items|join(',', attribute='weight') }}", "no field 'weight'"),
    ("{{ words|sum }}", "needs numbers"),
    ("{{ items|sort }}", "a mapping cannot be written"),
    ("{{ words|items }}", "items needs a mapping"),
    ("{{ 'x'|abs }}", "abs needs a number"),
    ("{{ 'x'|replace('', 'y') }}", "needs a text to look for"),
    ("{% for i in range(2000) %}{% endfor %}", "at most 1000"),
    ("{% for i in range(1, 5, 0) %}{% endfor %}", "steps of 0"),
    ("{% for i in 5 %}{% endfor %}", "a list is needed here, not a number"),
    ("{% if amount > 'x' %}{% endif %}", "not supported between"),
]


@pytest.mark.parametrize(("source", "says"), WRONG)
def test_what_filters_refuse(source: str, says: str) -> None:
    with pytest.raises(RenderFailed, match=re.escape(says)):
        shown(source, DATA)


def test_operators_can_read_about_every_filter() -> None:
    """The editor shows the docstrings: an example in backticks that names the filter, a colon, what comes out."""
    for name, function in FILTERS.items():
        assert function.__doc__, name
        assert re.match(r"`.+`: .+", function.__doc__), name
        assert f"|{name}" in function.__doc__ or name in ("d", "count"), name


def test_no_template_can_name_the_inner_filters() -> None:
    assert all(" " in name for name in INNER)
    assert not set(INNER) & set(FILTERS)


@pytest.mark.parametrize(("source", "text"), [
    ("{{ name is defined }} {{ missing is defined }} {{ missing is undefined }}", "True False True"),
    ("{{ null is none }} {{ name is string }} {{ amount is number }} {{ yes is boolean }} {{ yes is true }} {{ yes is false }}",
     "True True True True True False"),
    ("{{ mapping is mapping }} {{ words is sequence }} {{ 4 is even }} {{ 4 is odd }} {{ 9 is divisibleby 3 }}",
     "True True True False True"),
    ("{{ 1 is integer }} {{ 1.5 is float }}", "True True"),
])
def test_what_tests_find(source: str, text: str) -> None:
    assert shown(source, DATA) == text
    assert set(re.findall(r" is (\w+)", source)) <= set(TESTS)
