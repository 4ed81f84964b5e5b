"""Questions of one moment are answered in one piece; none gets an older answer, or another one's."""

import threading

import pytest

from tasks import gathering
from tasks.gathering import Gathering


class Desk:
    """Answers slowly, and keeps what it was asked in each piece. The first waits until it is let go."""

    def __init__(self):
        self.pieces, self.begun, self.go = [], threading.Event(), threading.Event()

    def answer(self, values):
        self.pieces.append(list(values))
        self.begun.set()
        assert self.go.wait(10)
        if "bad" in values:
            raise RuntimeError("refused")
        return [value * 2 for value in values]


def ask_all(desk, here, values):
    """Ask one value first, and the others while that is being answered. Returns what each got."""
    found = {}

    def ask(value):
        try:
            found[value] = here.ask(value)
        except RuntimeError as error:
            found[value] = str(error)

    threads = [threading.Thread(target=ask, args=(value,)) for value in values]
    threads[0].start()
    assert desk.begun.wait(10)
    for thread in threads[1:]:
        thread.start()
    while len(here._waiting) < len(values) - 1:
        threading.Event().wait(0.001)
    desk.go.set()
    for thread in threads:
        thread.join(10)
    return found


def test_who_waits_is_answered_together_and_never_by_a_piece_that_had_begun():
    desk = Desk()
    here = Gathering(desk.answer)
    assert ask_all(desk, here, [1, 2, 3, 4]) == {1: 2, 2: 4, 3: 6, 4: 8}
    assert desk.pieces[0] == [1]
    assert sorted(desk.pieces[1]) == [2, 3, 4]
    assert here.ask(5) == 10


def test_what_goes_wrong_is_told_to_all_of_its_piece_and_to_nobody_else():
    desk = Desk()
    here = Gathering(desk.answer)
    assert ask_all(desk, here, ["good", "bad", "beside"]) == {"good": "goodgood", "bad": "refused", "beside": "refused"}
    assert here.ask("later") == "laterlater"


def test_a_piece_has_an_end(monkeypatch):
    monkeypatch.setattr(gathering, "MOST", 2)
    desk = Desk()
    here = Gathering(desk.answer)
    assert ask_all(desk, here, [1, 2, 3, 4, 5, 6]) == {n: 2 * n for n in range(1, 7)}
    assert [len(piece) for piece in desk.pieces] == [1, 2, 2, 1]


def test_a_work_that_forgets_somebody_is_an_error_not_a_wrong_answer():
    with pytest.raises(ValueError, match="argument"):
        Gathering(lambda values: []).ask(1)
