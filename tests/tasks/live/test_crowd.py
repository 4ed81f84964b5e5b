"""Who is here, and who is told later what came too early."""

from tasks.inbox import Cursor
from tasks.live.crowd import Crowd
from tasks.live.listener import Listener


def test_who_has_had_no_first_sync_is_left_out_and_will_know_it():
    crowd = Crowd()
    ready, new = Listener("a", 1, 0.0), Listener("b", 1, 0.0)
    ready.place = Cursor()
    for one in (ready, new, Listener("c", 2, 0.0)):
        crowd.add(one)
    assert crowd.ready([1, 2, 3]) == {1: [ready]}
    assert (new.missed_news, new.missed_changes) == (True, False)
    assert crowd.ready([1], for_changes=True) == {1: [ready]}
    assert (new.missed_news, new.missed_changes) == (True, True)
    assert (ready.missed_news, ready.missed_changes) == (False, False)


def test_a_person_is_here_as_long_as_one_of_their_connections():
    crowd = Crowd()
    for sid in ("a", "b"):
        crowd.add(Listener(sid, 1, 0.0))
    crowd.remove("a")
    crowd.remove("a")
    assert (crowd.people(), crowd.connections(1), len(crowd)) == ({1}, 1, 1)
    assert crowd.among([1, 2]) == {1}
    crowd.remove("b")
    assert (crowd.people(), crowd.get("b"), len(crowd)) == (set(), None, 0)
