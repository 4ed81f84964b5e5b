"""Live messages: a wake-up says "look", and each web process gives what is new to the people connected to it. Re-exports only.

The messages themselves never travel between processes. So a lost or late wake-up loses nothing, an event never overtakes another,
and the cursor and the unread count of every event are true when it leaves.
"""

from tasks.live.announcing import announce, changed
from tasks.live.listener import Listener
from tasks.live.setup import Live, current, init_live
from tasks.live.stream import Stream

__all__ = ["Listener", "Live", "Stream", "announce", "changed", "current", "init_live"]
