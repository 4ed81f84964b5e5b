"""What the senders call after their commit. It never fails a send: the message is in the inbox, and the sweep finds it."""

import logging
from collections.abc import Collection, Sequence

from sqlalchemy.exc import SQLAlchemyError

from tasks import presence
from tasks.inbox import Change
from tasks.live.setup import Live, current

log = logging.getLogger(__name__)


def announce(notification_pks: Sequence[int]) -> None:
    """Give these messages, now committed, to those of their receivers who are online. Returns at once where nobody is.

    Needs an app context. One statement, whatever their number; nothing is raised. Somebody else whose messages were written
    between these may be woken too: they will find nothing that they do not have.
    """
    live = current()
    if live is None or not notification_pks or (live.emitter is None and not (live.stream and live.stream.crowd)):
        return  # nobody could be reached from here; where another process serves, its sweep finds them
    try:
        people = presence.online_receivers(min(notification_pks), max(notification_pks))
    except SQLAlchemyError:
        log.exception("could not see who is online: %d messages reach them two seconds later", len(notification_pks))
        return
    _wake(live, look=people)


def changed(change: Change) -> None:
    """Show what a person did to messages on all their connections, with the true unread count. Nothing is raised."""
    live = current()
    if live is not None:
        _wake(live, changes=[change])


def _wake(live: Live, *, look: Collection[int] = (), changes: Sequence[Change] = ()) -> None:
    if not look and not changes:
        return
    try:
        live.wake(look=look, changes=changes)
    except Exception:  # whatever a broken message queue does, the send has succeeded
        log.exception("could not wake the web processes: live messages come two seconds later")
