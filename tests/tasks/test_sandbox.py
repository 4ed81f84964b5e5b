"""The sandbox as a whole: hostile templates, hostile data, and whatever a generator of nonsense comes up with."""

import json
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tasks.errors import InvalidTemplate, MissingVariable, RenderFailed
from tasks.render import PARTS, CompiledVersion, Rendered, compiled
from tests.tasks.hostile_templates import HOSTILE, hostile_data

ROOT = Path(__file__).parents[2]
SECONDS = 1.0  # of the processor, for save and render together
LEAKS = ("<class", "<function", "<bound", "<built-in", "object at 0x", "LoopContext", "root:", "__", "Undefined", "1001")


@pytest.fixture(scope="module")
def outcomes() -> list[dict[str, Any]]:
    """What became of every hostile template, in a process that may use 256 MB more than it starts with."""
    run = subprocess.run(
        [sys.executable, "-m", "tests.tasks.hostile_run"], cwd=ROOT, capture_output=True, text=True, timeout=100, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_every_hostile_template_is_refused_or_ends(outcomes: list[dict[str, Any]]) -> None:
    assert len(outcomes) == 2 * len(HOSTILE)
    assert [line for line in outcomes if line["ended"] not in ("refused", "stopped", "rendered")] == []


def test_every_hostile_template_ends_soon(outcomes: list[dict[str, Any]]) -> None:
    assert [line for line in outcomes if line["seconds"] > SECONDS] == []


def test_no_hostile_template_prints_an_object(outcomes: list[dict[str, Any]]) -> None:
    printed = [line for line in outcomes if line["ended"] == "rendered"]
    assert [line for line in printed if any(leak in line["printed"] for leak in LEAKS)] == []
    assert len(printed) < len(outcomes) / 10  # nearly all of them must not even print


@pytest.mark.parametrize("source", [
    "{% for item in many %}{{ item }}\n{% endfor %}",
    "{{ many|sort|join(', ') }}",
    "{{ many|length }}",
    "{% for line in lines if line.price > 2 %}{{ loop.index }}. {{ line.name|title }}: {{ line.price|money }}\n{% endfor %}",
])
def test_honest_templates_have_room(source: str) -> None:
    """The budget is far above what a real message needs."""
    data = {"many": [f"item {number}" for number in range(500)], "lines": [{"name": f"a {n}", "price": n} for n in range(500)]}
    assert len(_version(source).render(data, {}).message) > 2


def test_a_deadline_stands_behind_the_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine so slow that the steps last too long, the clock stops the template."""
    clock = iter(range(0, 1_000_000, 2))
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))
    with pytest.raises(RenderFailed, match="longer than 1 s"):
        _version("{% for i in range(999) %}{{ i }}{% endfor %}").render({}, {})


@pytest.mark.parametrize("data", [
    {"x": "{{ 1 + 1 }}"}, {"x": "{% for i in range(9) %}a{% endfor %}"}, {"x": "{0.__class__} %s %(a)s ${a}"},
    {"x": "<script>alert(1)</script>"}, {"x": "\u202e\u200b"}, {"x": "'; DROP TABLE recipients; --"},
])
def test_data_is_never_a_template(data: dict[str, str]) -> None:
    assert _version("<{{ x }}>").render(data, {}).message == f"<{data['x']}>"


FILTERED = ("", "|length", "|upper", "|title", "|int", "|money", "|date", "|join", "|sort|first", "|sum", "|truncate(9)")


def test_hostile_data_meets_a_template_that_uses_all_of_it() -> None:
    """Long lists and texts through honest filters end in a message, or in an error that names the part and the line."""
    data = hostile_data()
    for name in data:
        for tail in FILTERED:
            version = _version(f"\n{{{{ {name}{tail} }}}}")
            for found in version.render_many(data, [{}]):
                assert isinstance(found, Rendered) or (found.extra["part"], found.extra["line"]) == ("message", 2)


NAMES = st.sampled_from([
    "text", "items", "many", "huge", "nothing", "order.lines", "order['total']", "recipient.name", "recipient", "loop.index",
    "loop", "items[0]", "items[1:]", "text[::-1]", "order.nothing.more", "1", "2.5", "'a'", "none", "[1, text]", "{'a': items}",
    "range(3)",
])
TAILS = st.sampled_from([
    "", "|upper", "|length", "|join(',')", "|sort", "|first", "|last", "|sum", "|int", "|float(0)", "|round", "|money", "|date",
    "|items", "|default('x')", "|default(text)", "|trim", "|title", "|truncate(3)", "|replace('a','b')", "|urlencode", "|abs",
    "|tojson", ".__class__", "()", ".upper()", "|join(text, attribute='a')", " is defined", " is divisibleby 2", " in items",
    " == text", " ~ text", " + 1", " * 9", " % 2", " < 3", " if text else items", " and text", " // 0", "[0]", "|attr('x')",
])
VALUES = st.builds(lambda name, tails: name + "".join(tails), NAMES, st.lists(TAILS, max_size=3))
PIECES = st.one_of(
    st.builds("{{{{ {} }}}}".format, VALUES),
    st.builds("{{% set {} = {} %}}".format, st.sampled_from(["text", "items", "other", "loop", "range"]), VALUES),
    st.builds("{{% for {} in {} %}}".format, st.sampled_from(["item", "a, b", "text", "loop"]), VALUES),
    st.builds("{{% if {} %}}".format, VALUES),
    st.sampled_from(["{% endfor %}", "{% endif %}", "{% else %}", "{% elif 1 %}", "{% with a = 1 %}", "plain", "\n"]),
    st.sampled_from(["{%", "}}", "{#", "{{", "%}", "#}", "{{-", "-%}"]),
    st.text(max_size=5),
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=st.lists(PIECES, max_size=8), part=st.sampled_from(PARTS))
def test_nonsense_never_gets_out(pieces: list[str], part: str) -> None:
    """Any source at all is refused, or renders, or fails by name: no other exception, and no Python object in the text."""
    order = {"lines": [{"a": 1}], "total": 5}
    data = {"text": "text", "items": [3, 1, 2], "many": ["b", "a"], "huge": "a" * 9_999, "order": order}
    started = time.process_time()
    try:
        texts = dict.fromkeys(PARTS, "") | {"title": "t", "message": "m", part: "".join(pieces)}
        rendered = CompiledVersion(texts).render(data, {"name": "Ann"}, [part])
    except (InvalidTemplate, MissingVariable, RenderFailed) as error:
        assert error.field  # noqa: PT017 (to raise is as good as not to; but it must say where)
    else:
        assert not any(leak in getattr(rendered, part) for leak in LEAKS[:6])
    assert time.process_time() - started < SECONDS


def _draft(message: str) -> SimpleNamespace:
    return SimpleNamespace(id=None, **{**dict.fromkeys(PARTS, ""), "title": "t", "message": message})


def _version(message: str) -> CompiledVersion:
    return compiled(_draft(message))
