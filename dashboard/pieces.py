"""An answer that is made while it is sent: some items at a time, each lot with the database at hand."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

from flask import Flask, current_app

T = TypeVar("T")
TOGETHER = 500  # items in one piece


def pieces(items: Iterable[T]) -> Iterator[list[T]]:
    """The items in lots. Call it while the request's context is there: each lot is made in an app context of its own.

    The request's is gone while the answer goes out, and a session of the database ends with each lot.
    """
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    return _lots(app, iter(items))


def _lots(app: Flask, items: Iterator[T]) -> Iterator[list[T]]:
    while True:
        with app.app_context():
            lot = list(islice(items, TOGETHER))
        if not lot:
            return
        yield lot
