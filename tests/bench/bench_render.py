"""Rendering: microseconds a person, against bare compiled Jinja in its immutable sandbox, interleaved in the same run.

Run: python -m tests.bench.bench_render. The bare side has no budget, no limits, no copy of the data and no error that names
anything; it is what the price of all that is measured against. A ratio under 1 is faster than bare.
"""

import statistics
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from tasks.render import PARTS, compiled

PEOPLE = 1_000
ROUNDS = 5
TITLE = "Payment of ₹{{ amount }} received"
MESSAGE = (
    "Dear {{ recipient.name }}, your payment of ₹{{ amount }} through {{ gateway }} was successful."
    "{% if recipient.attributes.vip %} Thank you for staying with us!{% endif %}"
)
LINE = '<tr><td style="padding:8px;border-bottom:1px solid #eee">{{ item.name }}</td><td align="right">{{ item.price }}</td></tr>'
PAGE = "<p style='color:#333;font-family:sans-serif'>We are glad that you are with us, and hope you will be for long.</p>\n" * 60
HTML = (
    f"<h1>Hi {{{{ recipient.name }}}}</h1>{PAGE}<table>{{% for item in items %}}{LINE}{{% endfor %}}</table>"
    f"{PAGE[:3000]}<p>{{{{ recipient.attributes.city }}}} {{{{ gateway }}}}</p>"
)
DATA: dict[str, Any] = {
    "amount": 1000, "gateway": "eSewa", "items": [{"name": f"Item <{n}>", "price": n * 10} for n in range(10)],
}


def people() -> list[dict[str, Any]]:
    """Recipients as the sender gives them: every field, a few attributes."""
    return [
        {
            "id": str(n), "name": f"Person {n}", "email": f"p{n}@example.com", "phone": "+9779800000000", "locale": "ne",
            "timezone": "Asia/Kathmandu", "country": "NP", "attributes": {"vip": n % 2 == 0, "city": "Pokhara", "plan": "gold"},
        }
        for n in range(PEOPLE)
    ]


def microseconds(work: Callable[[], object]) -> float:
    """Microseconds a person of one run."""
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1e6 / PEOPLE


def compare(name: str, ways: dict[str, Callable[[], object]]) -> None:
    """Print the median of each way, and its ratio to the first."""
    measured: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(ROUNDS):
        for way, work in ways.items():
            measured[way].append(microseconds(work))
    medians = {way: statistics.median(times) for way, times in measured.items()}
    bare = next(iter(medians.values()))
    for way, median in medians.items():
        print(f"{name:<24} {way:<30} {median:8.2f} us  {median / bare:5.2f} x")


def main() -> None:
    """The title and message of one notification, a 10 kB HTML e-mail, and a text that is the same for all."""
    version = SimpleNamespace(id=1, **{**dict.fromkeys(PARTS, ""), "title": TITLE, "message": MESSAGE, "email_html": HTML})
    shared = SimpleNamespace(id=2, **{**dict.fromkeys(PARTS, ""), "title": TITLE, "message": "Paid by {{ gateway }}."})
    bare = ImmutableSandboxedEnvironment(undefined=StrictUndefined)
    escaping = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=True)
    title, message, html = bare.from_string(TITLE), bare.from_string(MESSAGE), escaping.from_string(HTML)
    same = bare.from_string(shared.message)
    everyone = people()
    print(f"{PEOPLE} people, median of {ROUNDS}; HTML of {len(html.render(recipient=everyone[0], **DATA))} characters\n")
    compare("title and message", {
        "bare jinja": lambda: [(title.render(recipient=p, **DATA), message.render(recipient=p, **DATA)) for p in everyone],
        "one call a person": lambda: [compiled(version).render(DATA, p) for p in everyone],
        "render_many": lambda: compiled(version).render_many(DATA, everyone),
    })
    compare("10 kB of HTML", {
        "bare jinja": lambda: [html.render(recipient=p, **DATA) for p in everyone],
        "one call a person": lambda: [compiled(version).render(DATA, p, ["email_html"]) for p in everyone],
        "render_many": lambda: compiled(version).render_many(DATA, everyone, ["email_html"]),
    })
    compare("the same for all", {
        "bare jinja": lambda: [(title.render(**DATA), same.render(**DATA)) for _ in everyone],
        "render_many": lambda: compiled(shared).render_many(DATA, everyone),
    })
    compare("frame around a message", {
        "bare jinja, without a frame": lambda: [message.render(recipient=p, **DATA) for p in everyone],
        "render_many": lambda: compiled(shared).render_many(DATA, everyone, ["email_html"]),
    })


if __name__ == "__main__":
    main()
