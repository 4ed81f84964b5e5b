"""A person's inbox: pages, what was missed, the unread count, and what the person does to messages. Re-exports only."""

from tasks.inbox.cursor import Cursor, decode, encode, horizon
from tasks.inbox.marks import ACTIONS, REFRESH, Change, Marked, changes, mark
from tasks.inbox.openings import Opening, opened
from tasks.inbox.pages import LONGEST_PAGE, arrival, arrived, item, newest, owners, page, since, unread, unread_many

__all__ = [
    "ACTIONS", "LONGEST_PAGE", "REFRESH", "Change", "Cursor", "Marked", "Opening", "arrival", "arrived", "changes", "decode",
    "encode", "horizon", "item", "mark", "newest", "opened", "owners", "page", "since", "unread", "unread_many",
]
