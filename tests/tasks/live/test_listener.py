"""What one connection is given: everything once, page by page, whatever arrives meanwhile."""

import pytest

from tasks import inbox, public_id
from tasks.database import reading
from tasks.inbox import Cursor
from tasks.live.listener import PAGE, Listener, first_syncs
from tests.peers.inbox_rows import messages, person


@pytest.fixture
def maya(any_app):
    return person("maya")


def listener(who, since=None):
    return Listener("sid", who, 0.0, since)


def numbers(sync):
    return [public_id.decode(public_id.NOTIFICATION, item["id"]) for item in sync["items"]]


def first(who, since=None):
    found = listener(who, since)
    with reading() as connection:
        return found, first_syncs(connection, [found])[0]


def further(found, since):
    with reading() as connection:
        return found.next_sync(connection, inbox.decode(since))


def live(found, pks):
    """The messages that the stream would give, and the cursor with the last one."""
    given, cursor = [], None
    with reading() as connection:
        settled, _ = inbox.horizon(connection)
    for pk in pks:
        moved = found.take(pk, settled)
        if moved is not None:
            given.append(pk)
            cursor = inbox.encode(moved)
    found.settle(settled)
    return given, cursor


def test_a_first_visit_shows_the_newest_page(maya):
    pks = messages([maya] * (PAGE + 5))
    _, sync = first(maya)
    assert numbers(sync) == pks[::-1][:PAGE]
    assert (sync["unread"], sync["more"]) == (PAGE + 5, True)
    assert "reset" not in sync
    assert numbers(first(maya, sync["cursor"])[1]) == []


def test_an_empty_inbox(maya):
    _, sync = first(maya)
    assert sync["items"] == []
    assert (sync["unread"], sync["more"]) == (0, False)
    pks = messages([maya])
    assert numbers(first(maya, sync["cursor"])[1]) == pks


def test_a_gap_comes_oldest_first(maya):
    messages([maya])
    _, sync = first(maya)
    pks = messages([maya] * 3)
    found, gap = first(maya, sync["cursor"])
    assert numbers(gap) == pks
    assert gap["more"] is False
    assert live(found, pks) == ([], None)


def test_a_wide_gap_comes_page_by_page_while_live_messages_go_on(maya):
    _, sync = first(maya)
    pks = messages([maya] * (2 * PAGE + 7))
    found, page = first(maya, sync["cursor"])
    given = numbers(page)
    assert given == pks[:PAGE]
    assert page["more"] is True
    fresh = messages([maya])
    assert live(found, fresh)[0] == fresh
    while page["more"]:
        page = further(found, page["cursor"])
        given += numbers(page)
    assert given == pks  # the live one not once more
    assert numbers(first(maya, page["cursor"])[1]) == []


def test_a_connection_that_breaks_while_behind_resumes_at_the_gap(maya):
    _, sync = first(maya)
    pks = messages([maya] * (PAGE + 7))
    found, _ = first(maya, sync["cursor"])
    fresh = messages([maya])
    given, cursor = live(found, fresh)
    assert given == fresh
    _, rest = first(maya, cursor)  # all that a client knows is the cursor of the last event
    assert numbers(rest) == pks[PAGE:]


def test_asking_again_for_what_was_given_is_allowed(maya):
    _, sync = first(maya)
    found, _ = first(maya)
    pks = messages([maya] * 3)
    live(found, pks)
    again = further(found, sync["cursor"])
    assert numbers(again) == pks
    assert again["more"] is False


def test_asking_does_not_get_ahead_of_the_live_messages(maya):
    found, sync = first(maya)
    pks = messages([maya])
    assert numbers(further(found, sync["cursor"])) == []
    assert live(found, pks)[0] == pks


def test_a_live_message_is_given_once(maya):
    found, _ = first(maya)
    pks = messages([maya] * 2)
    given, cursor = live(found, pks)
    assert given == pks
    assert live(found, pks) == ([], None)
    assert not found.lacks(pks[0])
    assert numbers(first(maya, cursor)[1]) == []


def test_before_the_first_sync_nothing_is_given(maya):
    pks = messages([maya])
    found = listener(maya)
    assert found.take(pks[0], pks[0]) is None
    assert not found.lacks(pks[0])
    with pytest.raises(RuntimeError):
        further(found, inbox.encode(Cursor()))


@pytest.mark.parametrize("since", ["nonsense", 7, {"a": 1}, "ahead of everything"])
def test_a_cursor_that_is_none_of_ours_starts_afresh_and_says_so(maya, since):
    pks = messages([maya])
    sent = inbox.encode(Cursor(10_000)) if since == "ahead of everything" else since  # as after a restored backup
    _, sync = first(maya, sent)
    assert sync["reset"] is True
    assert numbers(sync) == pks
