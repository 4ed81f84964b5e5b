"""What a template may say, what it is told otherwise, and that the place is shown."""

from typing import Any

import pytest
from jinja2 import StrictUndefined, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.errors import InvalidTemplate
from tasks.render import PARTS
from tasks.rendering.checker import CHECKS, HARMLESS, WHY_NOT
from tests.tasks.rendering.draft import draft, shown

ORDER = {"total": 5, "lines": [{"name": "tea", "price": 3}, {"name": "cup", "price": 2}], "note": "", "a-b": 1}
DATA: dict[str, Any] = {
    "amount": 1000, "name": "Ann", "order": ORDER, "words": ["a", "b", "c"], "off": False, "pairs": [[1, 2], [3, 4]],
}

SAME_AS_JINJA = [
    "Payment Successful - ₹{{ amount }}",
    "{{ order.total }} {{ order['total'] }} {{ order['a-b'] }} {{ order.lines[0].name }} {{ order.lines[-1]['name'] }}",
    "{% if amount > 500 and not off %}big{% elif amount == 0 %}none{% else %}small{% endif %}",
    "{% for line in order.lines %}{{ loop.index }}/{{ loop.length }} {{ line.name }}{% if loop.last %}.{% endif %}{% endfor %}",
    "{% for line in order.lines if line.price > 2 %}{{ loop.index0 }}{{ line.name }}{% else %}nothing{% endfor %}",
    "{% for word in [] %}{{ word }}{% else %}nothing{% endfor %}",
    "{% for a, b in pairs %}{{ a }}{{ b }}{% endfor %}",
    "{% for i in range(3) %}{{ i }}{% for j in range(i, 9, 4) %}-{{ j }}{{ loop.first }}{% endfor %}{% endfor %}",
    "{% for w in words %}{{ loop.cycle('odd', 'even') }}{{ loop.revindex }}{{ loop.nextitem if not loop.last }}{% endfor %}",
    "{% for a in words %}{% for b in words %}{{ loop.index }}{% endfor %}{{ loop.index }}{{ loop.cycle(a, name) }}{% endfor %}",
    "{% set total = order.total * 2 + 1 %}{{ total }} {{ total // 2 }} {{ total % 4 }} {{ total / 2 }} {{ -total }} {{ +total }}",
    "{% with first = words[0] %}{{ first }}{% endwith %}",
    "{{ name ~ ' ' ~ amount ~ '!' }} {{ name + '!' }}",
    "{{ words[1:]|join }}{{ name[::-1] }}{{ name[:-1] }}{{ words[:2]|length }}{{ name[0] }}",
    "{{ 'yes' if off else 'no' }}{{ 'yes' if off }}",
    "{{ 'a' in words }}{{ 'x' not in words }}{{ 'n' in name }}{{ amount in [1, 1000] }}{{ 'total' in order }}",
    "{{ 1 < 2 <= 2 != 3 }}{{ name == 'Ann' }}{{ words == ['a', 'b', 'c'] }}{{ amount >= 1000 }}",
    "{{ (name or 'friend')|upper }}{{ order.note or 'no note' }}",
    "{{ missing is defined }}{{ order.missing is defined }}{{ missing|default('x') }}{{ order.missing|default('y') }}",
    "{{ {'a': 1}.a }}{{ {'a': 'b'}['a'] }}{{ (1, 2)|length }}{{ ['x', name]|last }}",
    "{% raw %}{{ not }}{% endraw %}{# a comment #}{{- ' x ' -}}  y",
    "{{ 1.5 }} {{ true }} {{ 'it''s' }} {{ \"é\\n\" }} {{ 1_000 }} {{ 0x1f }}",
    "a\r\nb\n",
    # A name that is set here and there, and read from the data elsewhere.
    "{% if off %}{% set name = 'x' %}{% endif %}{{ name }}",
    "{% if off %}{% set name = 'x' %}{% elif amount %}{{ name }}{% else %}{% set name = 'y' %}{% endif %}{{ name }}",
    "{{ name }}{% set name = 'y' %}{{ name }}",
    "{% for w in words %}{% set name = name ~ w %}{{ name }}{% endfor %}{{ name }}",
    "{% for name in words if name != 'b' %}{{ name }}{% endfor %}{{ name }}",
    "{% with name = name ~ '!' %}{{ name }}{% set name = 1 %}{% endwith %}{{ name }}",
    "{% for w in words %}{% if loop.first %}{% set amount = w %}{% endif %}{{ amount }}{% endfor %}{{ amount }}",
    "{% set name, other = words[0], name %}{{ name }}{{ other }}",
    "{% for w in words %}{% for amount in [1] %}{{ amount }}{% endfor %}{{ amount }}{% else %}{{ name }}{% endfor %}",
]


@pytest.mark.parametrize("source", SAME_AS_JINJA)
def test_what_is_allowed_prints_what_jinja_prints(source: str) -> None:
    plain_jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    assert shown(source, DATA) == plain_jinja.from_string(source).render(DATA)


@pytest.mark.parametrize("source", SAME_AS_JINJA)
def test_the_html_part_escapes_as_jinja_escapes(source: str) -> None:
    data = {**DATA, "name": "<A&n'n>", "words": ["<", ">", '"']}
    plain_jinja = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    html = draft(email_html=source).render(data, {}, ["email_html"]).email_html
    assert html == plain_jinja.from_string(source).render(data)


