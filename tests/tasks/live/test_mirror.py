"""Changes on one device, for the others: what is heard, what was missed, and that nothing is shown twice for want of news."""

import pytest

from tasks import inbox
from tasks.database import reading
from tasks.inbox import REFRESH, Change
from tasks.live import mirror
from tasks.live.mirror import Mirror
from tests.peers.inbox_rows import messages, person


@pytest.fixture(autouse=True)
def no_patience(monkeypatch):
    monkeypatch.setattr(mirror, "YOUNG", 0.0)


def missed(here):
    with reading() as connection:
        return here.missed(connection)


def test_what_was_heard_is_not_missed(any_app):
    maya = person()
    messages([maya])
    here = Mirror()
    change = inbox.mark(maya, "read", None).change
    assert here.hear([change]) == [change]
    assert missed(here) == []


def test_what_was_not_heard_is_a_refresh_once(any_app):
    maya = person()
    messages([maya])
    change = inbox.mark(maya, "read", None).change
    here = Mirror()
    assert missed(here) == [Change(maya, change.number, REFRESH, None)]
    assert missed(here) == []


def test_young_changes_are_left_to_their_news(any_app, monkeypatch):
    monkeypatch.setattr(mirror, "YOUNG", 30.0)
    maya = person()
    messages([maya])
    inbox.mark(maya, "read", None)
    assert missed(Mirror()) == []


def test_news_after_a_gap_is_a_refresh():
    here = Mirror()
    first, third = Change(7, 1, "read", (1,)), Change(7, 3, "archive", (2,))
    assert here.hear([first, third]) == [first, Change(7, 3, REFRESH, None)]
    late = Change(7, 2, "unread", (1,))
    assert here.hear([late]) == [late]


def test_news_that_nothing_changed_makes_no_gap(any_app):
    maya = person()
    here = Mirror()
    nothing = Change(maya, 0, "read", ())
    assert here.hear([nothing]) == [nothing]
    seventh = Change(maya, 7, "read", (1,))
    assert here.hear([seventh]) == [seventh]
