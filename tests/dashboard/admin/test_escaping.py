"""Whatever stands in the data is shown as text, on every page."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from flask import Flask

from dashboard import audit
from tasks.extensions import db
from tasks.models import Attempt, Breaker, Broadcast, Device, Segment
from tasks.models.types import utcnow
from tasks.models.words import EMAIL, FAILED, SENDING
from tests import factories
from tests.dashboard.admin.browsing import Browser, words
from tests.dashboard.admin.story import delivery, notification
from tests.dashboard.admin.test_guard import NEEDS

PAYLOADS = (
    "<script>window.__x=1</script>", "\"><img src=x onerror=window.__x=1>", "'-window.__x-'",
    "</title><svg/onload=window.__x=1>", "{{ 1234*4321 }}<b>bold</b>", "javascript:window.__x=1",
)
LINKS = {"href", "src", "action", "formaction"}


@pytest.fixture(params=PAYLOADS)
def payload(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def poisoned(app: Flask, payload: str) -> str:
    """One row of everything, with the payload in every text that anyone could have put there."""
    template = factories.template("t", message="plain")
    template.name = template.description = payload
    version = template.current_version
    about = dict.fromkeys(("name", "email", "country", "locale"), payload)
    person = factories.person(payload, **about, attributes={payload: payload})
    db.session.add(Device(recipient_id=person.id, token=payload * 2, platform=payload, off_reason=payload, is_active=False))
    db.session.add(Segment(slug="s", name=payload, description=payload, definition={"combinator": "and", "rules": []}))
    db.session.add(factories.rule("t", description=payload))
    broadcast = Broadcast(
        template_version_id=version.id, audience=payload, audience_label=payload, state=SENDING, title=payload, message=payload,
        data={payload: payload}, detail=payload, created_by=payload, started_at=utcnow(),
    )
    db.session.add(broadcast)
    db.session.flush()
    message = notification(person, version.id, title=payload, message=payload, broadcast_id=broadcast.pk)
    message.own_data = {payload: payload}
    row = delivery(message, EMAIL, FAILED, provider=payload, reason=payload, detail=payload, tries=0, broadcast_id=broadcast.pk)
    db.session.add(Attempt(
        delivery_id=row.pk, number=1, provider=payload, target=payload, outcome="permanent", code=payload, response=payload,
        provider_ref=payload,
    ))
    db.session.add(Breaker(provider=payload, failures=9, opened_at=utcnow(), last_error=payload))
    audit.record(payload, payload, payload, {payload: [payload, {payload: payload}]}, actor=payload)
    db.session.commit()
    return payload


class Reader(HTMLParser):
    """Reads a page as a browser does, and notes whatever in it could run."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.dangers: list[str] = []
        self._in_script = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_script = tag == "script"
        names = dict(attrs)
        if tag in {"style", "img", "b", "iframe", "object", "embed"} or (tag == "svg" and "viewbox" not in names):
            self.dangers.append(tag)
        for name, value in attrs:
            target = (value or "").strip().lower()
            leads_astray = name in LINKS and target.startswith(("javascript:", "data:"))
            if leads_astray or name in {"style", "srcdoc"} or name.startswith("on"):
                self.dangers.append(f"{tag} {name}={value}")

    def handle_endtag(self, tag: str) -> None:
        self._in_script = False

    def handle_data(self, data: str) -> None:
        if self._in_script and data.strip():
            self.dangers.append(f"script {data}")


def test_no_page_runs_what_the_data_says(poisoned: str, admin: Browser) -> None:
    seen = 0
    for path in NEEDS:
        answer = admin.get(f"{path}?id=1&number=1")
        page = answer.text
        if answer.mimetype != "text/html":  # a file to keep: no browser reads it as a page
            assert answer.headers["X-Content-Type-Options"] == "nosniff", path
            continue
        assert Reader(page).dangers == [], path
        assert "5332114" not in page, path
        seen += poisoned in words(page) or poisoned in unescape(page)
    assert seen > 12, "the payload is shown, as text, on most pages"


def test_no_link_leads_where_the_data_says(admin: Browser, app: Flask) -> None:
    factories.template()
    for url in ("javascript:alert(1)", "//evil.example", "https://evil.example/"):
        page = admin.get("/admin/templates/edit/", id=1, url=url).text
        assert 'href="javascript' not in page
        assert "evil.example" not in re.sub(r'action="[^"]*"', "", page)


def test_ids_from_the_address_are_shown_as_text(admin: Browser, payload: str) -> None:
    for query in ("state", "channel", "recipient", "template", "reason", "since", "search", "find", "name"):
        for page in ("/admin/deliveries/", "/admin/recipients/", "/admin/templates/", "/admin/audit/"):
            assert Reader(admin.get(page, **{query: payload}).text).dangers == []