def test_the_html_part_escapes_what_filters_make() -> None:
    source = "{{ name|upper }}{{ words|join('<br>') }}{{ name ~ '<i>' }}{{ '<b>' }}{{ name|replace('a', '<') }}"
    html = draft(email_html=source).render({"name": "<a>", "words": ["&", "&"]}, {}, ["email_html"]).email_html
    assert html == "&lt;A&gt;&amp;&lt;br&gt;&amp;&lt;a&gt;&lt;i&gt;&lt;b&gt;&lt;&lt;&gt;"


REFUSED = [
    ("{{ name.upper() }}", 1, 9, "Write it as a filter: value|upper."),
    ("line\n  {{ name|uper }}", 2, 11, "Did you mean 'upper'?"),
    ("\n\n{{ name|nosuchthing }}", 3, 9, "There are: abs"),
    ("be safe: {{ name|safe }}", 1, 18, "Data could carry scripts"),
    ("{{ name|escape }}", 1, 9, "escaped already"),
    ("{{ name|upper('x') }}", 1, 9, "Write `{{ code|upper }}`"),
    ("{{ name|join(sep=1) }}", 1, 9, "Write `{{ items|join"),
    ("{{ '2026-01-01'|date('%d %Q') }}", 1, 17, "Write a format like"),
    ("{{ recipient }}", 1, 4, "Write recipient.name"),
    ("{{ recipient.phones }}", 1, 14, "whatever else is known of a person is in recipient.attributes"),
    ("{{ recipient[name] }}", 1, 4, "There are id"),
    ("{% set r = recipient %}", 1, 12, "Write recipient.name"),
    ("{% for k in recipient|items %}{% endfor %}", 1, 13, "Write recipient.name"),
    ("{{ loop.index }}", 1, 4, "between for and endfor"),
    ("{% for w in words %}{{ loop.colour }}{% endfor %}", 1, 29, "There are first"),
    ("{% for w in words %}{% endfor %}{{ loop.last }}", 1, 36, "between for and endfor"),
    ("{% set x %}a{% endset %}", 1, 4, "Write {% set name = value %}"),
    ("{% filter upper %}a{% endfilter %}", 1, 4, "behind each value"),
    ("{% include 'a' %}", 1, 4, "stands alone"),
    ("{% macro a() %}{% endmacro %}", 1, 4, "for loop"),
    ("{{ 2 ** 3 }}", 1, 6, "Send the result"),
    ("{{ name is callable }}", 1, 12, "There are: boolean"),
    ("{{ name is defined(1) }}", 1, 12, "Only divisibleby"),
    ("{{ name.__class__ }}", 1, 9, "Only fields of the data"),
    ("{{ __name }}", 1, 4, "Choose another name"),
    ("{% set range = 1 %}", 1, 8, "Choose another name"),
    ("{{ name name }}", 1, 4, "Correct the syntax"),
    ("text\n{% if name %}\n{% endfor %}", 3, 4, "Correct the syntax"),
    ("{{ name", 1, 1, "Correct the syntax"),
    ("{% frobnicate %}", 1, 4, "Correct the syntax"),
    ("{{ 'never closed }}", 1, 4, "Correct the syntax"),
]


@pytest.mark.parametrize(("source", "line", "column", "remedy"), REFUSED)
def test_what_is_refused_and_where(source: str, line: int, column: int, remedy: str) -> None:
    with pytest.raises(InvalidTemplate) as caught:
        draft(message=source)
    error = caught.value
    assert (error.field, error.extra["line"], error.extra["column"]) == ("message", line, column), str(error)
    assert remedy in error.remedy
    assert error.detail.startswith(f"message, line {line}: ")


def test_every_kind_of_syntax_is_decided_on() -> None:
    """A new version of Jinja with a new kind of node: it is refused until somebody has thought about it."""
    known = set(HARMLESS) | set(CHECKS) | set(WHY_NOT)
    every = {
        kind for kind in vars(nodes).values()
        if isinstance(kind, type) and issubclass(kind, nodes.Node) and not kind.abstract and kind not in known
    }
    assert {kind.__name__ for kind in every} <= {
        "Break", "Continue", "ContextReference", "DerivedContextReference", "EnvironmentAttribute", "EvalContextModifier",
        "ExprStmt", "ExtensionAttribute", "ImportedName", "InternalName", "MarkSafe", "MarkSafeIfAutoescape", "OverlayScope",
        "Scope", "TemplateReference", "Decl",
    }


def test_what_a_template_reads_is_known() -> None:
    version = draft(
        title="{{ shop }} {{ recipient.name }}", sms_text="{% for line in lines %}{{ line.name }}{% endfor %}",
        email_html="{{ recipient['attributes']['home city'] }} {{ recipient.attributes.vip|default(no) }}",
    )
    assert version.variables == {"shop", "lines", "no"}
    assert version.recipient_fields == {"name", "attributes"}
    assert version.is_personal
    assert [name for name in PARTS if version.personal([name])] == ["title", "email_subject", "email_html"]
