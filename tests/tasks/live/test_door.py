"""Few at a time, in order; and nobody who stands in the doorway keeps the others out."""

import threading
import time

from tasks.live import door
from tasks.live.door import Door


def entering(here, names):
    """Let these come one after the other. Gives the list of those who are in, which grows, and the threads."""
    entered, threads = [], []
    for name in names:
        thread = threading.Thread(target=lambda name=name: here.enter(name) and entered.append(name))
        thread.start()
        threads.append(thread)
        time.sleep(0.02)  # the order of coming
    return entered, threads


def test_who_leaves_makes_room_for_the_next():
    here = Door(2)
    entered, threads = entering(here, "abcd")
    assert entered == ["a", "b"]
    here.leave("b")
    threads[2].join(5)
    assert entered == ["a", "b", "c"]
    here.leave("a")
    threads[3].join(5)
    assert entered == ["a", "b", "c", "d"]


def test_leaving_twice_or_without_a_place_makes_no_room():
    here = Door(1)
    assert here.enter("a")
    here.leave("nobody")
    here.leave("a")
    here.leave("a")
    entered, threads = entering(here, "bc")
    assert entered == ["b"]
    here.leave("b")
    threads[1].join(5)
    assert entered == ["b", "c"]


def test_who_waits_too_long_is_told_so_and_takes_no_place(monkeypatch):
    monkeypatch.setattr(door, "LONGEST_WAIT", 0.02)
    here = Door(1)
    assert here.enter("a")
    assert not here.enter("late")
    here.leave("late")
    here.leave("a")
    assert here.enter("b")


def test_who_says_nothing_loses_the_place(monkeypatch):
    here = Door(1)
    assert here.enter("silent")
    here.hurry()
    monkeypatch.setattr(door, "LONGEST_WAIT", 0.02)
    assert not here.enter("b")
    monkeypatch.setattr(door, "LONGEST_STAY", 0.0)
    here.hurry()
    assert here.enter("b")
    here.leave("silent")  # later, when it goes: the place is not its own any more
    assert not here.enter("c")
