"""The widget's demo page: a token for a real inbox, for those who may send, and a bell to ring."""

from collections.abc import Callable

import pytest

from dashboard import keys, tokens
from tests import factories
from tests.dashboard.admin.browsing import Browser, words


@pytest.fixture
def sender(browse: Callable[[str], Browser]) -> Browser:
    return browse("sender")


def test_with_nobody_and_without_a_key_it_says_what_is_missing(sender: Browser) -> None:
    assert "Nobody is there yet" in words(sender.get("/admin/inbox-demo/").text)
    factories.person("42")
    assert "No key to sign with" in words(sender.get("/admin/inbox-demo/").text)
    assert "No active person has the id x<y" in words(sender.get("/admin/inbox-demo/", person="x<y").text)


def test_the_token_opens_that_persons_inbox(sender: Browser) -> None:
    factories.person("42", name="Maya")
    keys.create_key("shop", ["inbox"], "test")

    page = sender.get("/admin/inbox-demo/", person="42").text

    assert page.count("<carillon-inbox ") == 2
    assert tokens.verify(sender.get("/admin/inbox-demo/token/", person="42").json["token"]).subject == "42"
    assert sender.get("/admin/inbox-demo/token/", person="43").status_code == 404


def test_the_bell_rings_in_the_app_only(sender: Browser) -> None:
    factories.template()
    factories.rule(channels=["email"])
    factories.person("42", email="a@example.test")

    answer = sender.post("/admin/inbox-demo/ring/", {"person": "42", "template": "payment_success"})

    assert answer.status_code == 200
    assert [(row.channel, row.state) for row in factories.deliveries()] == [("in_app", "sent")]
    assert factories.notifications()[0].title == "Payment of ₹amount"
    assert sender.post("/admin/inbox-demo/ring/", {"person": "42", "template": "none"}).status_code == 404


def test_reading_peoples_inboxes_is_not_for_viewers(browse: Callable[[str], Browser]) -> None:
    factories.person("42")
    editor = browse("editor")

    for path in ("/admin/inbox-demo/", "/admin/inbox-demo/token/?person=42"):
        assert editor.get(path).status_code == 403
    assert "Inbox widget" not in editor.get("/admin/").text
