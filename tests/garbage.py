"""The garbage collector of a test process: what is there before the first test stays, so it is never looked through again.

Each test makes an app and drops it, a graph full of circles, and by its own rules the collector walks through every module and
every collected test to find it: that was a quarter of the time of the dashboard's tests. What the tests themselves leave is still
collected, so a file or a connection that nobody closed is still told of.
"""

import gc

import pytest

MADE = 5_000  # objects between two collections of the young: Python's own 700 is for small programs


def pytest_load_initial_conftests() -> None:
    """Imports and collection make a great many objects, and none of them goes again."""
    gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """From here on there is something to collect."""
    gc.freeze()
    gc.set_threshold(MADE, 10, 10)
    gc.enable()
