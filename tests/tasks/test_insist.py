"""While the database is away, what cannot be done again is kept and written down later."""

import pytest
from sqlalchemy.exc import IntegrityError, OperationalError

from tasks import insist
from tasks.insist import insist as insisting


@pytest.fixture(autouse=True)
def _restless(monkeypatch):
    monkeypatch.setattr(insist, "REST", 0.001)


class Away:
    """Work that fails so many times."""

    def __init__(self, times, error=OperationalError):
        self.times, self.error, self.told = times, error, []

    def __call__(self, again):
        self.told.append(again)
        if len(self.told) <= self.times:
            raise self.error("UPDATE", {}, Exception("gone"))
        return "written"


def never():
    return False


def test_it_goes_on_until_the_database_is_back_and_says_that_it_was_tried():
    work = Away(3)
    assert insisting(work, 60, never) == "written"
    assert work.told == [False, True, True, True]


def test_its_patience_ends():
    with pytest.raises(OperationalError):
        insisting(Away(10**6), 0.02, never)


def test_a_process_that_ends_waits_a_little_and_no_longer(monkeypatch):
    monkeypatch.setattr(insist, "LAST_TRIES", 0.02)
    with pytest.raises(OperationalError):
        insisting(Away(10**6), 600, lambda: True)


def test_what_is_no_outage_is_not_tried_again():
    work = Away(1, IntegrityError)
    with pytest.raises(IntegrityError):
        insisting(work, 60, never)
    assert work.told == [False]
