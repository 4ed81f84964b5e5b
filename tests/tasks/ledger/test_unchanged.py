"""How long a value has stood still, by the clock of who looks."""

from tasks.ledger.unchanged import GAP, Unchanged


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_only_what_stays_the_same_ages():
    clock = Clock()
    watched = Unchanged(clock)
    assert watched.look({"a": 1, "b": 1}) == {"a": 0, "b": 0}
    clock.now = 5
    assert watched.look({"a": 1, "b": 2, "c": 1}) == {"a": 5, "b": 0, "c": 0}
    clock.now = 9
    assert watched.look({"a": 1, "b": 2}) == {"a": 9, "b": 4}


def test_who_could_not_look_for_a_while_begins_anew():
    clock = Clock()
    watched = Unchanged(clock)
    watched.look({"a": 1})
    clock.now = GAP + 1
    assert watched.look({"a": 1}) == {"a": 0}
    clock.now += 3
    assert watched.look({"a": 1}) == {"a": 3}


def test_what_was_gone_in_between_is_new():
    clock = Clock()
    watched = Unchanged(clock)
    watched.look({"a": 1})
    watched.look({})
    clock.now = 5
    assert watched.look({"a": 1}) == {"a": 0}
